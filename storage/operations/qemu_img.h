#pragma once
// Conversion by qemu-img, which reads and writes RBD itself (package qemu-block-extra). The key comes from
// the keyring that ceph.conf names: nothing secret is in its arguments.

#include <cstdint>
#include <string>
#include <vector>

#include "storage/operations/operations.h"

namespace hanok::storage {

class QemuImg final : public Converter {
 public:
  QemuImg(std::string ceph_conf, std::string ceph_client, std::int64_t deadline_s = 1500);
  [[nodiscard]] Status convert(const SnapshotRef& from, const std::string& format,
                               const ImageRef& to) override;

 private:
  const std::string ceph_conf_, ceph_client_;
  const std::int64_t deadline_s_;
};

// Runs a program without a shell. kTimeout: killed at the deadline; kBadRequest with the end of its stderr
// when it exits with another status than 0; kInternal when it cannot be started.
[[nodiscard]] Status run_program(const std::vector<std::string>& arguments, std::int64_t deadline_s);

}  // namespace hanok::storage

#pragma once
// Root disks of guests: copies of images, and images made from them. All steps can be repeated after a crash
// at any point.

#include <functional>
#include <string>

#include "agents/compute/instance.h"
#include "storage/block/block_store.h"

namespace hanok::agent {

// Writes the raw form of `source` (in `format`) to the new image `target`; overwritable in tests.
using Convert = std::function<Status(const storage::SnapshotRef& source, const std::string& format,
                                     const storage::ImageRef& target)>;
// By qemu-img over its rbd driver. The key is found through the configuration file, never in argv.
[[nodiscard]] Convert qemu_img_convert(const std::string& ceph_conf, const std::string& ceph_client);

class RootDisks {
 public:
  RootDisks(storage::BlockStore& store, Convert convert) : store_(store), convert_(std::move(convert)) {}

  // The disk is there, made from its source, at least size_gib large.
  [[nodiscard]] Status prepare(const RootDisk& disk);
  [[nodiscard]] Status grow(const RootDisk& disk);
  [[nodiscard]] Status remove(const storage::ImageRef& disk);  // idempotent
  // `target` becomes an independent copy of `disk` with the snapshot "snap"; gives its size in bytes.
  [[nodiscard]] Result<std::uint64_t> upload(const storage::ImageRef& disk, const storage::ImageRef& target);

 private:
  [[nodiscard]] Status convert_whole(const RootDisk& disk);

  storage::BlockStore& store_;
  Convert convert_;
};

}  // namespace hanok::agent

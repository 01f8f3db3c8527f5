#pragma once
// The `instance` object of docs/architecture.md, checked.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agents/compute/domain.h"
#include "common/json.h"
#include "common/result.h"
#include "storage/block/block_store.h"

namespace hanok::agent {

struct RootDisk {
  storage::SnapshotRef source;
  std::string format;  // raw, qcow2, ...
  storage::ImageRef disk;
  std::int64_t size_gib = 0;  // 0: as large as the image
  bool vhost_user = false;    // by hanok-storage; else by QEMU's own RBD driver
};

struct Instance {
  std::string id, power, request_id;
  int vcpus = 1;
  std::int64_t ram_mib = 64, deadline_us = 0;
  std::string root_socket;       // of hanok-storage, for its root disk if that is served there
  std::optional<RootDisk> root;  // none: boots from a volume
  std::vector<NicSpec> nics;
  std::vector<DiskSpec> volumes;  // that shall be attached; serial = volume id
  std::vector<DiskSpec> leaving;  // that shall not any more
  std::int64_t reboot_serial = 0, rebuild_serial = 0;
  bool hard_reboot = false;
  bool deleted = false;
  Json config_drive = nullptr;
  std::string upload_image_id;  // empty: no upload wanted
  storage::ImageRef upload;
};

// `socket_dir`: where the vhost-user sockets of NICs live.
[[nodiscard]] Result<Instance> read_instance(const std::string& id, const Json& object,
                                             const std::string& socket_dir);
// The disks that the guest boots from come by QEMU's own driver, whatever was wanted.
void boot_by_qemu(Instance& instance);
// All disks: the root disk as vda, then the volumes, each with a device name of its own.
[[nodiscard]] std::vector<DiskSpec> disks_of(const Instance& instance);
[[nodiscard]] std::string disk_socket(const std::string& socket_dir, const std::string& volume_id);
[[nodiscard]] std::string vhost_socket(const std::string& socket_dir, const std::string& port_id);

}  // namespace hanok::agent

#pragma once
// BlockStore on Ceph RBD. One cluster connection, made by the first call and again after it was lost; every
// call ends: when the cluster does not answer within the deadline it is kUnavailable or kTimeout. Names of
// pools and images as `rbd` shows them. Clones are of version 2 (the pool needs min-compat-client mimic), so
// that snapshots and parents can be removed while clones live.

#include <memory>
#include <string>

#include "storage/block/block_store.h"

namespace hanok::storage {

struct RbdOptions {
  std::string conf_path;         // ceph.conf
  std::string client = "admin";  // without "client."
  std::int64_t deadline_s = 20;  // of one RADOS operation, and of connecting
};

// Does not connect yet.
[[nodiscard]] std::unique_ptr<BlockStore> open_rbd_store(RbdOptions options);
[[nodiscard]] std::unique_ptr<BlockStore> open_rbd_store(const std::string& conf_path,
                                                         const std::string& client);

}  // namespace hanok::storage

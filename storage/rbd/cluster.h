#pragma once
// The connection to Ceph that all calls share.

#include <memory>
#include <mutex>
#include <rados/librados.hpp>
#include <string>

#include "common/result.h"
#include "storage/rbd/rbd_store.h"

namespace hanok::storage {

// What errno `code` (negative, as librados gives it) means for the caller.
[[nodiscard]] Error rbd_error(int code, const std::string& what);

// A pool, and the connection that must outlive it (so the order of the members matters).
struct Pool {
  std::shared_ptr<librados::Rados> rados;
  librados::IoCtx io;
};

class Cluster {
 public:
  explicit Cluster(RbdOptions options) : options_(std::move(options)) {}

  // An I/O context of the pool. Connects if needed; after a failure it is not tried again for a second, so
  // that many callers do not queue up behind a dead cluster.
  [[nodiscard]] Result<Pool> pool(const std::string& name);
  [[nodiscard]] Result<std::string> id();  // the fsid
  // When this client was fenced (ESHUTDOWN): a fresh connection next time. Those that still use the old one
  // keep it alive. Monitors and OSDs that come back are found again without it.
  void drop();

 private:
  [[nodiscard]] Result<std::shared_ptr<librados::Rados>> connection();
  [[nodiscard]] Result<std::shared_ptr<librados::Rados>> connect() const;

  const RbdOptions options_;
  std::mutex mutex_;
  std::shared_ptr<librados::Rados> rados_;
  std::int64_t retry_after_us_ = 0;
};

}  // namespace hanok::storage

#include "storage/rbd/cluster.h"

#include <cerrno>
#include <cstring>

#include "common/clock.h"

namespace hanok::storage {
namespace {

constexpr std::int64_t kRetryPause_us = 1'000'000;

}  // namespace

Error rbd_error(int code, const std::string& what) {
  const std::string text = what + ": " + std::strerror(-code);
  switch (-code) {
    case ENOENT:
      return not_found(text);
    case EEXIST:
    case EBUSY:
    case ENOTEMPTY:
    case ECANCELED:
      return conflict(text);
    case ETIMEDOUT:
      return Error{ErrorCode::kTimeout, text, {}};
    case ENOTCONN:
    case ESHUTDOWN:
    case EPIPE:
    case ECONNREFUSED:
      return unavailable(text);
    case EPERM:
      return Error{ErrorCode::kForbidden, text, {}};
    case EINVAL:
      return bad_request(text);
    case ENOSPC:
    case EDQUOT:
      return Error{ErrorCode::kOverQuota, text, {}};
    default:
      return internal_error(text);
  }
}

Result<std::shared_ptr<librados::Rados>> Cluster::connect() const {
  auto rados = std::make_shared<librados::Rados>();
  const std::string failed = "The connection to Ceph failed";
  if (const int code = rados->init(options_.client.c_str()); code < 0) return rbd_error(code, failed);
  if (const int code = rados->conf_read_file(options_.conf_path.c_str()); code < 0) {
    return unavailable(failed + ": " + options_.conf_path + ": " + std::strerror(-code));
  }
  const std::string seconds = std::to_string(options_.deadline_s);
  for (const char* option : {"rados_osd_op_timeout", "rados_mon_op_timeout", "client_mount_timeout"}) {
    rados->conf_set(option, seconds.c_str());
  }
  rados->conf_set("rbd_default_clone_format", "2");
  rados->conf_set("err_to_stderr",
                  "false");  // what fails is returned; librbd's own lines would only repeat it
  rados->conf_set("log_to_stderr", "false");
  rados->conf_set("rbd_cache", "false");  // nothing here reads back what it wrote
  // librbd 16.2 tells that an image is open and then takes a mutex of that image once more
  // (ImageState::complete_action_unlock). With two threads one that is closed at once is freed meanwhile.
  rados->conf_set("librados_thread_count", "1");
  if (const int code = rados->connect(); code < 0) {
    return unavailable(failed + ": " + std::strerror(-code));
  }
  return rados;
}

Result<std::shared_ptr<librados::Rados>> Cluster::connection() {
  const std::lock_guard lock(mutex_);
  if (rados_) return rados_;
  const std::int64_t now_us = SystemClock{}.now_us();
  if (now_us < retry_after_us_) return unavailable("The connection to Ceph failed: it does not answer");
  auto made = connect();
  if (!made.ok()) {
    retry_after_us_ = SystemClock{}.now_us() + kRetryPause_us;
    return made;
  }
  rados_ = *made;
  return rados_;
}

Result<Pool> Cluster::pool(const std::string& name) {
  HANOK_TRY(rados, connection());
  Pool out{.rados = rados, .io = {}};
  if (const int code = rados->ioctx_create(name.c_str(), out.io); code < 0) {
    if (code == -ESHUTDOWN) drop();
    return rbd_error(code, "Pool " + name);
  }
  return out;
}

Result<std::string> Cluster::id() {
  HANOK_TRY(rados, connection());
  std::string out;
  if (const int code = rados->cluster_fsid(&out); code < 0) return rbd_error(code, "fsid");
  return out;
}

void Cluster::drop() {
  const std::lock_guard lock(mutex_);
  rados_.reset();
}

}  // namespace hanok::storage

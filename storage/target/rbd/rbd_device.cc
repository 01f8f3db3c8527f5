#include "storage/target/rbd/rbd_device.h"

#include <rados/librados.h>
#include <rbd/librbd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <random>
#include <thread>
#include <utility>

#include "common/log.h"
#include "storage/rbd/cluster.h"
#include "storage/target/rbd/admin_socket.h"
#include "storage/target/rbd/fence.h"
#include "storage/target/rbd/object_reads.h"

namespace hanok::storage::target {
namespace {

constexpr const char* kConnectDeadline_s = "20";
constexpr int kSample_ms = 100, kIdleSample_ms = 1000;

class RbdDevice final : public BlockDevice {
 public:
  explicit RbdDevice(RbdDeviceOptions options) : options_(std::move(options)) {}
  ~RbdDevice() override;
  [[nodiscard]] Status open();

  [[nodiscard]] std::uint64_t size_bytes() const override { return size_bytes_.load(); }
  [[nodiscard]] bool read_only() const override { return options_.read_only; }
  void submit(IoRequest& request) override;
  std::size_t collect() override { return reads_ ? reads_->collect() : 0; }
  [[nodiscard]] const OsdTimes* osd_times() const override {
    return options_.admin_socket.empty() ? nullptr : &osd_times_;
  }
  void on_resize(std::function<void()> changed) override {
    const std::lock_guard lock(mutex_);
    changed_ = std::move(changed);
  }

 private:
  [[nodiscard]] Error error(int code, const std::string& what) const {
    return rbd_error(code, options_.pool + "/" + options_.image + ": " + what);
  }
  [[nodiscard]] Status connect();
  [[nodiscard]] Status check_cluster() const;
  [[nodiscard]] Status take_lock();
  [[nodiscard]] Status decrypt();
  void keep_lock();
  [[nodiscard]] Status watch_size();
  void follow();
  void look_at_size();
  [[nodiscard]] bool sample_osd_times();
  static void header_changed(void* self);
  static void lock_taken(rbd_completion_t completion, void* self);

  const RbdDeviceOptions options_;
  rados_t rados_ = nullptr;
  rados_ioctx_t io_ = nullptr;
  rbd_image_t image_ = nullptr;
  std::uint64_t watch_ = 0;
  bool watching_ = false;
  std::atomic<std::uint64_t> size_bytes_{0};
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false, look_ = false;
  std::function<void()> changed_;
  std::thread follower_;
  std::atomic<std::uint64_t> submitted_{0};
  std::atomic<bool> taking_lock_{false};
  OsdTimes osd_times_;
  std::unique_ptr<ObjectReads> reads_;  // null: read-only, or encrypted
};

RbdDevice::~RbdDevice() {
  if (follower_.joinable()) {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    follower_.join();
  }
  reads_.reset();
  if (watching_) rbd_update_unwatch(image_, watch_);
  if (image_ != nullptr) rbd_close(image_);  // waits for requests and gives the lock back
  if (io_ != nullptr) rados_ioctx_destroy(io_);
  if (rados_ != nullptr) rados_shutdown(rados_);
}

Status RbdDevice::connect() {
  if (const int code = rados_create(&rados_, options_.client.c_str()); code < 0) {
    return error(code, "client " + options_.client);
  }
  if (const int code = rados_conf_read_file(rados_, options_.conf_path.c_str()); code < 0) {
    return unavailable(options_.conf_path + ": " + std::strerror(-code));
  }
  // No deadline for requests: a guest waits for its disk.
  rados_conf_set(rados_, "client_mount_timeout", kConnectDeadline_s);
  rados_conf_set(rados_, "rbd_cache", "false");
  rados_conf_set(rados_, "err_to_stderr", "false");
  rados_conf_set(rados_, "log_to_stderr", "false");
  rados_conf_set(rados_, "admin_socket", options_.admin_socket.c_str());
  if (const int code = rados_connect(rados_); code < 0) {
    return unavailable(std::string("The connection to Ceph failed: ") + std::strerror(-code));
  }
  if (const int code = rados_ioctx_create(rados_, options_.pool.c_str(), &io_); code < 0) {
    return error(code, "the pool");
  }
  return {};
}

// Image names are the same in many clusters; a disk of the wrong one would be written to.
Status RbdDevice::check_cluster() const {
  if (options_.cluster.empty()) return {};
  std::array<char, 64> fsid{};
  if (const int code = rados_cluster_fsid(rados_, fsid.data(), fsid.size()); code < 0) {
    return error(code, "fsid");
  }
  if (options_.cluster == fsid.data()) return {};
  return conflict(options_.pool + "/" + options_.image + ": is of the cluster " + options_.cluster +
                  ", this is " + fsid.data());
}

Status RbdDevice::open() {
  HANOK_CHECK(connect());
  HANOK_CHECK(check_cluster());
  const int code = options_.read_only ? rbd_open_read_only(io_, options_.image.c_str(), &image_, nullptr)
                                      : rbd_open(io_, options_.image.c_str(), &image_, nullptr);
  if (code < 0) {
    image_ = nullptr;
    return error(code, "cannot be opened");
  }
  if (!options_.read_only) HANOK_CHECK(take_lock());
  HANOK_CHECK(decrypt());
  return watch_size();
}

// The lock is taken as any write takes it, here by one of no bytes: so librbd lends it to who asks for it,
// and takes it back with the next write. A snapshot of several volumes at one instant asks for it.
// rbd_lock_acquire() would make librbd refuse that, with an error for the other's writes.
Status RbdDevice::take_lock() {
  std::uint64_t features = 0;
  if (const int code = rbd_get_features(image_, &features); code < 0) return error(code, "features");
  if ((features & RBD_FEATURE_EXCLUSIVE_LOCK) == 0) {
    return conflict(options_.pool + "/" + options_.image + ": has no exclusive lock, which fencing needs");
  }
  HANOK_CHECK(fence(rados_, image_, options_.pool + "/" + options_.image, options_.owner_file));
  if (const int code = rbd_discard(image_, 0, 0); code < 0) return error(code, "the lock is not ours");
  return {};
}

// From here on the image is what is in its encryption, size included.
Status RbdDevice::decrypt() {
  if (options_.encryption.empty()) return {};
  const char* passphrase = options_.passphrase.c_str();
  const std::size_t length = options_.passphrase.size();
  int code = -EINVAL;
  if (options_.encryption == "luks1") {
    rbd_encryption_luks1_format_options_t luks{RBD_ENCRYPTION_ALGORITHM_AES256, passphrase, length};
    code = rbd_encryption_load(image_, RBD_ENCRYPTION_FORMAT_LUKS1, &luks, sizeof(luks));
  } else {
    rbd_encryption_luks2_format_options_t luks{RBD_ENCRYPTION_ALGORITHM_AES256, passphrase, length};
    code = rbd_encryption_load(image_, RBD_ENCRYPTION_FORMAT_LUKS2, &luks, sizeof(luks));
  }
  return code < 0 ? Status(error(code, "its encryption does not open")) : Status();
}

// A guest that writes nothing has its lock back too: nobody else may find the image free. Whether it is ours
// is not asked, since rbd_is_exclusive_lock_owner() waits for an OSD. A write of no bytes does not, where the
// lock is ours.
void RbdDevice::keep_lock() {
  if (taking_lock_.exchange(true)) return;
  rbd_completion_t completion = nullptr;
  if (rbd_aio_create_completion(this, lock_taken, &completion) < 0) {
    taking_lock_ = false;
  } else if (rbd_aio_discard(image_, 0, 0, completion) < 0) {
    rbd_aio_release(completion);
    taking_lock_ = false;
  }
}

void RbdDevice::lock_taken(rbd_completion_t completion, void* self) {
  rbd_aio_release(completion);
  static_cast<RbdDevice*>(self)->taking_lock_ = false;
}

// librbd calls back on a thread that must not call librbd.
void RbdDevice::header_changed(void* self) {
  auto& device = *static_cast<RbdDevice*>(self);
  const std::lock_guard lock(device.mutex_);
  device.look_ = true;
  device.wake_.notify_all();
}

Status RbdDevice::watch_size() {
  std::uint64_t size = 0;
  if (const int code = rbd_get_size(image_, &size); code < 0) return error(code, "size");
  size_bytes_ = size;
  if (const int code = rbd_update_watch(image_, &watch_, header_changed, this); code < 0) {
    return error(code, "watch");
  }
  watching_ = true;
  if (!options_.read_only && options_.encryption.empty()) {  // objects hold what is encrypted
    reads_ = std::make_unique<ObjectReads>(osd_times_);
    HANOK_CHECK(reads_->start(rados_, image_));
  }
  follower_ = std::thread([this] { follow(); });
  return {};
}

// The size and the configuration when it is told that something changed; the lock, and what the client says
// of itself, every now and then: seldom while nothing is asked of the volume.
void RbdDevice::follow() {
  std::minstd_rand random(static_cast<unsigned>(reinterpret_cast<std::uintptr_t>(this) >> 4U));
  std::uniform_int_distribution<int> pause_ms(kSample_ms / 2, kSample_ms * 3 / 2);
  auto pause = std::chrono::milliseconds{kSample_ms};
  std::uint64_t seen = 0;
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait_for(lock, pause, [this] { return stopping_ || look_; });
    if (stopping_) return;
    const bool look = std::exchange(look_, false);
    lock.unlock();
    if (look) {
      look_at_size();
      if (reads_) reads_->look();
    }
    if (!options_.read_only) keep_lock();
    const std::uint64_t submitted = submitted_.load(std::memory_order_relaxed);
    const bool busy = sample_osd_times() || submitted != seen;
    seen = submitted;
    pause = std::chrono::milliseconds{busy ? pause_ms(random) : kIdleSample_ms};
    lock.lock();
  }
}

bool RbdDevice::sample_osd_times() {
  if (options_.admin_socket.empty()) return false;
  const auto counts = ask_objecter(options_.admin_socket);
  if (!counts.ok()) {
    osd_times_.lose();
    return false;
  }
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  const auto now_us = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
  osd_times_.sample(static_cast<std::uint64_t>(now_us), counts->in_flight, counts->answered);
  return counts->in_flight != 0;
}

void RbdDevice::look_at_size() {
  std::uint64_t size = 0;
  if (rbd_get_size(image_, &size) != 0 || size == size_bytes_.load()) return;
  spdlog::info("{}/{}: {} bytes now", options_.pool, options_.image, size);
  size_bytes_ = size;
  const std::lock_guard lock(mutex_);
  if (changed_) changed_();
}

void RbdDevice::submit(IoRequest& request) {
  submitted_.store(submitted_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);  // one owner
  if (request.type == IoType::kRead) {
    if (!reads_ || !reads_->submit(request)) read_by_librbd(image_, request);
    return;
  }
  rbd_completion_t completion = nullptr;
  int code = rbd_aio_create_completion(&request, completed_by_librbd, &completion);
  if (code == 0) {
    auto* data = reinterpret_cast<char*>(request.data);
    const int zeroes = request.may_unmap ? 0 : RBD_WRITE_ZEROES_FLAG_THICK_PROVISION;
    switch (request.type) {
      case IoType::kRead:  // above
        break;
      case IoType::kWrite:
        code = rbd_aio_write(image_, request.offset_bytes, request.length_bytes, data, completion);
        break;
      case IoType::kFlush:
        code = rbd_aio_flush(image_, completion);
        break;
      case IoType::kDiscard:
        code = rbd_aio_discard(image_, request.offset_bytes, request.length_bytes, completion);
        break;
      case IoType::kWriteZeroes:
        code =
            rbd_aio_write_zeroes(image_, request.offset_bytes, request.length_bytes, completion, zeroes, 0);
        break;
    }
    if (code < 0) rbd_aio_release(completion);
  }
  if (code < 0) {
    request.result = code;
    request.list->push(request);
  }
}

}  // namespace

Result<std::unique_ptr<BlockDevice>> open_rbd_device(const RbdDeviceOptions& options) {
  auto device = std::make_unique<RbdDevice>(options);
  HANOK_CHECK(device->open());
  return std::unique_ptr<BlockDevice>(std::move(device));
}

}  // namespace hanok::storage::target

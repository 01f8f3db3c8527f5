#include "storage/target/rbd/object_reads.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string_view>
#include <thread>
#include <vector>

#include "storage/rbd/cluster.h"

namespace hanok::storage::target {
namespace {

// With these an object's content is what a reader of the image sees there.
constexpr std::uint64_t kPlainFeatures =
    RBD_FEATURE_LAYERING | RBD_FEATURE_STRIPINGV2 | RBD_FEATURE_EXCLUSIVE_LOCK | RBD_FEATURE_OBJECT_MAP |
    RBD_FEATURE_FAST_DIFF | RBD_FEATURE_DEEP_FLATTEN | RBD_FEATURE_DATA_POOL | RBD_FEATURE_OPERATIONS;
constexpr std::size_t kMaxPrefix_bytes = 128;
constexpr std::chrono::milliseconds kClosePause{1};

std::uint64_t now_ns() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
}

// What stands between the guest and its objects when it has another value.
bool is_plain(std::string_view name, std::string_view value) {
  if (name == "rbd_cache") return value == "false";
  if (name == "rbd_persistent_cache_mode") return value == "disabled";
  if (name.starts_with("rbd_qos_") && name.ends_with("_limit")) {
    const bool of_writes = name.find("_write_") != std::string_view::npos;
    return of_writes || value == "0";
  }
  return true;
}

bool is_configured_plain(rbd_image_t image) {
  std::vector<rbd_config_option_t> options(256);
  int count = static_cast<int>(options.size());
  int code = rbd_config_image_list(image, options.data(), &count);
  if (code == -ERANGE) {
    options.resize(static_cast<std::size_t>(count));
    code = rbd_config_image_list(image, options.data(), &count);
  }
  if (code < 0) return false;
  const bool plain =
      std::all_of(options.begin(), options.begin() + count,
                  [](const rbd_config_option_t& one) { return is_plain(one.name, one.value); });
  rbd_config_image_list_cleanup(options.data(), count);
  return plain;
}

}  // namespace

void completed_by_librbd(rbd_completion_t completion, void* argument) {
  auto& request = *static_cast<IoRequest*>(argument);
  request.result = static_cast<int>(std::min<ssize_t>(rbd_aio_get_return_value(completion), 0));
  rbd_aio_release(completion);
  request.list->push(request);
}

void read_by_librbd(rbd_image_t image, IoRequest& request) {
  rbd_completion_t completion = nullptr;
  int code = rbd_aio_create_completion(&request, completed_by_librbd, &completion);
  if (code == 0) {
    code = rbd_aio_read(image, request.offset_bytes, request.length_bytes,
                        reinterpret_cast<char*>(request.data), completion);
    if (code < 0) rbd_aio_release(completion);
  }
  if (code >= 0) return;
  request.result = code;
  request.list->push(request);
}

ObjectReads::~ObjectReads() {
  for (const Untold& one : untold_) {
    rados_aio_wait_for_complete(one.completion);
    answer(one.completion, *one.request);
  }
  while (told_.load() != 0) std::this_thread::sleep_for(kClosePause);
  if (io_ != nullptr) rados_ioctx_destroy(io_);
}

Status ObjectReads::start(rados_t rados, rbd_image_t image) {
  image_ = image;
  rbd_image_info_t info{};
  std::array<char, kMaxPrefix_bytes> prefix{};
  int code = rbd_stat(image, &info, sizeof(info));
  if (code == 0) code = rbd_get_block_name_prefix(image, prefix.data(), prefix.size());
  if (code < 0) return rbd_error(code, "how the image is laid out");
  const std::int64_t pool = rbd_get_data_pool_id(image);
  if (pool < 0) return rbd_error(static_cast<int>(pool), "the image's data pool");
  code = rados_ioctx_create2(rados, pool, &io_);
  if (code < 0) return rbd_error(code, "the image's data pool");
  object_bytes_ = info.obj_size;
  prefix_ = prefix.data();
  look();
  return {};
}

bool ObjectReads::plain() const {
  std::uint64_t features = 0, stripe_bytes = 0, stripes = 0;
  return rbd_get_features(image_, &features) == 0 && (features & ~kPlainFeatures) == 0 &&
         rbd_get_stripe_unit(image_, &stripe_bytes) == 0 && stripe_bytes == object_bytes_ &&
         rbd_get_stripe_count(image_, &stripes) == 0 && stripes == 1 && is_configured_plain(image_);
}

void ObjectReads::look() {
  on_ = plain();
}

// A volume that is mostly empty shall not pay a way to the OSD for each read of nothing: librbd knows by its
// object map. That the object has come meanwhile is noticed a few reads later.
bool ObjectReads::known_absent(std::uint64_t object) {
  std::atomic<std::uint8_t>& passes = passes_[object % kHints];
  const std::uint8_t left = passes.load(std::memory_order_relaxed);
  if (left == 0) return false;
  passes.store(left - 1, std::memory_order_relaxed);
  return true;
}

bool ObjectReads::submit(IoRequest& request) {
  if (!on_.load(std::memory_order_relaxed) || request.length_bytes == 0) return false;
  const std::uint64_t object = request.offset_bytes / object_bytes_;
  const std::uint64_t at = request.offset_bytes % object_bytes_;
  if (request.length_bytes > object_bytes_ - at || known_absent(object)) return false;
  rados_completion_t completion = nullptr;
  request.device = this;
  request.sent_ns = now_ns();
  const bool told = !request.silent;
  if (rados_aio_create_completion2(&request, told ? answered : nullptr, &completion) < 0) return false;
  std::array<char, kMaxPrefix_bytes + 32> name{};
  fmt::format_to_n(name.data(), name.size() - 1, "{}.{:016x}", prefix_, object);
  if (told) told_.fetch_add(1, std::memory_order_relaxed);
  const int code = rados_aio_read(io_, name.data(), completion, reinterpret_cast<char*>(request.data),
                                  request.length_bytes, at);
  if (code < 0) {
    if (told) told_.fetch_sub(1);
    rados_aio_release(completion);
    return false;
  }
  if (!told) untold_.push_back({completion, &request});
  return true;
}

std::size_t ObjectReads::collect() {
  for (std::size_t i = 0; i < untold_.size();) {
    const Untold one = untold_[i];
    if (rados_aio_is_complete(one.completion) == 0) {
      ++i;
      continue;
    }
    untold_[i] = untold_.back();
    untold_.pop_back();
    answer(one.completion, *one.request);
  }
  return untold_.size();
}

// On a thread of librados.
void ObjectReads::answered(rados_completion_t completion, void* argument) {
  auto& request = *static_cast<IoRequest*>(argument);
  auto& self = *static_cast<ObjectReads*>(request.device);
  self.answer(completion, request);
  self.told_.fetch_sub(1);  // the last use of ours: the destructor waits for it
}

// An object may be shorter than its part of the image: zeroes follow.
void ObjectReads::answer(rados_completion_t completion, IoRequest& request) {
  const int got = rados_aio_get_return_value(completion);
  rados_aio_release(completion);
  request.osd_ns = now_ns() - request.sent_ns;
  if (got >= 0) {
    const auto there = std::min<std::uint64_t>(static_cast<std::uint64_t>(got), request.length_bytes);
    std::memset(request.data + there, 0, request.length_bytes - there);
    request.result = 0;
    request.list->push(request);
    return;
  }
  if (got == -ENOENT) {
    passes_[request.offset_bytes / object_bytes_ % kHints].store(kPassed, std::memory_order_relaxed);
  }
  times_.not_read.fetch_add(1, std::memory_order_relaxed);
  read_by_librbd(image_, request);
}

}  // namespace hanok::storage::target

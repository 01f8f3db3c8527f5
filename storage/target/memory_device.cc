#include "storage/target/memory_device.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace hanok::storage::target {

std::uint64_t MemoryDevice::size_bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_.size();
}

void MemoryDevice::submit(IoRequest& request) {
  const std::lock_guard lock(mutex_);
  if (holding_) {
    held_.push_back(&request);
  } else {
    perform(request);
  }
}

void MemoryDevice::perform(IoRequest& request) {
  const std::uint64_t size = bytes_.size();
  request.result = std::exchange(fail_next_, 0);
  if (request.offset_bytes > size || request.length_bytes > size - request.offset_bytes) {
    request.result = -EINVAL;
  }
  if (request.result == 0) {
    std::byte* at = bytes_.data() + request.offset_bytes;
    switch (request.type) {
      case IoType::kRead:
        if (request.length_bytes != 0) std::memcpy(request.data, at, request.length_bytes);
        break;
      case IoType::kWrite:
        if (request.length_bytes != 0) std::memcpy(at, request.data, request.length_bytes);
        break;
      case IoType::kDiscard:
      case IoType::kWriteZeroes:
        std::fill_n(at, request.length_bytes, std::byte{0});
        break;
      case IoType::kFlush:
        break;
    }
  }
  if (silent_) {
    untold_.push_back(&request);
  } else {
    request.list->push(request);
  }
}

void MemoryDevice::keep_silent() {
  const std::lock_guard lock(mutex_);
  silent_ = true;
}

std::size_t MemoryDevice::collect() {
  const std::lock_guard lock(mutex_);
  for (IoRequest* request : std::exchange(untold_, {})) request->list->push(*request);
  return silent_ ? held_.size() : 0;
}

void MemoryDevice::on_resize(std::function<void()> changed) {
  const std::lock_guard lock(mutex_);
  changed_ = std::move(changed);
}

void MemoryDevice::hold() {
  const std::lock_guard lock(mutex_);
  holding_ = true;
}

std::size_t MemoryDevice::held() const {
  const std::lock_guard lock(mutex_);
  return held_.size();
}

void MemoryDevice::release(std::size_t number) {
  const std::lock_guard lock(mutex_);
  IoRequest* request = held_.at(number);
  held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(number));
  perform(*request);
}

void MemoryDevice::release_all() {
  const std::lock_guard lock(mutex_);
  holding_ = false;
  for (IoRequest* request : std::exchange(held_, {})) perform(*request);
}

void MemoryDevice::fail_next(int result) {
  const std::lock_guard lock(mutex_);
  fail_next_ = result;
}

void MemoryDevice::resize(std::uint64_t size_bytes) {
  std::function<void()> changed;
  {
    const std::lock_guard lock(mutex_);
    bytes_.resize(size_bytes);
    changed = changed_;
  }
  if (changed) changed();
}

std::vector<std::byte> MemoryDevice::content() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace hanok::storage::target

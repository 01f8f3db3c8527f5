#pragma once
// How many of something each device holds, at all workers together.

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <utility>
#include <vector>

#include "dataplane/packet/packet.h"

namespace hanok::dataplane {

class SharedQuota {
 public:
  SharedQuota() : by_device_(kMaxDevices + 1) {}

  // False: the device has `most` already. Any thread.
  [[nodiscard]] bool take(DeviceIndex device, std::uint32_t most) {
    std::atomic<std::uint32_t>& count = of(device);
    std::uint32_t now = count.load(std::memory_order_relaxed);
    while (now < most) {
      if (count.compare_exchange_weak(now, now + 1, std::memory_order_relaxed)) return true;
    }
    return false;
  }
  void give(DeviceIndex device) { of(device).fetch_sub(1, std::memory_order_relaxed); }

 private:
  std::atomic<std::uint32_t>& of(DeviceIndex device) {
    return by_device_[std::min<std::uint32_t>(device, kMaxDevices)];
  }
  std::vector<std::atomic<std::uint32_t>> by_device_;
};

// One of them, given back at its end.
class QuotaSeat {
 public:
  QuotaSeat() = default;
  QuotaSeat(SharedQuota& quota, DeviceIndex device) : quota_(&quota), device_(device) {}
  QuotaSeat(QuotaSeat&& other) noexcept
      : quota_(std::exchange(other.quota_, nullptr)), device_(other.device_) {}
  QuotaSeat& operator=(QuotaSeat&& other) noexcept {
    std::swap(quota_, other.quota_);
    std::swap(device_, other.device_);
    return *this;
  }
  ~QuotaSeat() {
    if (quota_ != nullptr) quota_->give(device_);
  }

 private:
  SharedQuota* quota_ = nullptr;
  DeviceIndex device_ = kNoDevice;
};

}  // namespace hanok::dataplane

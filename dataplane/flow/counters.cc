#include "dataplane/flow/counters.h"

namespace hanok::dataplane {

const DeviceCounters* Counters::device(DeviceIndex index) const {
  return index < kMaxDevices ? devices_[index].load(std::memory_order_acquire) : nullptr;
}

DeviceCounters& Counters::at(DeviceIndex index) {
  if (index >= kMaxDevices) index = kMaxDevices - 1;
  if (DeviceCounters* known = devices_[index].load(std::memory_order_relaxed)) return *known;
  owned_.push_back(std::make_unique<DeviceCounters>());
  devices_[index].store(owned_.back().get(), std::memory_order_release);
  return *owned_.back();
}

}  // namespace hanok::dataplane

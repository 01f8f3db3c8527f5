#pragma once
// Which devices had frames in a worker's round, as far as FairPolling has to know: none, one, or several.

#include <cstdint>

#include "dataplane/packet/packet.h"

namespace hanok::dataplane::dpdk {

class BusyDevices {
 public:
  void add(DeviceIndex device) {
    mark_ = mark_ == kNobody || mark_ == device ? std::uint32_t{device} : kSeveral;
  }
  void add(BusyDevices other) {
    if (other.mark_ == kSeveral) {
      mark_ = kSeveral;
    } else if (other.mark_ != kNobody) {
      add(static_cast<DeviceIndex>(other.mark_));
    }
  }
  [[nodiscard]] bool other_than(DeviceIndex device) const { return mark_ != kNobody && mark_ != device; }

 private:
  static constexpr std::uint32_t kNobody = 0x10000, kSeveral = 0x10001;
  std::uint32_t mark_ = kNobody;
};

}  // namespace hanok::dataplane::dpdk

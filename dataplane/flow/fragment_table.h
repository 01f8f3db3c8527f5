#pragma once
// What the first fragment of a datagram said, for the later ones, which carry no ports (RFC 791). Of fixed
// size: four places per hash; the oldest gives way. One for all workers: which of them owns a fragment goes
// by its ports too.

#include <array>
#include <cstdint>
#include <vector>

#include "dataplane/flow/spin_lock.h"
#include "dataplane/packet/packet.h"
#include "dataplane/packet/parse.h"

namespace hanok::dataplane {

class FragmentTable {
 public:
  static constexpr unsigned kSets = 256, kWays = 4;
  static constexpr std::uint64_t kKeptUs = 30'000'000;

  explicit FragmentTable(std::uint64_t seed) : seed_(seed), places_(std::size_t{kSets} * kWays) {}

  // A first fragment is noted; a later one gets its ports, or ICMP type, code and identifier. False: its
  // first one has not been seen. `segment` tells networks on one device apart. Any thread.
  [[nodiscard]] bool recall(Parsed& parsed, DeviceIndex device, std::uint32_t segment, std::uint64_t now_us);

 private:
  struct Place {
    Ip source, destination;
    std::uint32_t segment = 0, id = 0;
    DeviceIndex device = kNoDevice;
    std::uint16_t source_port = 0, destination_port = 0;
    std::uint8_t protocol = 0, icmp_type = 0, icmp_code = 0;
    std::uint64_t seen_us = 0;
  };
  SpinLock lock_;
  std::uint64_t seed_;
  std::vector<Place> places_;
};

}  // namespace hanok::dataplane

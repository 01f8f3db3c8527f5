#pragma once
// Outer headers (RFC 7348), made once per VNI and VTEP; per packet only lengths, the source port and the
// checksum of the IP header are filled in. The UDP checksum is zero, as the RFC advises for IPv4.

#include <array>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "dataplane/packet/address.h"
#include "dataplane/packet/bytes.h"
#include "dataplane/packet/headers.h"
#include "dataplane/packet/packet.h"

namespace hanok::dataplane {

struct Encapsulation {
  std::uint32_t vni = 0;
  Ip vtep;  // the other end
  DeviceIndex device = kNoDevice;
  std::uint32_t mtu = 1500;
  bool ready = false;  // the next hop's MAC is in the header
  std::array<std::uint8_t, kVxlanOverhead> header{};
  std::uint32_t partial_sum = 0;  // of the IP header, total length zero
};

class EncapsulationTable {
 public:
  // The template, made if need be. Its number is good until clear().
  [[nodiscard]] std::uint32_t get(std::uint32_t vni, const Ip& own_vtep, const Ip& vtep, const Mac& own_mac,
                                  DeviceIndex device, std::uint32_t mtu);
  Encapsulation& at(std::uint32_t number) { return entries_[number]; }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  // The next hop of a VTEP is known, or is another one.
  void set_next_hop(const Ip& vtep, const Mac& mac);
  // Of all of them; `mac_of` gives the next hop's MAC, where it is known.
  template <typename MacOf>
  void resolve(MacOf&& mac_of) {
    for (Encapsulation& entry : entries_) {
      if (const std::optional<Mac> mac = mac_of(entry.vtep)) {
        mac->write(entry.header.data());
        entry.ready = true;
      }
    }
  }
  void clear() {
    entries_.clear();
    by_target_.clear();
  }

 private:
  std::vector<Encapsulation> entries_;
  std::unordered_map<std::uint64_t, std::uint32_t> by_target_;  // VNI and VTEP
};

// Puts the outer header before the packet; needs 50 bytes of headroom. `entropy` chooses the source port.
inline void encapsulate(const Encapsulation& encapsulation, Packet& packet, std::uint32_t entropy) {
  const std::uint32_t total = packet.length + kVxlanOverhead - kEthernetBytes;
  packet.push(kVxlanOverhead);
  std::uint8_t* data = packet.data;
  std::memcpy(data, encapsulation.header.data(), kVxlanOverhead);
  std::uint8_t* ip = data + kEthernetBytes;
  store16(ip + 2, static_cast<std::uint16_t>(total));
  store16(ip + 10, static_cast<std::uint16_t>(~fold(std::uint64_t{encapsulation.partial_sum} + total)));
  std::uint8_t* udp = ip + kIpv4Bytes;
  store16(udp, static_cast<std::uint16_t>(0xc000U | (entropy & 0x3fffU)));  // RFC 7348, 5: 49152 to 65535
  store16(udp + 4, static_cast<std::uint16_t>(total - kIpv4Bytes));
}

}  // namespace hanok::dataplane

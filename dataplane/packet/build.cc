#include "dataplane/packet/build.h"

#include "dataplane/packet/bytes.h"
#include "dataplane/packet/headers.h"

namespace hanok::dataplane {

unsigned write_ethernet(std::uint8_t* to, const Mac& destination, const Mac& source,
                        std::uint16_t ethertype) {
  destination.write(to);
  source.write(to + 6);
  store16(to + 12, ethertype);
  return kEthernetBytes;
}

unsigned write_arp(std::uint8_t* to, std::uint16_t operation, const Mac& ethernet_destination,
                   const Mac& sender_mac, const Ip& sender_ip, const Mac& target_mac, const Ip& target_ip) {
  std::uint8_t* arp = to + write_ethernet(to, ethernet_destination, sender_mac, ethertype::kArp);
  store16(arp, 1);
  store16(arp + 2, ethertype::kIpv4);
  arp[4] = 6;
  arp[5] = 4;
  store16(arp + 6, operation);
  sender_mac.write(arp + 8);
  sender_ip.write_v4(arp + 14);
  target_mac.write(arp + 18);
  target_ip.write_v4(arp + 24);
  return kEthernetBytes + kArpBytes;
}

unsigned write_ipv4(std::uint8_t* to, const Ip& source, const Ip& destination, std::uint8_t protocol,
                    std::uint16_t payload, std::uint8_t ttl) {
  std::memset(to, 0, kIpv4Bytes);
  to[0] = 0x45;
  store16(to + 2, static_cast<std::uint16_t>(kIpv4Bytes + payload));
  to[6] = 0x40;
  to[8] = ttl;
  to[9] = protocol;
  source.write_v4(to + 12);
  destination.write_v4(to + 16);
  store16(to + 10, checksum(to, kIpv4Bytes));
  return kIpv4Bytes;
}

unsigned write_ipv6(std::uint8_t* to, const Ip& source, const Ip& destination, std::uint8_t protocol,
                    std::uint16_t payload, std::uint8_t hop_limit) {
  std::memset(to, 0, 8);
  to[0] = 0x60;
  store16(to + 4, payload);
  to[6] = protocol;
  to[7] = hop_limit;
  std::memcpy(to + 8, source.bytes.data(), 16);
  std::memcpy(to + 24, destination.bytes.data(), 16);
  return kIpv6Bytes;
}

std::uint16_t l4_checksum(const Ip& source, const Ip& destination, std::uint8_t protocol,
                          const std::uint8_t* l4, std::uint16_t length) {
  std::uint64_t sum = std::uint64_t{protocol} + length;
  const unsigned skip = source.is_v4() ? 12 : 0;
  sum = sum_bytes(&source.bytes[skip], 16 - skip, sum);
  sum = sum_bytes(&destination.bytes[skip], 16 - skip, sum);
  const std::uint16_t value = checksum(l4, length, sum);
  // RFC 768: a computed zero goes as all ones.
  return value == 0 && protocol == protocol::kUdp ? 0xffff : value;
}

}  // namespace hanok::dataplane

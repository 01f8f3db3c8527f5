#include "dataplane/packet/nd_message.h"

#include "dataplane/packet/build.h"
#include "dataplane/packet/bytes.h"
#include "dataplane/packet/headers.h"

namespace hanok::dataplane {
namespace {

constexpr unsigned kMessageBytes = 32;  // type to target, and one option of 8

unsigned fixed_bytes(std::uint8_t type) {
  switch (type) {
    case icmp6::kRouterSolicit:
      return 8;
    case icmp6::kRouterAdvert:
      return 16;
    case icmp6::kRedirect:
      return 40;
    default:
      return 24;
  }
}

void write_message(std::uint8_t* icmp, std::uint8_t type, std::uint8_t flags, const Ip& from, const Ip& to,
                   const Ip& target, std::uint8_t option, const Mac& mac) {
  std::memset(icmp, 0, kMessageBytes);
  icmp[0] = type;
  icmp[4] = flags;
  std::memcpy(icmp + 8, target.bytes.data(), 16);
  icmp[24] = option;
  icmp[25] = 1;
  mac.write(icmp + 26);
  store16(icmp + 2, l4_checksum(from, to, protocol::kIcmp6, icmp, kMessageBytes));
}

}  // namespace

bool read_nd_message(const std::uint8_t* icmp, unsigned length, NdMessage& out) {
  if (length < 8) return false;
  out.type = icmp[0];
  unsigned at = fixed_bytes(out.type);
  if (icmp[1] != 0 || length < at) return false;
  if (at >= 24) {
    out.target = Ip::v6_from(icmp + 8);
    if (out.target.is_multicast() || out.target.is_zero() || out.target.is_v4()) return false;
  }
  while (at < length) {
    if (at + 2 > length) return false;
    const unsigned bytes = icmp[at + 1] * 8U;
    if (bytes == 0 || at + bytes > length) return false;
    if (icmp[at] == 1) out.source_link = Mac::from(icmp + at + 2);
    if (icmp[at] == 2) out.target_link = Mac::from(icmp + at + 2);
    at += bytes;
  }
  return true;
}

void write_neighbour_advert(std::uint8_t* to, const NeighbourAdvert& advert) {
  to += write_ethernet(to, advert.to_mac, advert.mac, ethertype::kIpv6);
  to += write_ipv6(to, advert.target, advert.to, protocol::kIcmp6, kMessageBytes, 255);
  const unsigned flags = 0x20U | (advert.router ? 0x80U : 0U) | (advert.solicited ? 0x40U : 0U);  // override
  write_message(to, icmp6::kNeighbourAdvert, static_cast<std::uint8_t>(flags), advert.target, advert.to,
                advert.target, 2, advert.mac);
}

void write_neighbour_solicit(std::uint8_t* to, const std::optional<Mac>& mac, const Mac& sender_mac,
                             const Ip& sender, const Ip& target) {
  const Ip destination = mac ? target : solicited_node_of(target);
  to += write_ethernet(to, mac.value_or(group_mac_of(destination)), sender_mac, ethertype::kIpv6);
  to += write_ipv6(to, sender, destination, protocol::kIcmp6, kMessageBytes, 255);
  write_message(to, icmp6::kNeighbourSolicit, 0, sender, destination, target, 1, sender_mac);
}

Ip solicited_node_of(const Ip& ip) {
  const auto& b = ip.bytes;
  return Ip{{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, b[13], b[14], b[15]}};
}

Mac group_mac_of(const Ip& group) {
  const auto& b = group.bytes;
  return Mac{{0x33, 0x33, b[12], b[13], b[14], b[15]}};
}

}  // namespace hanok::dataplane

#include "dataplane/flow/ownership.h"

#include "dataplane/flow/neighbours.h"
#include "dataplane/packet/bytes.h"
#include "dataplane/packet/headers.h"

namespace hanok::dataplane {
namespace {

constexpr unsigned kL4 = kEthernetBytes + kIpv4Bytes;

// UDP or TCP over IPv4 without options, tags or fragments, to one station: what most frames are.
bool is_plain(const std::uint8_t* data, unsigned length) {
  if (length < kL4 + kUdpBytes || (data[0] & 1U) != 0 || load16(data + 12) != ethertype::kIpv4) return false;
  const std::uint8_t* ip = data + kEthernetBytes;
  return ip[0] == 0x45 && (load16(ip + 6) & 0x3fffU) == 0 &&
         (ip[9] == protocol::kTcp || ip[9] == protocol::kUdp);
}

bool is_neighbour_discovery(const Parsed& parsed) {
  return parsed.protocol == protocol::kIcmp6 && parsed.icmp_type >= icmp6::kRouterSolicit &&
         parsed.icmp_type <= icmp6::kRedirect;
}

std::optional<unsigned> owner_of_quoted(const std::uint8_t* data, const Parsed& parsed,
                                        const Ownership& ownership) {
  Parsed inner;
  const auto at = static_cast<std::uint16_t>(parsed.l4_offset + 8U);
  if (parse_ip(data, parsed.l3_end, at, true, inner) || inner.later_fragment) return std::nullopt;
  return ownership.owner(inner.protocol, inner.source_port, inner.destination_port);
}

// The frame itself, without outer header; `segment` as segment_of says.
std::optional<unsigned> owner_of_inner(const std::uint8_t* data, Parsed& parsed, DeviceIndex device,
                                       std::uint32_t segment, const Ownership& ownership,
                                       FragmentTable& fragments, std::uint64_t now_us) {
  if (!parsed.is_ip() || parsed.destination.is_group() || is_neighbour_discovery(parsed)) return std::nullopt;
  if (parsed.is_icmp_error()) return owner_of_quoted(data, parsed, ownership);
  if (parsed.fragment && !fragments.recall(parsed, device, segment, now_us)) return std::nullopt;
  return ownership.owner(parsed.protocol, parsed.source_port, parsed.destination_port);
}

std::optional<unsigned> owner_of_any(const ReceivedFrame& frame, const Ownership& ownership,
                                     FragmentTable& fragments, std::uint64_t now_us) {
  Parsed parsed;
  if (parse_frame(frame.data, frame.length, parsed)) return std::nullopt;
  Arrival arrival;
  Vxlan vxlan;
  std::optional<DropReason> bad;
  const bool to_vtep =
      frame.from_uplink && !parsed.tagged && frame.vtep && parsed.ip_destination == *frame.vtep;
  if (to_vtep && parse_vxlan(frame.data, frame.length, parsed, vxlan, bad)) {
    if (bad) return std::nullopt;
    arrival.vxlan = vxlan;
    const std::uint8_t* inner = frame.data + vxlan.inner_offset;
    const auto length = static_cast<std::uint16_t>(parsed.l3_end - vxlan.inner_offset);
    parsed = Parsed{};
    if (parse_frame(inner, length, parsed)) return std::nullopt;
    return owner_of_inner(inner, parsed, frame.device, segment_of(arrival), ownership, fragments, now_us);
  }
  arrival.tagged = frame.from_uplink && parsed.tagged;
  arrival.vlan = parsed.vlan;
  return owner_of_inner(frame.data, parsed, frame.device, segment_of(arrival), ownership, fragments, now_us);
}

}  // namespace

std::optional<unsigned> owner_of(const ReceivedFrame& frame, const Ownership& ownership,
                                 FragmentTable& fragments, std::uint64_t now_us) {
  const std::uint8_t* data = frame.data;
  unsigned length = frame.length;
  if (is_plain(data, length) && frame.from_uplink && frame.vtep &&
      load32(data + kEthernetBytes + 16) == frame.vtep->to_v4()) {
    if (data[kEthernetBytes + 9] != protocol::kUdp || load16(data + kL4 + 2) != kVxlanPort ||
        length < kVxlanOverhead + kL4)
      return owner_of_any(frame, ownership, fragments, now_us);
    data += kVxlanOverhead;
    length -= kVxlanOverhead;
  }
  if (!is_plain(data, length)) return owner_of_any(frame, ownership, fragments, now_us);
  return ownership.owner(data[kEthernetBytes + 9], load16(data + kL4), load16(data + kL4 + 2));
}

}  // namespace hanok::dataplane

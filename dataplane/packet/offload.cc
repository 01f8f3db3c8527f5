#include "dataplane/packet/offload.h"

#include "dataplane/packet/bytes.h"
#include "dataplane/packet/headers.h"
#include "dataplane/packet/long_sum.h"

namespace hanok::dataplane {
namespace {

constexpr unsigned kLongestL3 = 511;  // what a DPDK buffer can say of its IP header (mbuf's l3_len, 9 bits)

// Behind IPv6's extension headers; false where it is not known what follows.
bool skip_extensions(const std::uint8_t* data, unsigned length, unsigned& at, std::uint8_t& protocol) {
  for (unsigned count = 0; count < 8; ++count) {
    if (protocol == protocol::kTcp || protocol == protocol::kUdp) return true;
    if (at + 8 > length) return false;
    unsigned bytes = 0;
    if (protocol == protocol::kHopByHop || protocol == protocol::kDestination) {
      bytes = (data[at + 1] + 1U) * 8U;
    } else if (protocol == protocol::kAh) {
      bytes = (data[at + 1] + 2U) * 4U;
    } else {
      return false;
    }
    protocol = data[at];
    at += bytes;
  }
  return false;
}

std::uint16_t sum_at(const HeaderPlace& place) {
  return static_cast<std::uint16_t>(place.l4 + (place.protocol == protocol::kTcp ? 16U : 6U));
}

}  // namespace

std::optional<HeaderPlace> find_l4(const std::uint8_t* data, unsigned length) {
  if (length < kEthernetBytes + kVlanBytes + kIpv4Bytes) return std::nullopt;
  HeaderPlace out;
  out.l3 = kEthernetBytes;
  std::uint16_t type = load16(data + 12);
  if (type == ethertype::kVlan) {
    type = load16(data + 16);
    out.l3 += kVlanBytes;
  }
  const std::uint8_t* ip = data + out.l3;
  unsigned at = out.l3;
  if (type == ethertype::kIpv4) {
    out.ipv4 = true;
    out.protocol = ip[9];
    at += (ip[0] & 15U) * 4U;
  } else if (type == ethertype::kIpv6 && length >= out.l3 + kIpv6Bytes) {
    out.protocol = ip[6];
    at += kIpv6Bytes;
    if (!skip_extensions(data, length, at, out.protocol)) return std::nullopt;
  } else {
    return std::nullopt;
  }
  unsigned header = kUdpBytes;
  if (out.protocol == protocol::kTcp) {
    if (at + kTcpBytes > length) return std::nullopt;
    header = (data[at + 12] >> 4U) * 4U;
    if (header < kTcpBytes) return std::nullopt;
  } else if (out.protocol != protocol::kUdp) {
    return std::nullopt;
  }
  if (at + header > length || at - out.l3 > kLongestL3) return std::nullopt;
  out.l4 = static_cast<std::uint16_t>(at);
  out.payload = static_cast<std::uint16_t>(at + header);
  return out;
}

std::optional<DropReason> check_offload(Packet& packet, const Parsed& parsed) {
  const auto place = find_l4(packet.data, packet.length);
  if (!place || parsed.fragment) return DropReason::checksum_not_tcp_or_udp;
  if ((packet.offload & kSegmentLater) == 0) return std::nullopt;
  if (place->protocol != protocol::kTcp || parsed.destination.is_group()) return DropReason::gso_not_tcp;
  if ((parsed.tcp_flags & (tcp_flag::kSyn | tcp_flag::kRst)) != 0) return DropReason::gso_bad_flags;
  const unsigned payload = parsed.l3_end - place->payload;
  const unsigned segment = packet.segment_bytes;
  if (segment == 0 || payload > segment * kMostSegments) return DropReason::gso_bad_size;
  if (payload <= segment) {
    packet.offload &= static_cast<std::uint8_t>(~kSegmentLater);
    packet.segment_bytes = 0;
  }
  return std::nullopt;
}

unsigned longest_frame(const Packet& packet) {
  if ((packet.offload & kSegmentLater) == 0) return packet.length;
  const auto place = find_l4(packet.data, packet.length);
  return place ? unsigned{place->payload} + packet.segment_bytes : packet.length;
}

unsigned l4_bytes(const std::uint8_t* data, const HeaderPlace& place) {
  const std::uint8_t* ip = data + place.l3;
  const unsigned datagram = place.ipv4 ? load16(ip + 2) : load16(ip + 4) + kIpv6Bytes;
  return datagram - (place.l4 - place.l3);
}

std::uint64_t pseudo_sum(const std::uint8_t* data, const HeaderPlace& place, unsigned bytes) {
  const std::uint8_t* ip = data + place.l3;
  const std::uint64_t sum = std::uint64_t{place.protocol} + bytes;
  return place.ipv4 ? sum_bytes(ip + 12, 8, sum) : sum_bytes(ip + 8, 32, sum);
}

void complete_checksum(std::uint8_t* data, const HeaderPlace& place) {
  std::uint8_t* field = data + sum_at(place);
  store16(field, 0);
  const unsigned bytes = l4_bytes(data, place);
  const std::uint64_t sum = pseudo_sum(data, place, bytes) + long_sum(data + place.l4, bytes);
  const auto value = static_cast<std::uint16_t>(~fold(sum));
  // RFC 768: a computed zero goes as all ones.
  store16(field, value == 0 && place.protocol == protocol::kUdp ? 0xffff : value);
}

}  // namespace hanok::dataplane

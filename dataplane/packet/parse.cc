#include "dataplane/packet/parse.h"

#include <algorithm>

#include "dataplane/packet/bytes.h"
#include "dataplane/packet/headers.h"

namespace hanok::dataplane {
namespace {

using Drop = std::optional<DropReason>;

Drop parse_tcp(const std::uint8_t* l4, unsigned left, bool quoted, Parsed& out) {
  if (left < (quoted ? 8U : kTcpBytes)) return DropReason::tcp_truncated;
  out.source_port = load16(l4);
  out.destination_port = load16(l4 + 2);
  if (quoted) return std::nullopt;
  const unsigned header = (l4[12] >> 4U) * 4U;
  if (header < kTcpBytes || header > left) return DropReason::tcp_bad_header_length;
  out.tcp_flags = l4[13] & 0x3fU;
  const unsigned syn_fin_rst = out.tcp_flags & (tcp_flag::kSyn | tcp_flag::kFin | tcp_flag::kRst);
  if ((syn_fin_rst & (syn_fin_rst - 1U)) != 0) return DropReason::tcp_bad_flags;  // two of them
  if ((out.tcp_flags & (tcp_flag::kSyn | tcp_flag::kRst | tcp_flag::kAck)) == 0) {
    return DropReason::tcp_bad_flags;  // nothing at all, or a FIN of no connection
  }
  return std::nullopt;
}

Drop parse_udp(const std::uint8_t* l4, unsigned left, bool quoted, bool fragment, Parsed& out) {
  if (left < kUdpBytes) return DropReason::udp_truncated;
  out.source_port = load16(l4);
  out.destination_port = load16(l4 + 2);
  const unsigned length = load16(l4 + 4);
  if (!quoted && (length < kUdpBytes || (!fragment && length > left))) return DropReason::udp_bad_length;
  return std::nullopt;
}

Drop parse_l4(const std::uint8_t* data, unsigned end, bool quoted, Parsed& out) {
  const std::uint8_t* l4 = data + out.l4_offset;
  const unsigned left = end - out.l4_offset;
  switch (out.protocol) {
    case protocol::kTcp:
      return parse_tcp(l4, left, quoted, out);
    case protocol::kUdp:
      return parse_udp(l4, left, quoted, out.fragment, out);
    case protocol::kIcmp:
    case protocol::kIcmp6:
      if (left < 8) return DropReason::icmp_truncated;
      out.icmp_type = l4[0];
      out.icmp_code = l4[1];
      if (out.is_icmp_query()) out.source_port = out.destination_port = load16(l4 + 4);
      return std::nullopt;
    case protocol::kSctp:
      if (left < 8) return DropReason::udp_truncated;
      out.source_port = load16(l4);
      out.destination_port = load16(l4 + 2);
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

Drop parse_ipv4(const std::uint8_t* data, unsigned length, bool quoted, Parsed& out) {
  const unsigned start = out.l3_offset;
  if (length < start + kIpv4Bytes) return DropReason::ipv4_truncated;
  const std::uint8_t* ip = data + start;
  if (ip[0] >> 4U != 4) return DropReason::ipv4_bad_version;
  const unsigned header = (ip[0] & 15U) * 4U;
  if (header < kIpv4Bytes || start + header > length) return DropReason::ipv4_bad_header_length;
  const unsigned total = load16(ip + 2);
  if (total < header || (!quoted && start + total > length)) return DropReason::ipv4_bad_total_length;
  if (!quoted && fold(sum_bytes(ip, header)) != 0xffff) return DropReason::ipv4_bad_checksum;
  const unsigned fragment = load16(ip + 6);
  const unsigned offset = (fragment & 0x1fffU) * 8U;
  out.fragment = (fragment & 0x3fffU) != 0;
  out.later_fragment = offset != 0;
  out.fragment_id = load16(ip + 4);
  if (offset + (total - header) > 65535U - header) return DropReason::ipv4_bad_fragment;
  // RFC 1858: a second fragment that overlaps the TCP header.
  if (offset == 8 && ip[9] == protocol::kTcp) return DropReason::ipv4_bad_fragment;
  out.ttl = ip[8];
  out.protocol = ip[9];
  out.ip_source = Ip::v4_from(ip + 12);
  out.ip_destination = Ip::v4_from(ip + 16);
  if (out.ip_source.is_multicast() || out.ip_source.is_broadcast() || out.ip_source.is_loopback()) {
    return DropReason::ipv4_bad_source;
  }
  const unsigned end = quoted ? std::min(length, start + total) : start + total;
  out.l3_end = static_cast<std::uint16_t>(end);
  if (out.later_fragment) return std::nullopt;
  out.l4_offset = static_cast<std::uint16_t>(start + header);
  return parse_l4(data, end, quoted, out);
}

// RFC 8200, 4.5; `left`: bytes after the header, fewer than there were in a quotation.
Drop read_fragment(const std::uint8_t* header, unsigned left, bool quoted, Parsed& out) {
  const unsigned field = load16(header + 2);
  const unsigned offset = field & 0xfff8U;
  const bool more = (field & 1U) != 0;
  if (out.fragment || offset + left > 65535 || (more && !quoted && left % 8 != 0))
    return DropReason::ipv6_bad_fragment;
  // The first one holds the chain of headers (RFC 7112), so none may follow inside of TCP's.
  if (offset == 8 && header[0] == protocol::kTcp) return DropReason::ipv6_bad_fragment;
  out.fragment = more || offset != 0;  // else an atomic one (RFC 6946): whole
  out.later_fragment = offset != 0;
  out.fragment_id = load32(header + 4);
  return std::nullopt;
}

// Steps over the extension headers (RFC 8200, 4.1); at most eight, each within the datagram.
Drop skip_extensions(const std::uint8_t* data, unsigned end, bool quoted, unsigned& at, Parsed& out) {
  for (unsigned count = 0; count < 8; ++count) {
    unsigned bytes = 0;
    switch (out.protocol) {
      case protocol::kHopByHop:
        if (count != 0) return DropReason::ipv6_bad_extension;  // only ever the first (RFC 8200, 4.1)
        [[fallthrough]];
      case protocol::kRouting:
      case protocol::kDestination:
        if (at + 8 > end) return DropReason::ipv6_bad_extension;
        // RFC 5095: a source route of type 0 that has not ended.
        if (out.protocol == protocol::kRouting && data[at + 2] == 0 && data[at + 3] != 0)
          return DropReason::ipv6_bad_extension;
        bytes = (data[at + 1] + 1U) * 8U;
        break;
      case protocol::kAh:
        if (at + 8 > end) return DropReason::ipv6_bad_extension;
        bytes = (data[at + 1] + 2U) * 4U;
        break;
      case protocol::kFragment: {
        if (at + 8 > end) return DropReason::ipv6_bad_extension;
        if (auto drop = read_fragment(data + at, end - at - 8, quoted, out)) return drop;
        bytes = 8;
        break;
      }
      default:
        return std::nullopt;
    }
    if (at + bytes > end) return DropReason::ipv6_bad_extension;
    out.protocol = data[at];
    at += bytes;
    if (out.later_fragment) return std::nullopt;
  }
  return DropReason::ipv6_too_many_extensions;
}

Drop parse_ipv6(const std::uint8_t* data, unsigned length, bool quoted, Parsed& out) {
  const unsigned start = out.l3_offset;
  if (length < start + kIpv6Bytes) return DropReason::ipv6_truncated;
  const std::uint8_t* ip = data + start;
  if (ip[0] >> 4U != 6) return DropReason::ipv6_bad_version;
  const unsigned payload = load16(ip + 4);
  if (!quoted && start + kIpv6Bytes + payload > length) return DropReason::ipv6_bad_length;
  const unsigned end = std::min(length, start + kIpv6Bytes + payload);
  out.l3_end = static_cast<std::uint16_t>(end);
  out.protocol = ip[6];
  out.ttl = ip[7];
  out.ip_source = Ip::v6_from(ip + 8);
  out.ip_destination = Ip::v6_from(ip + 24);
  // RFC 4291: never a source; a mapped address on the wire would pass for IPv4.
  if (out.ip_source.is_multicast() || out.ip_source.is_v4() || out.ip_destination.is_v4() ||
      out.ip_source.is_loopback()) {
    return DropReason::ipv6_bad_source;
  }
  unsigned at = start + kIpv6Bytes;
  if (auto drop = skip_extensions(data, end, quoted, at, out)) return drop;
  if (out.later_fragment) return std::nullopt;
  out.l4_offset = static_cast<std::uint16_t>(at);
  return parse_l4(data, end, quoted, out);
}

}  // namespace

bool Parsed::is_icmp_error() const {
  if (l4_offset == 0) return false;
  if (protocol == protocol::kIcmp && l3 == L3::kIpv4) {
    return icmp_type == icmp::kUnreachable || icmp_type == icmp::kTimeExceeded ||
           icmp_type == icmp::kParameter;
  }
  return protocol == protocol::kIcmp6 && l3 == L3::kIpv6 && icmp_type >= icmp6::kUnreachable &&
         icmp_type <= icmp6::kParameter;
}

bool Parsed::is_icmp_query() const {
  if (protocol == protocol::kIcmp && l3 == L3::kIpv4) {
    return icmp_type == icmp::kEcho || icmp_type == icmp::kEchoReply || icmp_type == icmp::kTimestamp ||
           icmp_type == icmp::kTimestampReply;
  }
  return protocol == protocol::kIcmp6 && l3 == L3::kIpv6 &&
         (icmp_type == icmp6::kEcho || icmp_type == icmp6::kEchoReply);
}

Drop parse_ip(const std::uint8_t* data, std::uint16_t length, std::uint16_t offset, bool quoted,
              Parsed& out) {
  out.l3_offset = offset;
  if (offset >= length) return DropReason::ipv4_truncated;
  if (data[offset] >> 4U == 6) {
    out.l3 = L3::kIpv6;
    return parse_ipv6(data, length, quoted, out);
  }
  out.l3 = L3::kIpv4;
  return parse_ipv4(data, length, quoted, out);
}

Drop parse_frame(const std::uint8_t* data, std::uint16_t length, Parsed& out) {
  if (length < kEthernetBytes) return DropReason::frame_too_short;
  out.destination = Mac::from(data);
  out.source = Mac::from(data + 6);
  if (out.source.is_group()) return DropReason::ethernet_bad_source;
  out.ethertype = load16(data + 12);
  unsigned at = kEthernetBytes;
  if (out.ethertype == ethertype::kVlan) {
    if (length < kEthernetBytes + kVlanBytes) return DropReason::vlan_truncated;
    out.tagged = true;
    out.vlan = load16(data + 14) & 0xfffU;
    out.ethertype = load16(data + 16);
    at += kVlanBytes;
  }
  out.l3_offset = static_cast<std::uint16_t>(at);
  out.l3_end = length;
  switch (out.ethertype) {
    case ethertype::kIpv4:
      out.l3 = L3::kIpv4;
      return parse_ipv4(data, length, false, out);
    case ethertype::kIpv6:
      out.l3 = L3::kIpv6;
      return parse_ipv6(data, length, false, out);
    case ethertype::kArp: {
      if (length < at + kArpBytes) return DropReason::arp_truncated;
      out.l3 = L3::kArp;
      const std::uint8_t* arp = data + at;
      if (load16(arp) != 1 || load16(arp + 2) != ethertype::kIpv4 || arp[4] != 6 || arp[5] != 4 ||
          (load16(arp + 6) != 1 && load16(arp + 6) != 2)) {
        return DropReason::arp_bad_format;
      }
      return std::nullopt;
    }
    default:
      return std::nullopt;
  }
}

bool parse_vxlan(const std::uint8_t* data, std::uint16_t length, const Parsed& outer, Vxlan& out,
                 Drop& drop) {
  drop.reset();
  if (outer.l3 != L3::kIpv4 || outer.protocol != protocol::kUdp || outer.later_fragment ||
      outer.destination_port != kVxlanPort) {
    return false;
  }
  const unsigned at = outer.l4_offset + kUdpBytes;
  out.source = outer.ip_source;
  out.destination = outer.ip_destination;
  out.inner_offset = static_cast<std::uint16_t>(at + kVxlanBytes);
  if (outer.fragment || at + kVxlanBytes > outer.l3_end || at + kVxlanBytes + kEthernetBytes > length) {
    drop = DropReason::vxlan_truncated;
  } else if ((data[at] & 0x08U) == 0) {  // the I flag; reserved bits are ignored (RFC 7348, 5)
    drop = DropReason::vxlan_bad_flags;
  } else {
    out.vni = load32(data + at + 4) >> 8U;
  }
  return true;
}

}  // namespace hanok::dataplane

// Does the datagram fit where it goes? One that does not, and may not be cut, is told of (RFC 1191, RFC
// 8201); the MSS of a connection is held to what fits (RFC 4459, 3.2), so that TCP never gets there.
#include <algorithm>

#include "dataplane/packet/build.h"
#include "dataplane/packet/bytes.h"
#include "dataplane/packet/headers.h"
#include "dataplane/stages/routing.h"
#include "dataplane/stages/stages.h"

namespace hanok::dataplane {
namespace {

constexpr std::uint32_t kSmallestMtu = 68;  // RFC 791: what every link carries

// What one underlay frame holds of an inner datagram: outer fragmentation is off.
std::uint32_t inside_vxlan(const TablesData& tables) {
  const Uplink* uplink = tables.uplinks.at(tables.vtep_uplink);
  return uplink == nullptr ? kNoLimit
                           : std::max(uplink->state.mtu, kSmallestMtu + kVxlanOverhead) - kVxlanOverhead;
}

std::uint32_t mtu_of(const TablesData& tables, Handle network) {
  const Network* found = tables.networks.at(network);
  return found == nullptr ? kNoLimit : std::max(found->state.mtu, kSmallestMtu);
}

// Within a network only what is between its stations counts; a router goes by the network's MTU as well.
std::uint32_t way_out(const Context& context) {
  std::uint32_t limit = context.hops != 0 ? mtu_of(context.tables, context.network) : kNoLimit;
  if (context.target == Target::kVtep) limit = std::min(limit, inside_vxlan(context.tables));
  if (context.target == Target::kSegment) {
    if (const Uplink* uplink = context.tables.uplink_of_segment(context.out_segment))
      limit = std::min(limit, std::max(uplink->state.mtu, kSmallestMtu));
  }
  return std::min<std::uint32_t>(limit, kNoLimit);
}

// The same for what comes back.
std::uint32_t way_back(const Context& context) {
  std::uint32_t limit = context.hops != 0 ? mtu_of(context.tables, context.in_network) : kNoLimit;
  if (context.vxlan) limit = std::min(limit, inside_vxlan(context.tables));
  if (context.in_uplink != nullptr && !context.vxlan)
    limit = std::min(limit, std::max(context.in_uplink->state.mtu, kSmallestMtu));
  return std::min<std::uint32_t>(limit, kNoLimit);
}

// Who tells: the router that the frame was sent to, or, where there is none, the destination.
std::optional<Ip> teller(const Context& context) {
  const Parsed& parsed = context.parsed;
  const Router* router = context.tables.routers.at(
      context.tables.router_by_mac.get({context.in_network, parsed.destination}, kNone));
  if (router == nullptr) return parsed.ip_destination;
  const bool v4 = parsed.l3 == L3::kIpv4;
  const auto of = [&](const RouterInterface& interface) -> std::optional<Ip> {
    if (interface.network != context.in_network || !(interface.mac == parsed.destination))
      return std::nullopt;
    for (const PortAddress& address : interface.addresses) {
      if (address.ip.is_v4() == v4) return address.ip;
    }
    return std::nullopt;
  };
  for (const RouterInterface& interface : router->interfaces) {
    if (const auto ip = of(interface)) return ip;
  }
  return router->gateway ? of(*router->gateway) : std::nullopt;
}

// ICMP "fragmentation needed" with the next hop's MTU, or ICMPv6 "packet too big".
void tell(Context& context) {
  const Parsed& parsed = context.parsed;
  const auto source = teller(context);
  if (!source || parsed.is_icmp_error() || parsed.later_fragment || parsed.ip_destination.is_multicast() ||
      parsed.ip_source.is_zero()) {
    return;
  }
  const bool v4 = parsed.l3 == L3::kIpv4;
  const unsigned header = kEthernetBytes + (v4 ? kIpv4Bytes : kIpv6Bytes);
  // RFC 1812, 4.3.2.3: up to 576 bytes in all; RFC 4443, 2.4: up to 1280.
  const unsigned most = v4 ? 576 - kIpv4Bytes - 8 : 1280 - kIpv6Bytes - 8;
  const unsigned quote = std::min<unsigned>(parsed.l3_end - parsed.l3_offset, most);
  const auto bytes = static_cast<std::uint16_t>(8 + quote);
  context.reply.assign(header + bytes, 0);
  std::uint8_t* at = context.reply.data();
  at += write_ethernet(at, parsed.source, parsed.destination, v4 ? ethertype::kIpv4 : ethertype::kIpv6);
  at += v4 ? write_ipv4(at, *source, parsed.ip_source, protocol::kIcmp, bytes)
           : write_ipv6(at, *source, parsed.ip_source, protocol::kIcmp6, bytes, 64);
  at[0] = v4 ? icmp::kUnreachable : icmp6::kTooBig;
  at[1] = v4 ? icmp::kFragmentNeeded : 0;
  store32(at + 4, context.limit);  // IPv4: 16 bits unused, then the MTU
  std::memcpy(at + 8, context.frame + parsed.l3_offset, quote);
  store16(at + 2,
          v4 ? checksum(at, bytes) : l4_checksum(*source, parsed.ip_source, protocol::kIcmp6, at, bytes));
}

}  // namespace

Verdict stage_fit(Context& context) {
  const Parsed& parsed = context.parsed;
  if (!parsed.is_ip() || context.target == Target::kFlood) return kNext;
  context.limit = static_cast<std::uint16_t>(way_out(context));
  context.both_ways = static_cast<std::uint16_t>(std::min<std::uint32_t>(context.limit, way_back(context)));
  const unsigned longest =
      context.longest_segment != 0 ? context.longest_segment : unsigned{parsed.l3_end} - parsed.l3_offset;
  if (longest <= context.limit) return kNext;
  const std::uint8_t* ip = context.frame + parsed.l3_offset;
  const bool options = parsed.l3 == L3::kIpv4 && (ip[0] & 15U) * 4U != kIpv4Bytes;
  const bool may_cut = parsed.l3 == L3::kIpv4 && (load16(ip + 6) & 0x4000U) == 0 && !options;
  if (may_cut) {
    context.cut = true;
    return kNext;
  }
  tell(context);
  return context.drop_for(DropReason::mtu_exceeded, Kind::kNetwork, context.network);
}

}  // namespace hanok::dataplane

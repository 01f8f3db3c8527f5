// Routers, for IPv6 (RFC 8200; ICMPv6: RFC 4443): between subnets, by extra routes, and out by the gateway
// with addresses as they are. What leaves by a gateway on another host is handed to that host.
#include <algorithm>

#include "dataplane/packet/build.h"
#include "dataplane/packet/bytes.h"
#include "dataplane/packet/headers.h"
#include "dataplane/stages/routing.h"

namespace hanok::dataplane {
namespace {

constexpr unsigned kMinimumMtu = 1280;  // RFC 8200, 5: an error about a packet is no longer than this
constexpr std::uint8_t kNoRoute = 0, kBeyondScope = 2, kAddressUnreachable = 3, kPortUnreachable = 4;

// The address that an error or a reply comes from: one that its receiver can tell.
Ip source_of(const RouterInterface& in) {
  for (const PortAddress& address : in.addresses) {
    if (!address.ip.is_v4()) return address.ip;
  }
  return link_local_of(in.mac);
}

void begin_reply(Context& context, const RouterInterface& in, const Ip& from, unsigned bytes) {
  const Parsed& parsed = context.parsed;
  context.reply.assign(kEthernetBytes + kIpv6Bytes + bytes, 0);
  std::uint8_t* at = context.reply.data();
  at += write_ethernet(at, parsed.source, in.mac, ethertype::kIpv6);
  write_ipv6(at, from, parsed.ip_source, protocol::kIcmp6, static_cast<std::uint16_t>(bytes), 64);
}

// RFC 4443, 2.4: never about an error, to a group, or to no one. `value`: the MTU, else zero.
void icmp_error(Context& context, const RouterInterface& in, std::uint8_t type, std::uint8_t code,
                std::uint32_t value = 0) {
  const Parsed& parsed = context.parsed;
  if (context.hops != 0 || parsed.is_icmp_error() || parsed.ip_destination.is_multicast() ||
      parsed.destination.is_group() || parsed.ip_source.is_zero()) {
    return;
  }
  const unsigned room = kMinimumMtu - kIpv6Bytes - 8;
  const unsigned quote = std::min<unsigned>(parsed.l3_end - parsed.l3_offset, room);
  const Ip from = source_of(in);
  begin_reply(context, in, from, 8 + quote);
  std::uint8_t* icmp = context.reply.data() + kEthernetBytes + kIpv6Bytes;
  icmp[0] = type;
  icmp[1] = code;
  store32(icmp + 4, value);
  std::memcpy(icmp + 8, context.frame + parsed.l3_offset, quote);
  const auto length = static_cast<std::uint16_t>(8 + quote);
  store16(icmp + 2, l4_checksum(from, parsed.ip_source, protocol::kIcmp6, icmp, length));
}

Verdict echo_reply(Context& context, const RouterInterface& in) {
  const Parsed& parsed = context.parsed;
  const auto bytes = static_cast<std::uint16_t>(parsed.l3_end - parsed.l4_offset);
  context.cacheable = false;
  begin_reply(context, in, parsed.ip_destination, bytes);
  std::uint8_t* icmp = context.reply.data() + kEthernetBytes + kIpv6Bytes;
  std::memcpy(icmp, context.frame + parsed.l4_offset, bytes);
  icmp[0] = icmp6::kEchoReply;
  store16(icmp + 2, 0);
  store16(icmp + 2, l4_checksum(parsed.ip_destination, parsed.ip_source, protocol::kIcmp6, icmp, bytes));
  return {Action::kReply};
}

// To the router itself: it answers echo, and says that nothing else listens.
Verdict to_router(Context& context, const Router& router, const RouterInterface& in) {
  const Parsed& parsed = context.parsed;
  const bool first = context.hops == 0 && parsed.l4_offset != 0 && !parsed.fragment;
  if (first && parsed.protocol == protocol::kIcmp6 && parsed.icmp_type == icmp6::kEcho)
    return echo_reply(context, in);
  if (first && parsed.protocol == protocol::kUdp)
    icmp_error(context, in, icmp6::kUnreachable, kPortUnreachable);
  return context.drop_for(DropReason::to_router_unserved, Kind::kRouter, router.handle);
}

}  // namespace

Verdict pass_router_ipv6(Context& context, const Router& router, const RouterInterface& in) {
  const Parsed& parsed = context.parsed;
  const auto refuse = [&](DropReason reason) {
    return context.drop_for(reason, Kind::kRouter, router.handle);
  };
  if (parsed.ip_destination == link_local_of(in.mac) || has_address(router, parsed.ip_destination))
    return to_router(context, router, in);
  // RFC 4291, 2.5.6: what is of the link stays on it.
  if (parsed.ip_destination.is_link_local() || parsed.ip_destination.is_loopback() ||
      parsed.ip_destination.is_multicast()) {
    return refuse(DropReason::ipv6_scope);
  }
  if (parsed.ip_source.is_link_local()) {
    icmp_error(context, in, icmp6::kUnreachable, kBeyondScope);
    return refuse(DropReason::ipv6_scope);
  }
  if (parsed.ttl <= context.hops + 1U) {
    icmp_error(context, in, icmp6::kTimeExceeded, 0);
    return refuse(DropReason::ttl_exceeded);
  }
  const Way way = look_up(context, router, parsed.ip_destination);
  if (way.out == nullptr) {
    icmp_error(context, in, icmp6::kUnreachable, kNoRoute);
    return refuse(DropReason::no_route);
  }
  if (way.by_gateway && !context.tables.is_gateway_host(router)) {
    if (context.in_port == nullptr || context.hops != 0) return refuse(DropReason::gateway_elsewhere);
    context.target = Target::kVtep;
    context.out_host = router.gateway_host;
    return kNext;
  }
  const Network* out = context.tables.networks.at(way.out->network);
  if (out != nullptr && parsed.l3_end - parsed.l3_offset > static_cast<int>(out->state.mtu)) {
    icmp_error(context, in, icmp6::kTooBig, 0, out->state.mtu);
    return refuse(DropReason::mtu_exceeded);
  }
  Verdict verdict;
  if (!resolve_next_hop(context, way, verdict)) {
    if (!context.unresolved) return verdict;
    icmp_error(context, in, icmp6::kUnreachable, kAddressUnreachable);
    return refuse(DropReason::neighbour_unresolved);
  }
  context.source = way.out->mac;
  context.network = way.out->network;
  context.depend(Kind::kNetwork, context.network);
  ++context.hops;
  return kNext;
}

}  // namespace hanok::dataplane

// Routers, on every host: between subnets, extra routes, and at the gateway address translation (nat.h). What
// leaves by a gateway on another host is handed to that host as it is. IPv4 (RFC 1812).
#include "dataplane/packet/build.h"
#include "dataplane/packet/bytes.h"
#include "dataplane/packet/headers.h"
#include "dataplane/stages/nat.h"
#include "dataplane/stages/routing.h"
#include "dataplane/stages/stages.h"

namespace hanok::dataplane {
namespace {

constexpr unsigned kMaxRouters = 4;  // in one pass; more is taken for a loop

// RFC 792, RFC 1812 4.3.2: never about an ICMP error, a later fragment or a group address. It quotes the
// frame as it came in, so it may come from a later router too.
void icmp_error(Context& context, const RouterInterface& in, std::uint8_t type, std::uint8_t code) {
  const Parsed& parsed = context.parsed;
  const auto source = first_v4(in);
  if (!source || parsed.is_icmp_error() || parsed.later_fragment || parsed.ip_destination.is_multicast() ||
      parsed.ip_source.is_zero()) {
    return;
  }
  const unsigned quote = std::min<unsigned>(parsed.l3_end - parsed.l3_offset, 548);
  context.reply.assign(kEthernetBytes + kIpv4Bytes + 8 + quote, 0);
  std::uint8_t* at = context.reply.data();
  at += write_ethernet(at, parsed.source, parsed.destination, ethertype::kIpv4);
  at += write_ipv4(at, *source, parsed.ip_source, protocol::kIcmp, static_cast<std::uint16_t>(8 + quote));
  at[0] = type;
  at[1] = code;
  std::memcpy(at + 8, context.frame + parsed.l3_offset, quote);
  store16(at + 2, checksum(at, 8 + quote));
}

Verdict echo_reply(Context& context, const RouterInterface& in) {
  const Parsed& parsed = context.parsed;
  const unsigned bytes = parsed.l3_end - parsed.l4_offset;
  context.cacheable = false;
  context.reply.assign(kEthernetBytes + kIpv4Bytes + bytes, 0);
  std::uint8_t* at = context.reply.data();
  at += write_ethernet(at, parsed.source, in.mac, ethertype::kIpv4);
  at += write_ipv4(at, parsed.ip_destination, parsed.ip_source, protocol::kIcmp,
                   static_cast<std::uint16_t>(bytes));
  std::memcpy(at, context.frame + parsed.l4_offset, bytes);
  at[0] = icmp::kEchoReply;
  at[2] = at[3] = 0;
  store16(at + 2, checksum(at, bytes));
  return {Action::kReply};
}

const RouterInterface* interface_with(const Router& router, Handle network, const Mac& mac, bool& gateway) {
  gateway = false;
  for (const RouterInterface& interface : router.interfaces) {
    if (interface.network == network && interface.mac == mac) return &interface;
  }
  gateway = router.gateway && router.gateway->network == network && router.gateway->mac == mac;
  return gateway ? &*router.gateway : nullptr;
}

Verdict pass_router(Context& context, const Router& router) {
  bool by_gateway = false;
  const RouterInterface* in = interface_with(router, context.network, context.destination, by_gateway);
  if (in == nullptr) return drop(DropReason::unknown_destination);
  context.depend(Kind::kRouter, router.handle);
  context.cause = ref(Kind::kRouter, router.handle);
  const auto refuse = [&](DropReason reason) {
    return context.drop_for(reason, Kind::kRouter, router.handle);
  };
  if (!router.state.admin_up) return refuse(DropReason::router_down);
  if (!context.parsed.is_ip()) return refuse(DropReason::to_router_unserved);
  if (by_gateway && !context.tables.is_gateway_host(router)) return refuse(DropReason::gateway_elsewhere);
  if (context.parsed.l3 == L3::kIpv6) return pass_router_ipv6(context, router, *in);
  Verdict verdict;
  const Ip asked_for = context.ip_destination;
  if (by_gateway && !translate_inward(context, router, verdict)) return verdict;
  if (has_address(router, context.ip_destination)) {
    const bool echo = context.parsed.protocol == protocol::kIcmp && context.parsed.icmp_type == icmp::kEcho &&
                      context.parsed.l4_offset != 0 && !context.parsed.fragment;
    if (echo && context.hops == 0) return echo_reply(context, *in);
    const bool answers = turns_back(context, router, by_gateway);
    if (!answers && !by_gateway && context.parsed.protocol == protocol::kUdp)
      icmp_error(context, *in, icmp::kUnreachable, icmp::kPortUnreachable);
    if (!answers)
      return refuse(by_gateway && router.state.gateway->snat ? DropReason::snat_no_binding
                                                             : DropReason::to_router_unserved);
  }
  if (context.parsed.ttl <= context.hops + 1U) {
    icmp_error(context, *in, icmp::kTimeExceeded, 0);
    return refuse(DropReason::ttl_exceeded);
  }
  const Way way = look_up(context, router, context.ip_destination);
  // A floating IP whose port this router does not reach: the inside address would go out as it is.
  const bool turned_away = by_gateway && way.by_gateway && !(context.ip_destination == asked_for);
  if (way.out == nullptr || turned_away) {
    icmp_error(context, *in, icmp::kUnreachable, icmp::kNetUnreachable);
    return refuse(DropReason::no_route);
  }
  if (way.by_gateway && !context.tables.is_gateway_host(router)) {
    if (context.in_port == nullptr || context.hops != 0) return refuse(DropReason::gateway_elsewhere);
    context.target = Target::kVtep;  // as it is, to the host that translates
    context.out_host = router.gateway_host;
    return kNext;
  }
  if (way.by_gateway && !by_gateway) {
    const Verdict translated = translate_outward(context, router);
    if (translated.action != Action::kNext) return translated;
  }
  if (!resolve_next_hop(context, way, verdict)) {
    if (!context.unresolved) return verdict;
    icmp_error(context, *in, icmp::kUnreachable, icmp::kHostUnreachable);
    return refuse(DropReason::neighbour_unresolved);
  }
  context.source = way.out->mac;
  context.network = way.out->network;
  context.depend(Kind::kNetwork, context.network);
  ++context.hops;
  return kNext;
}

}  // namespace

Verdict stage_route(Context& context) {
  for (unsigned i = 0; i < kMaxRouters; ++i) {
    const Handle handle = context.tables.router_by_mac.get({context.network, context.destination}, kNone);
    const Router* router = context.tables.routers.at(handle);
    if (router == nullptr) return kNext;
    const Verdict verdict = pass_router(context, *router);
    if (verdict.action != Action::kNext || context.target != Target::kUndecided) return verdict;
  }
  return drop(DropReason::no_route);
}

}  // namespace hanok::dataplane

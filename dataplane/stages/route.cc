// Routers, on every host: between subnets, extra routes, and at the gateway floating IPs and source NAT. What
// leaves by a gateway on another host is handed to that host as it is. IPv4 (RFC 1812); NAT: RFC 4787, 5382,
// 5508.
#include "dataplane/packet/build.h"
#include "dataplane/packet/bytes.h"
#include "dataplane/packet/headers.h"
#include "dataplane/stages/routing.h"
#include "dataplane/stages/stages.h"

namespace hanok::dataplane {
namespace {

constexpr unsigned kMaxRouters = 4;  // in one pass; more is taken for a loop

const FloatingIp* floating_of_source(const Context& context, const Router& router) {
  const TablesData& tables = context.tables;
  const Port* port = tables.ports.at(tables.port_by_ip.get({context.network, context.ip_source}, kNone));
  if (port == nullptr || !router.gateway) return nullptr;
  const FloatingIp* floating = tables.floating_of(*port, context.ip_source);
  return floating != nullptr && floating->network == router.gateway->network ? floating : nullptr;
}

// A guest with a floating IP answers one that came by source NAT: out by the gateway and in again.
bool turns_back(const Context& context, const Router& router, bool by_gateway) {
  return !by_gateway && router.gateway && has_address(*router.gateway, context.ip_destination) &&
         floating_of_source(context, router) != nullptr;
}

// RFC 792, RFC 1812 4.3.2: never about an ICMP error, a later fragment or a group address.
void icmp_error(Context& context, const RouterInterface& in, std::uint8_t type, std::uint8_t code) {
  const Parsed& parsed = context.parsed;
  const auto source = first_v4(in);
  if (context.hops != 0 || !source || parsed.is_icmp_error() || parsed.later_fragment ||
      parsed.ip_destination.is_multicast() || parsed.ip_source.is_zero()) {
    return;
  }
  const unsigned quote = std::min<unsigned>(parsed.l3_end - parsed.l3_offset, 548);
  context.reply.assign(kEthernetBytes + kIpv4Bytes + 8 + quote, 0);
  std::uint8_t* at = context.reply.data();
  at += write_ethernet(at, parsed.source, in.mac, ethertype::kIpv4);
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

ConnectionKey nat_key(Zone zone, const Router& router, const Context& context, bool outward) {
  ConnectionKey key;
  key.zone = zone;
  key.owner = router.handle;
  key.local = outward ? context.ip_source : context.ip_destination;
  key.remote = outward ? context.ip_destination : context.ip_source;
  key.local_port = outward ? context.source_port : context.destination_port;
  key.remote_port = outward ? context.destination_port : context.source_port;
  key.protocol = context.parsed.protocol;
  return key;
}

bool is_query(const Context& context) {
  return context.parsed.is_icmp_query();
}

// The key of the connection that an ICMP error tells of, seen from its receiver's side (`outward` false) or
// sender's.
std::optional<Parsed> quoted_packet(const Context& context) {
  Parsed inner;
  const auto at = static_cast<std::uint16_t>(context.parsed.l4_offset + 8);
  if (!context.parsed.is_icmp_error() || parse_ip(context.frame, context.parsed.l3_end, at, true, inner))
    return std::nullopt;
  return inner;
}

// From outside to a router's own address: the answer to a connection that was translated, or an error about
// one.
std::optional<Verdict> undo_source_nat(Context& context, const Router& router) {
  if (const auto inner = quoted_packet(context)) {
    ConnectionKey key{Zone::kNatOutside,  router.handle,           inner->ip_source, inner->ip_destination,
                      inner->source_port, inner->destination_port, inner->protocol};
    const auto match = context.connections.find(key);
    if (!match || match->binding == nullptr) return std::nullopt;
    context.cacheable = false;
    context.ip_destination = match->binding->inside;
    context.quoted = Context::Quoted{true, match->binding->inside, match->binding->inside_port};
    return kNext;
  }
  const ConnectionKey key = nat_key(Zone::kNatOutside, router, context, false);
  const auto match = context.connections.find(key);
  if (!match || match->binding == nullptr) return std::nullopt;
  context.zones.push_back({key, true, true, match});
  context.ip_destination = match->binding->inside;
  context.destination_port = match->binding->inside_port;
  if (is_query(context)) context.source_port = match->binding->inside_port;
  return kNext;
}

Verdict source_nat_error(Context& context, const Router& router, const Parsed& inner) {
  ConnectionKey key{Zone::kNatInside,       router.handle,     inner.ip_destination, inner.ip_source,
                    inner.destination_port, inner.source_port, inner.protocol};
  const auto match = context.connections.find(key);
  if (!match || match->binding == nullptr) return drop(DropReason::icmp_error_unmatched);
  context.cacheable = false;
  context.ip_source = match->binding->outside;
  context.quoted = Context::Quoted{false, match->binding->outside, match->binding->outside_port};
  return kNext;
}

Verdict source_nat(Context& context, const Router& router) {
  const auto outside = first_v4(*router.gateway);
  if (!router.state.gateway->snat || !outside) return kNext;  // addresses go out as they are
  const std::uint8_t protocol = context.parsed.protocol;
  if (const auto inner = quoted_packet(context)) return source_nat_error(context, router, *inner);
  if (protocol != protocol::kTcp && protocol != protocol::kUdp && !is_query(context)) {
    return context.drop_for(DropReason::snat_protocol, Kind::kRouter, router.handle);
  }
  const ConnectionKey inside = nat_key(Zone::kNatInside, router, context, true);
  const auto match = context.connections.find(inside);
  Binding binding{router.handle, context.ip_source, *outside, context.source_port, 0};
  if (match && match->binding != nullptr && match->binding->outside == *outside) {
    binding = *match->binding;
  } else {
    ConnectionKey wanted = nat_key(Zone::kNatOutside, router, context, true);
    wanted.local = *outside;
    if (is_query(context)) wanted.remote_port = 0;  // the identifier stands at both ends: see below
    const auto port = context.connections.free_port(wanted);
    if (!port) return context.drop_for(DropReason::snat_ports_exhausted, Kind::kRouter, router.handle);
    binding.outside_port = *port;
    context.new_binding = binding;
  }
  context.zones.push_back({inside, true, false, match});
  context.ip_source = binding.outside;
  context.source_port = binding.outside_port;
  if (is_query(context)) context.destination_port = binding.outside_port;
  ConnectionKey outside_key = nat_key(Zone::kNatOutside, router, context, true);
  context.zones.push_back({outside_key, true, false, context.connections.find(outside_key)});
  return kNext;
}

Verdict to_outside(Context& context, const Router& router) {
  const Port* port =
      context.tables.ports.at(context.tables.port_by_ip.get({context.network, context.ip_source}, kNone));
  if (port != nullptr) context.depend(Kind::kPort, port->handle);
  if (const FloatingIp* floating = floating_of_source(context, router)) {
    context.depend(Kind::kFloatingIp, floating->handle);
    context.cause = ref(Kind::kFloatingIp, floating->handle);
    context.ip_source = floating->address;
    if (const auto inner = quoted_packet(context); inner && inner->l4_offset != 0) {
      context.quoted = Context::Quoted{false, floating->address, inner->destination_port};
    }
    return kNext;
  }
  return source_nat(context, router);
}

// From outside: a floating IP stands for a port's address. False: `verdict` ends it.
bool from_outside(Context& context, const Router& router, Verdict& verdict) {
  const TablesData& tables = context.tables;
  const Handle handle = tables.floating_by_ip.get({context.network, context.ip_destination}, kNone);
  if (const FloatingIp* floating = tables.floating_ips.at(handle)) {
    const Port* port = nullptr;
    const auto fixed = tables.fixed_of(*floating, port);
    if (!fixed) {
      verdict = context.drop_for(DropReason::no_route, Kind::kFloatingIp, handle);
      return false;
    }
    context.depend(Kind::kFloatingIp, handle);
    context.depend(Kind::kPort, port->handle);
    context.ip_destination = *fixed;
    if (const auto inner = quoted_packet(context))
      context.quoted = Context::Quoted{true, *fixed, inner->source_port};
    return true;
  }
  if (undo_source_nat(context, router)) return true;
  if (has_address(router, context.ip_destination))
    return true;  // the router's own: answered or refused later
  if (router.state.gateway->snat) {
    verdict = context.drop_for(DropReason::snat_no_binding, Kind::kRouter, router.handle);
    return false;
  }
  return true;
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
  if (by_gateway && !from_outside(context, router, verdict)) return verdict;
  if (has_address(router, context.ip_destination)) {
    const bool echo = context.parsed.protocol == protocol::kIcmp && context.parsed.icmp_type == icmp::kEcho &&
                      context.parsed.l4_offset != 0 && !context.parsed.fragment;
    if (echo && context.hops == 0) return echo_reply(context, *in);
    if (!turns_back(context, router, by_gateway))
      return refuse(by_gateway && router.state.gateway->snat ? DropReason::snat_no_binding
                                                             : DropReason::to_router_unserved);
  }
  if (context.parsed.ttl <= context.hops + 1U) {
    icmp_error(context, *in, icmp::kTimeExceeded, 0);
    return refuse(DropReason::ttl_exceeded);
  }
  const Way way = look_up(context, router, context.ip_destination);
  if (way.out == nullptr) {
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
    const Verdict translated = to_outside(context, router);
    if (translated.action != Action::kNext) return translated;
  }
  if (!resolve_next_hop(context, way, verdict)) return verdict;
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

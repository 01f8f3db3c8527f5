#include "dataplane/stages/nat.h"

#include "dataplane/packet/headers.h"
#include "dataplane/stages/qos.h"
#include "dataplane/stages/routing.h"

namespace hanok::dataplane {
namespace {

const Port* sending_port(const Context& context) {
  const TablesData& tables = context.tables;
  return tables.ports.at(tables.port_by_ip.get({context.network, context.ip_source}, kNone));
}

const FloatingIp* floating_of_source(const Context& context, const Router& router) {
  const Port* port = sending_port(context);
  if (port == nullptr || !router.gateway) return nullptr;
  const FloatingIp* floating = context.tables.floating_of(*port, context.ip_source);
  return floating != nullptr && floating->network == router.gateway->network ? floating : nullptr;
}

bool is_query(const Context& context) {
  return context.parsed.is_icmp_query();
}

// Of the packet as it is translated so far; seen from inside (`outward`) or outside.
ConnectionKey nat_key(Zone zone, const Router& router, const Context& context, bool outward) {
  return connection_key(zone, router.handle, context, context.parsed.protocol, outward);
}

// What an ICMP error tells of, as it is translated so far; none when this is no error.
std::optional<Parsed> quoted_packet(const Context& context) {
  Parsed inner;
  const auto at = static_cast<std::uint16_t>(context.parsed.l4_offset + 8);
  if (!context.parsed.is_icmp_error() || parse_ip(context.frame, context.parsed.l3_end, at, true, inner))
    return std::nullopt;
  const bool query = inner.is_icmp_query();  // its identifier stands at both ends
  if (const auto& end = context.quoted_source) {
    inner.ip_source = end->ip;
    inner.source_port = end->port;
    if (query) inner.destination_port = end->port;
  }
  if (const auto& end = context.quoted_destination) {
    inner.ip_destination = end->ip;
    inner.destination_port = end->port;
    if (query) inner.source_port = end->port;
  }
  return inner;
}

// The connection of a quoted packet that came in (the guest tells of it), or went out.
ConnectionKey quoted_key(Zone zone, const Router& router, const Parsed& inner, bool came_in) {
  return connection_key(zone, router.handle, inner, inner.protocol, !came_in);
}

// A connection that came in by port forwarding, seen from the guest that answers or tells of an error.
struct Forwarded {
  const FloatingIp* floating;
  std::uint16_t external_port;
  ConnectionKey key;
  std::optional<ConnectionMatch> match;
};

std::optional<Forwarded> forwarded_source(const Context& context, const Router& router) {
  const auto inner = quoted_packet(context);
  const ConnectionKey key = inner ? quoted_key(Zone::kNatInside, router, *inner, true)
                                  : nat_key(Zone::kNatInside, router, context, true);
  const auto match = context.connections.find(key);
  const Port* port = sending_port(context);
  if (!match || match->local_started || port == nullptr || !router.gateway) return std::nullopt;
  const FloatingIp::Forward* forward = nullptr;
  const FloatingIp* floating = context.tables.forwarding_to(
      *port, key.local, static_cast<std::uint8_t>(key.protocol), key.local_port, forward);
  if (floating == nullptr || floating->network != router.gateway->network) return std::nullopt;
  return Forwarded{floating, forward->external_port, key, match};
}

Verdict answer_forwarded(Context& context, const Forwarded& forwarded) {
  context.depend(Kind::kFloatingIp, forwarded.floating->handle);
  context.cause = ref(Kind::kFloatingIp, forwarded.floating->handle);
  add_meter(context, context.cause, forwarded.floating->state.qos, true);
  context.ip_source = forwarded.floating->address;
  if (context.parsed.is_icmp_error()) {
    context.quoted_destination = {forwarded.floating->address, forwarded.external_port};
    return kNext;
  }
  context.source_port = forwarded.external_port;
  context.zones.push_back({forwarded.key, false, true, forwarded.match});
  return kNext;
}

Verdict source_nat_error(Context& context, const Router& router, const Parsed& inner) {
  const auto match = context.connections.find(quoted_key(Zone::kNatInside, router, inner, true));
  if (!match || match->binding == nullptr) return drop(DropReason::icmp_error_unmatched);
  context.cacheable = false;
  context.ip_source = match->binding->outside;
  context.quoted_destination = {match->binding->outside, match->binding->outside_port};
  return kNext;
}

// A port that is free at one of the gateway's addresses. One guest keeps one address where it can (RFC 4787,
// REQ-2), guests spread over all.
std::optional<Binding> new_binding(const Context& context, const Router& router) {
  std::vector<Ip> addresses;
  for (const PortAddress& address : router.gateway->addresses) {
    if (address.ip.is_v4()) addresses.push_back(address.ip);
  }
  const std::size_t start = mix(context.ip_source.to_v4());
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    ConnectionKey wanted = nat_key(Zone::kNatOutside, router, context, true);
    wanted.local = addresses[(start + i) % addresses.size()];
    if (is_query(context)) wanted.remote_port = 0;  // free_port sets both: the identifier stands at both ends
    if (const auto port = context.connections.free_port(wanted)) {
      return Binding{router.handle, context.ip_source, wanted.local, context.source_port, *port};
    }
  }
  return std::nullopt;
}

// Past a gateway without source NAT addresses go as they are. Who began is kept all the same: what came in to
// a guest's own address is answered from that, also where the guest has a floating IP.
void keep_as_it_is(Context& context, const Router& router, bool outward) {
  if (context.parsed.is_icmp_error()) return;
  const ConnectionKey key = nat_key(Zone::kNatOutside, router, context, outward);
  const auto match = context.connections.find(key);
  const bool local_starts = match ? match->local_started : outward;
  context.zones.push_back({key, local_starts, local_starts != outward, match});
}

bool came_as_it_is(const Context& context, const Router& router) {
  if (router.state.gateway->snat) return false;
  const auto inner = quoted_packet(context);
  const auto match = context.connections.find(inner ? quoted_key(Zone::kNatOutside, router, *inner, true)
                                                    : nat_key(Zone::kNatOutside, router, context, true));
  return match && !match->local_started;
}

// It turns back to a guest of this router (RFC 4787, REQ-9). The answer must come by here to be translated
// back, and would go straight to an inside address: the guest's own host routes it.
bool is_hairpin(Context& context, const Router& router) {
  const TablesData& tables = context.tables;
  const Handle handle = tables.floating_by_ip.get({router.gateway->network, context.ip_destination}, kNone);
  const FloatingIp* floating = tables.floating_ips.at(handle);
  if (floating == nullptr || !floating->state.router) return false;
  context.depend(Kind::kFloatingIp, handle);
  return tables.routers.named(*floating->state.router) == &router;
}

Verdict source_nat(Context& context, const Router& router) {
  const bool translates = router.state.gateway->snat || is_hairpin(context, router);
  if (!translates || !first_v4(*router.gateway)) {
    keep_as_it_is(context, router, true);
    return kNext;
  }
  const std::uint8_t protocol = context.parsed.protocol;
  if (const auto inner = quoted_packet(context)) return source_nat_error(context, router, *inner);
  if (protocol != protocol::kTcp && protocol != protocol::kUdp && !is_query(context)) {
    return context.drop_for(DropReason::snat_protocol, Kind::kRouter, router.handle);
  }
  const ConnectionKey inside = nat_key(Zone::kNatInside, router, context, true);
  const auto match = context.connections.find(inside);
  std::optional<Binding> binding;
  if (match && match->binding != nullptr && has_address(*router.gateway, match->binding->outside)) {
    binding = *match->binding;
  } else {
    binding = new_binding(context, router);
    if (!binding) return context.drop_for(DropReason::snat_ports_exhausted, Kind::kRouter, router.handle);
    context.new_binding = binding;
  }
  context.zones.push_back({inside, true, false, match});
  context.ip_source = binding->outside;
  context.source_port = binding->outside_port;
  if (is_query(context)) context.destination_port = binding->outside_port;
  const ConnectionKey outside = nat_key(Zone::kNatOutside, router, context, true);
  context.zones.push_back({outside, true, false, context.connections.find(outside)});
  return kNext;
}

// To a router's own address: the answer to a connection that was translated, or an error about one.
bool undo_source_nat(Context& context, const Router& router) {
  if (const auto inner = quoted_packet(context)) {
    const auto match = context.connections.find(quoted_key(Zone::kNatOutside, router, *inner, false));
    if (!match || match->binding == nullptr) return false;
    context.cacheable = false;
    context.ip_destination = match->binding->inside;
    context.quoted_source = {match->binding->inside, match->binding->inside_port};
    return true;
  }
  const ConnectionKey key = nat_key(Zone::kNatOutside, router, context, false);
  const auto match = context.connections.find(key);
  if (!match || match->binding == nullptr) return false;
  context.zones.push_back({key, true, true, match});
  context.ip_destination = match->binding->inside;
  context.destination_port = match->binding->inside_port;
  if (is_query(context)) context.source_port = match->binding->inside_port;
  return true;
}

// To a floating IP of which single ports lead to guests.
bool forward_port(Context& context, const Router& router, const FloatingIp& floating, Verdict& verdict) {
  const auto inner = quoted_packet(context);
  const FloatingIp::Forward* forward =
      inner ? floating.forward_of(inner->protocol, inner->source_port)
            : floating.forward_of(context.parsed.protocol, context.destination_port);
  const Port* port = forward != nullptr ? context.tables.ports.named(forward->port) : nullptr;
  if (port == nullptr) {
    verdict = context.drop_for(DropReason::no_port_forwarding, Kind::kFloatingIp, floating.handle);
    return false;
  }
  context.depend(Kind::kPort, port->handle);
  context.ip_destination = forward->inside;
  if (inner) {
    context.cacheable = false;
    context.quoted_source = {forward->inside, forward->inside_port};
    return true;
  }
  context.destination_port = forward->inside_port;
  // The guest's answers are known by this key: it is what the address and port are put back by.
  const ConnectionKey key = nat_key(Zone::kNatInside, router, context, false);
  context.zones.push_back({key, false, false, context.connections.find(key)});
  return true;
}

bool to_floating_ip(Context& context, const Router& router, const FloatingIp& floating, Verdict& verdict) {
  context.depend(Kind::kFloatingIp, floating.handle);
  context.cause = ref(Kind::kFloatingIp, floating.handle);
  add_meter(context, context.cause, floating.state.qos, false);
  if (!floating.forwards.empty()) return forward_port(context, router, floating, verdict);
  const Port* port = nullptr;
  const auto fixed = context.tables.fixed_of(floating, port);
  if (!fixed) {
    verdict = context.drop_for(DropReason::no_route, Kind::kFloatingIp, floating.handle);
    return false;
  }
  context.depend(Kind::kPort, port->handle);
  context.ip_destination = *fixed;
  if (const auto inner = quoted_packet(context)) context.quoted_source = {*fixed, inner->source_port};
  return true;
}

}  // namespace

bool turns_back(const Context& context, const Router& router, bool by_gateway) {
  return !by_gateway && router.gateway && has_address(*router.gateway, context.ip_destination) &&
         (floating_of_source(context, router) != nullptr || forwarded_source(context, router).has_value());
}

Verdict translate_outward(Context& context, const Router& router) {
  if (const Port* port = sending_port(context)) context.depend(Kind::kPort, port->handle);
  if (const FloatingIp* floating = floating_of_source(context, router);
      floating != nullptr && !came_as_it_is(context, router)) {
    context.depend(Kind::kFloatingIp, floating->handle);
    context.cause = ref(Kind::kFloatingIp, floating->handle);
    add_meter(context, context.cause, floating->state.qos, true);
    context.ip_source = floating->address;
    if (const auto inner = quoted_packet(context); inner && inner->l4_offset != 0) {
      context.quoted_destination = {floating->address, inner->destination_port};
    }
    return kNext;
  }
  if (const auto forwarded = forwarded_source(context, router)) return answer_forwarded(context, *forwarded);
  return source_nat(context, router);
}

bool translate_inward(Context& context, const Router& router, Verdict& verdict) {
  const TablesData& tables = context.tables;
  const Handle handle = tables.floating_by_ip.get({context.network, context.ip_destination}, kNone);
  if (const FloatingIp* floating = tables.floating_ips.at(handle))
    return to_floating_ip(context, router, *floating, verdict);
  if (undo_source_nat(context, router)) return true;
  if (has_address(router, context.ip_destination)) return true;  // answered or refused later
  if (!router.state.gateway->snat) {
    keep_as_it_is(context, router, false);
    return true;
  }
  verdict = context.drop_for(DropReason::snat_no_binding, Kind::kRouter, router.handle);
  return false;
}

}  // namespace hanok::dataplane

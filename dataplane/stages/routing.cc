// Routes, addresses and next hops, for both families.
#include "dataplane/stages/routing.h"

namespace hanok::dataplane {
namespace {

const Prefix* prefix_of(const TablesData& tables, const PortAddress& address) {
  const Subnet* subnet = tables.subnets.at(address.subnet);
  return subnet != nullptr ? &subnet->prefix : nullptr;
}

// The interface whose subnet holds `ip`, longest prefix first; `bits` tells how long.
Way connected(const TablesData& tables, const Router& router, const Ip& ip, int& bits) {
  Way way;
  bits = -1;
  const auto look = [&](const RouterInterface& interface, bool gateway) {
    for (const PortAddress& address : interface.addresses) {
      const Prefix* prefix = prefix_of(tables, address);
      if (prefix == nullptr || !prefix->contains(ip) || static_cast<int>(prefix->bits) <= bits) continue;
      bits = prefix->bits;
      way = {&interface, ip, gateway};
    }
  };
  for (const RouterInterface& interface : router.interfaces) look(interface, false);
  if (router.gateway) look(*router.gateway, true);
  return way;
}

// Of equal routes, the one with the most weight for this connection.
std::size_t weight(const Context& context, const Ip& nexthop) {
  const NetworkIp ends{static_cast<Handle>(context.source_port) << 16U | context.destination_port,
                       context.ip_source};
  return mix(KeyHash{}(ends) ^ mix(KeyHash{}(NetworkIp{context.parsed.protocol, context.ip_destination})) ^
             KeyHash{}(NetworkIp{0, nexthop}));
}

}  // namespace

std::optional<Ip> first_v4(const RouterInterface& interface) {
  for (const PortAddress& address : interface.addresses) {
    if (address.ip.is_v4()) return address.ip;
  }
  return std::nullopt;
}

Way look_up(const Context& context, const Router& router, const Ip& ip) {
  const TablesData& tables = context.tables;
  int bits = -1;
  Way way = connected(tables, router, ip, bits);
  std::size_t best = 0;
  bool routed = false;
  for (const Subnet::Route& route : router.routes) {
    const int route_bits = route.destination.bits;
    if (route_bits < bits || (route_bits == bits && !routed) || !route.destination.contains(ip)) continue;
    int unused = -1;
    const Way next = connected(tables, router, route.nexthop, unused);
    if (next.out == nullptr) continue;
    const std::size_t score = weight(context, route.nexthop);
    if (route_bits == bits) context.by_source_port = true;
    if (route_bits == bits && score <= best) continue;
    bits = route_bits;
    best = score;
    routed = true;
    way = next;
  }
  if (way.out != nullptr || !router.gateway) return way;
  for (const PortAddress& address : router.gateway->addresses) {
    const Subnet* subnet = tables.subnets.at(address.subnet);
    if (subnet != nullptr && subnet->prefix.is_v4() == ip.is_v4() && subnet->gateway)
      return {&*router.gateway, *subnet->gateway, true};
  }
  return way;
}

bool has_address(const RouterInterface& interface, const Ip& ip) {
  for (const PortAddress& address : interface.addresses) {
    if (address.ip == ip) return true;
  }
  return false;
}

bool has_address(const Router& router, const Ip& ip) {
  for (const RouterInterface& interface : router.interfaces) {
    if (has_address(interface, ip)) return true;
  }
  return router.gateway && has_address(*router.gateway, ip);
}

bool resolve_next_hop(Context& context, const Way& way, Verdict& verdict) {
  const TablesData& tables = context.tables;
  const NetworkIp key{way.out->network, way.nexthop};
  if (const Port* port = tables.ports.at(tables.port_by_ip.get(key, kNone))) {
    context.depend(Kind::kPort, port->handle);
    context.destination = port->mac;
    return true;
  }
  const Router* router = tables.routers.at(tables.router_by_ip.get(key, kNone));
  if (const FloatingIp* floating = tables.floating_ips.at(tables.floating_by_ip.get(key, kNone));
      floating != nullptr && floating->state.router) {
    router = tables.routers.named(*floating->state.router);
    if (router != nullptr && router->gateway && tables.is_gateway_host(*router)) {
      context.destination = router->gateway->mac;
      return true;
    }
  } else if (router != nullptr) {
    context.depend(Kind::kRouter, router->handle);
    const auto take = [&](const RouterInterface& interface) {
      for (const PortAddress& address : interface.addresses) {
        if (interface.network == way.out->network && address.ip == way.nexthop)
          context.destination = interface.mac;
      }
    };
    for (const RouterInterface& interface : router->interfaces) take(interface);
    if (router->gateway) take(*router->gateway);
    return true;
  }
  context.depend(Kind::kNetworkPorts, key.network);
  if (const auto mac = context.neighbours.mac_of(key.network, key.ip)) {
    context.destination = *mac;
    return true;
  }
  // RFC 4861 lets a router ask by its link-local address whatever subnets it has.
  const Ip source = key.ip.is_v4() ? first_v4(*way.out).value_or(Ip::v4(0)) : link_local_of(way.out->mac);
  context.awaited = Awaited{key.network, key.ip, way.out->mac, source};
  verdict = {Action::kHandover, DropReason::neighbour_unresolved};
  return false;
}

}  // namespace hanok::dataplane

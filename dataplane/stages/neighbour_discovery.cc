// Neighbour discovery (RFC 4861): solicitations for addresses that the tables know are answered here, a
// duplicate found by a station that tries its address (RFC 4862) too. What routers ask for themselves comes
// back here.
#include "dataplane/packet/bytes.h"
#include "dataplane/packet/headers.h"
#include "dataplane/packet/nd_message.h"
#include "dataplane/stages/stages.h"

namespace hanok::dataplane {
namespace {

struct Answer {
  Mac mac;
  bool router = false;
};

const RouterInterface* interface_of(const Router& router, Handle network, const Ip& ip) {
  const auto has = [&](const RouterInterface& interface) {
    if (interface.network != network) return false;
    if (ip == link_local_of(interface.mac)) return true;
    for (const PortAddress& address : interface.addresses) {
      if (address.ip == ip) return true;
    }
    return false;
  };
  for (const RouterInterface& interface : router.interfaces) {
    if (has(interface)) return &interface;
  }
  return router.gateway && has(*router.gateway) ? &*router.gateway : nullptr;
}

// A router of ours that holds the address here.
std::optional<Answer> router_answer(Context& context, const Ip& ip) {
  const TablesData& tables = context.tables;
  Handle handle = tables.router_by_ip.get({context.network, ip}, kNone);
  if (const auto mac = mac_of_link_local(ip); mac && handle == kNone)
    handle = tables.router_by_mac.get({context.network, *mac}, kNone);
  const Router* router = tables.routers.at(handle);
  if (router == nullptr || !router->state.admin_up) return std::nullopt;
  const RouterInterface* interface = interface_of(*router, context.network, ip);
  if (interface == nullptr) return std::nullopt;
  const bool at_gateway = router->gateway && interface == &*router->gateway;
  if (at_gateway && !tables.is_gateway_host(*router)) return std::nullopt;
  // A segment reaches every host; the router interface answers its own host's guests only.
  if (!at_gateway && context.in_port == nullptr && context.in_segment.type == SegmentType::kVxlan)
    return std::nullopt;
  context.cause = ref(Kind::kRouter, router->handle);
  return Answer{interface->mac, true};
}

std::optional<Answer> port_answer(Context& context, const Ip& ip) {
  const TablesData& tables = context.tables;
  const Port* port = tables.ports.at(tables.port_by_ip.get({context.network, ip}, kNone));
  if (const auto mac = mac_of_link_local(ip); mac && port == nullptr) {
    port = tables.ports.at(tables.port_by_mac.get({context.network, *mac}, kNone));
    // A guest without port security may have made its link-local address in another way.
    if (port != nullptr && !port->state.port_security) port = nullptr;
  }
  if (port == nullptr || port == context.in_port) return std::nullopt;
  // From the network: only for guests of this host; the others' hosts answer for theirs.
  if (context.in_port == nullptr && !tables.is_local(*port)) return std::nullopt;
  context.cause = ref(Kind::kPort, port->handle);
  return Answer{port->mac, false};
}

void reply_with(Context& context, const Ip& target, const Answer& answer) {
  const bool duplicate = context.parsed.ip_source.is_zero();  // RFC 4861, 7.2.4: then to all, not solicited
  NeighbourAdvert advert;
  advert.to_mac = duplicate ? group_mac_of(kAllNodes) : context.parsed.source;
  advert.to = duplicate ? kAllNodes : context.parsed.ip_source;
  advert.mac = answer.mac;
  advert.target = target;
  advert.router = answer.router;
  advert.solicited = !duplicate;
  context.reply.resize(kNeighbourBytes);
  write_neighbour_advert(context.reply.data(), advert);
}

// Who asks a router, or answers it, is its neighbour; others only refresh what is known.
void learn(Context& context, const Ip& ip, const Mac& mac, bool to_router) {
  const NetworkIp key{context.network, ip};
  const TablesData& tables = context.tables;
  if (ip.is_zero() || mac.is_group() || tables.port_by_ip.contains(key) || tables.router_by_ip.contains(key))
    return;
  context.learned = {context.network, ip, mac, !to_router};
}

Verdict solicitation(Context& context, const NdMessage& message) {
  const Parsed& parsed = context.parsed;
  if (parsed.ip_source.is_zero() && message.source_link) return drop(DropReason::nd_malformed);
  auto answer = router_answer(context, message.target);
  learn(context, parsed.ip_source, message.source_link.value_or(parsed.source), answer.has_value());
  if (!answer) answer = port_answer(context, message.target);
  if (answer) {
    reply_with(context, message.target, *answer);
    return {Action::kReply};
  }
  const Port* port = context.in_port;
  // To try an address that is another's would keep its owner from it.
  if (parsed.ip_source.is_zero() && port != nullptr && port->state.port_security &&
      !owns_ip(*port, parsed.source, message.target)) {
    return context.drop_for(DropReason::spoofed_nd, Kind::kPort, port->handle);
  }
  return kNext;
}

Verdict advertisement(Context& context, const NdMessage& message) {
  const Parsed& parsed = context.parsed;
  const bool to_router = context.tables.router_by_mac.contains({context.network, parsed.destination});
  learn(context, message.target, message.target_link.value_or(parsed.source), to_router);
  return to_router ? drop(DropReason::nd_consumed) : kNext;
}

}  // namespace

Verdict stage_neighbour_discovery(Context& context) {
  const Parsed& parsed = context.parsed;
  if (parsed.l3 != L3::kIpv6 || parsed.protocol != protocol::kIcmp6 || parsed.l4_offset == 0) return kNext;
  if (parsed.icmp_type < icmp6::kRouterSolicit || parsed.icmp_type > icmp6::kRedirect) return kNext;
  context.cacheable = false;
  // RFC 4861, 6.1 and 7.1: from further than the link, or not well formed; RFC 6980: never in fragments.
  NdMessage message;
  if (parsed.ttl != 255 || parsed.fragment ||
      !read_nd_message(context.frame + parsed.l4_offset, parsed.l3_end - parsed.l4_offset, message)) {
    return drop(DropReason::nd_malformed);
  }
  if (message.type == icmp6::kNeighbourSolicit) return solicitation(context, message);
  if (message.type == icmp6::kNeighbourAdvert) return advertisement(context, message);
  return kNext;
}

}  // namespace hanok::dataplane

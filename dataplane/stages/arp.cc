// ARP (RFC 826): what the tables know is answered here, so that a request need not cross the network. What
// routers ask for themselves comes back here too.
#include "dataplane/packet/build.h"
#include "dataplane/packet/bytes.h"
#include "dataplane/packet/headers.h"
#include "dataplane/stages/stages.h"

namespace hanok::dataplane {
namespace {

const Mac* mac_on(const Router& router, Handle network, const Ip& ip) {
  const auto has = [&](const RouterInterface& interface) {
    if (interface.network != network) return false;
    for (const PortAddress& address : interface.addresses) {
      if (address.ip == ip) return true;
    }
    return false;
  };
  for (const RouterInterface& interface : router.interfaces) {
    if (has(interface)) return &interface.mac;
  }
  return router.gateway && has(*router.gateway) ? &router.gateway->mac : nullptr;
}

// The MAC of an address that a router of ours holds here; null where it holds none, or on another host.
const Mac* router_mac(Context& context, const Ip& ip) {
  const TablesData& tables = context.tables;
  if (const Router* router = tables.routers.at(tables.router_by_ip.get({context.network, ip}, kNone))) {
    context.cause = ref(Kind::kRouter, router->handle);
    const Mac* mac = mac_on(*router, context.network, ip);
    const bool at_gateway = router->gateway && mac == &router->gateway->mac;
    if (!router->state.admin_up || (at_gateway && !tables.is_gateway_host(*router))) return nullptr;
    // A segment reaches every host; the router interface answers its own host's guests only.
    if (!at_gateway && context.in_port == nullptr && context.in_segment.type == SegmentType::kVxlan)
      return nullptr;
    return mac;
  }
  const auto* floating = tables.floating_ips.at(tables.floating_by_ip.get({context.network, ip}, kNone));
  if (floating == nullptr || !floating->state.router || !floating->leads_somewhere()) return nullptr;
  const Router* router = tables.routers.named(*floating->state.router);
  if (router == nullptr || !router->gateway || !router->state.admin_up || !tables.is_gateway_host(*router)) {
    return nullptr;
  }
  context.cause = ref(Kind::kFloatingIp, floating->handle);
  return &router->gateway->mac;
}

const Mac* answer_for(Context& context, const Ip& ip) {
  if (const Mac* mac = router_mac(context, ip)) return mac;
  if (ip == kMetadataIp && context.in_port != nullptr && !context.in_port->metadata.empty())
    return &kServerMac;
  const Port* port = context.tables.ports.at(context.tables.port_by_ip.get({context.network, ip}, kNone));
  if (port == nullptr || port == context.in_port) return nullptr;
  // From the network: only for guests of this host; the others' hosts answer for theirs.
  if (context.in_port == nullptr && !context.tables.is_local(*port)) return nullptr;
  context.cause = ref(Kind::kPort, port->handle);
  return &port->mac;
}

}  // namespace

Verdict stage_arp(Context& context) {
  if (context.parsed.l3 != L3::kArp) return kNext;
  context.cacheable = false;
  const std::uint8_t* arp = context.frame + context.parsed.l3_offset;
  const bool request = load16(arp + 6) == 1;
  const Mac sender_mac = Mac::from(arp + 8);
  const Ip sender = Ip::v4_from(arp + 14), wanted = Ip::v4_from(arp + 24);
  const bool to_router = router_mac(context, wanted) != nullptr;
  const bool known_port = context.tables.port_by_ip.contains({context.network, sender}) ||
                          context.tables.router_by_ip.contains({context.network, sender});
  if (!sender.is_zero() && !known_port && !sender_mac.is_group()) {
    // Who asks a router, or answers it, is its neighbour; others only refresh what is known.
    context.learned = {context.network, sender, sender_mac, !to_router};
  }
  if (!request) {
    if (to_router) return drop(DropReason::arp_consumed);
    return kNext;
  }
  if (sender == wanted) return kNext;  // an announcement
  const Mac* answer = answer_for(context, wanted);
  if (answer == nullptr) {
    if (context.parsed.destination.is_group()) return kNext;
    // A probe of one station, for which the router stands or that lives elsewhere.
    return context.tables.router_by_mac.contains({context.network, context.parsed.destination})
               ? drop(DropReason::arp_unanswered)
               : kNext;
  }
  context.reply.resize(kEthernetBytes + kArpBytes);
  write_arp(context.reply.data(), 2, sender_mac, *answer, wanted, sender_mac, sender);
  return {Action::kReply};
}

}  // namespace hanok::dataplane

// Neighbour discovery (RFC 4861): solicitations for addresses that the tables know are answered here.
#include "dataplane/packet/build.h"
#include "dataplane/packet/bytes.h"
#include "dataplane/packet/headers.h"
#include "dataplane/stages/stages.h"

namespace hanok::dataplane {
namespace {

constexpr unsigned kAdvertBytes = 32;  // with the target's link-layer address

void write_advert(Context& context, const Ip& target, const Mac& mac, bool router) {
  const Parsed& parsed = context.parsed;
  context.reply.assign(kEthernetBytes + kIpv6Bytes + kAdvertBytes, 0);
  std::uint8_t* at = context.reply.data();
  at += write_ethernet(at, parsed.source, mac, ethertype::kIpv6);
  at += write_ipv6(at, target, parsed.ip_source, protocol::kIcmp6, kAdvertBytes, 255);
  at[0] = icmp6::kNeighbourAdvert;
  at[4] = static_cast<std::uint8_t>(0x60U | (router ? 0x80U : 0U));  // solicited, override
  std::memcpy(at + 8, target.bytes.data(), 16);
  at[24] = 2;  // option: target link-layer address, one unit of 8 bytes
  at[25] = 1;
  mac.write(at + 26);
  store16(at + 2, l4_checksum(target, parsed.ip_source, protocol::kIcmp6, at, kAdvertBytes));
}

}  // namespace

Verdict stage_nd(Context& context) {
  const Parsed& parsed = context.parsed;
  if (parsed.l3 != L3::kIpv6 || parsed.protocol != protocol::kIcmp6 || parsed.l4_offset == 0) return kNext;
  if (parsed.icmp_type < icmp6::kRouterSolicit || parsed.icmp_type > icmp6::kRedirect) return kNext;
  context.cacheable = false;
  if (parsed.icmp_type != icmp6::kNeighbourSolicit && parsed.icmp_type != icmp6::kNeighbourAdvert)
    return kNext;
  // RFC 4861, 7.1: from further than the link, or too short.
  if (parsed.ttl != 255 || parsed.l4_offset + 24U > parsed.l3_end) return drop(DropReason::nd_malformed);
  if (parsed.icmp_type == icmp6::kNeighbourAdvert) return kNext;
  const Ip target = Ip::v6_from(context.frame + parsed.l4_offset + 8);
  if (target.is_multicast()) return drop(DropReason::nd_malformed);
  if (parsed.ip_source.is_zero()) return kNext;  // duplicate address detection: for whoever holds it to say
  const TablesData& tables = context.tables;
  if (const Router* router = tables.routers.at(tables.router_by_ip.get({context.network, target}, kNone));
      router != nullptr && router->state.admin_up && context.in_port != nullptr) {
    for (const RouterInterface& interface : router->interfaces) {
      if (interface.network != context.network) continue;
      context.cause = ref(Kind::kRouter, router->handle);
      write_advert(context, target, interface.mac, true);
      return {Action::kReply};
    }
  }
  const Port* port = tables.ports.at(tables.port_by_ip.get({context.network, target}, kNone));
  if (port == nullptr || port == context.in_port || (context.in_port == nullptr && !tables.is_local(*port)))
    return kNext;
  context.cause = ref(Kind::kPort, port->handle);
  write_advert(context, target, port->mac, false);
  return {Action::kReply};
}

}  // namespace hanok::dataplane

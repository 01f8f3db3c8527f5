// Anti-spoofing: a port speaks with its own MAC and addresses, or an allowed pair, and serves no DHCP nor
// routers.
#include "dataplane/packet/bytes.h"
#include "dataplane/packet/headers.h"
#include "dataplane/packet/nd_message.h"
#include "dataplane/stages/stages.h"

namespace hanok::dataplane {
namespace {

bool owns_mac(const Port& port, const Mac& mac) {
  if (mac == port.mac) return true;
  for (const Port::Pair& pair : port.pairs) {
    if (pair.mac && *pair.mac == mac) return true;
  }
  return false;
}

// Neighbours are told of the port's own addresses and stations only.
std::optional<DropReason> check_nd(const Context& context, const Port& port) {
  const Parsed& parsed = context.parsed;
  if (parsed.icmp_type < icmp6::kRouterSolicit || parsed.icmp_type > icmp6::kRedirect) return std::nullopt;
  NdMessage message;
  if (!read_nd_message(context.frame + parsed.l4_offset, parsed.l3_end - parsed.l4_offset, message))
    return DropReason::nd_malformed;
  if (message.source_link && !owns_mac(port, *message.source_link)) return DropReason::spoofed_nd;
  if (message.type != icmp6::kNeighbourAdvert) return std::nullopt;
  const Mac station = message.target_link.value_or(parsed.source);
  const bool owned = owns_mac(port, station) && owns_ip(port, station, message.target);
  return owned ? std::nullopt : std::optional(DropReason::spoofed_nd);
}

std::optional<DropReason> check_ip(const Context& context, const Port& port) {
  const Parsed& parsed = context.parsed;
  const bool udp = parsed.protocol == protocol::kUdp && parsed.l4_offset != 0;
  if (udp && ((parsed.l3 == L3::kIpv4 && parsed.source_port == 67 && parsed.destination_port == 68) ||
              (parsed.l3 == L3::kIpv6 && parsed.source_port == 547 && parsed.destination_port == 546))) {
    return DropReason::dhcp_server_guard;
  }
  const bool icmp6 = parsed.l3 == L3::kIpv6 && parsed.protocol == protocol::kIcmp6 && parsed.l4_offset != 0;
  if (icmp6 && (parsed.icmp_type == icmp6::kRouterAdvert || parsed.icmp_type == icmp6::kRedirect)) {
    return DropReason::ra_guard;
  }
  if (parsed.ip_source.is_zero()) {
    // Before there is an address: DHCPv4, duplicate address detection, multicast listener reports.
    const bool dhcp = udp && parsed.source_port == 68 && parsed.destination_port == 67;
    if (parsed.l3 == L3::kIpv4 ? dhcp : icmp6 && parsed.ip_destination.is_multicast()) return std::nullopt;
    return DropReason::spoofed_ip;
  }
  if (!owns_ip(port, parsed.source, parsed.ip_source)) return DropReason::spoofed_ip;
  return icmp6 ? check_nd(context, port) : std::nullopt;
}

}  // namespace

bool owns_ip(const Port& port, const Mac& mac, const Ip& ip) {
  if (mac == port.mac) {
    for (const PortAddress& address : port.addresses) {
      if (address.ip == ip) return true;
    }
  }
  for (const Port::Pair& pair : port.pairs) {
    if (pair.mac.value_or(port.mac) == mac && pair.ip.contains(ip)) return true;
  }
  return !ip.is_v4() && ip == link_local_of(mac);
}

Verdict stage_port_security(Context& context) {
  const Port* port = context.in_port;
  if (port == nullptr || !port->state.port_security) return kNext;
  const Parsed& parsed = context.parsed;
  const auto refuse = [&](DropReason reason) { return context.drop_for(reason, Kind::kPort, port->handle); };
  if (!owns_mac(*port, parsed.source)) return refuse(DropReason::spoofed_mac);
  switch (parsed.l3) {
    case L3::kArp: {
      const std::uint8_t* arp = context.frame + parsed.l3_offset;
      const Ip sender = Ip::v4_from(arp + 14);
      if (!(Mac::from(arp + 8) == parsed.source)) return refuse(DropReason::spoofed_arp);
      if (!sender.is_zero() && !owns_ip(*port, parsed.source, sender)) return refuse(DropReason::spoofed_arp);
      return kNext;
    }
    case L3::kIpv4:
    case L3::kIpv6:
      if (const auto reason = check_ip(context, *port)) return refuse(*reason);
      return kNext;
    case L3::kOther:
      return refuse(DropReason::ethertype_denied);
  }
  return kNext;
}

}  // namespace hanok::dataplane

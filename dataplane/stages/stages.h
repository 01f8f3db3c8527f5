#pragma once
// The slow path: every stage, in order. To add one: a file, a row in stages.cc, a test.

#include <span>

#include "dataplane/stages/context.h"

namespace hanok::dataplane {

[[nodiscard]] std::span<const Stage> slow_path();

Verdict stage_locate(Context& context);                // device and tag -> port or segment -> network
Verdict stage_port_security(Context& context);         // may this port send this?
Verdict stage_arp(Context& context);                   // RFC 826; known addresses are answered here
Verdict stage_neighbour_discovery(Context& context);   // RFC 4861; the same for IPv6
Verdict stage_router_advertisement(Context& context);  // solicitations, for the routers
Verdict stage_dhcpv6(Context& context);                // RFC 8415
Verdict stage_dhcp(Context& context);                  // RFC 2131
Verdict stage_metadata(Context& context);              // 169.254.169.254
Verdict stage_egress_policy(Context& context);         // security groups of the sending port
Verdict stage_route(Context& context);                 // routers, floating IPs, source NAT
Verdict stage_switch(Context& context);                // destination MAC -> port, VTEP, segment, or all
Verdict stage_ingress_policy(Context& context);        // security groups of the receiving port
Verdict stage_qos(Context& context);                   // rate limits and DSCP mark
Verdict stage_fit(Context& context);                   // MTU: told of, cut, or held to by the MSS

// Where guests find the metadata service, and who answers for it on their link.
inline const Ip kMetadataIp = Ip::v4(0xa9fea9fe);
inline constexpr std::uint16_t kMetadataPort = 80;
inline constexpr Mac kServerMac{{0x02, 0, 0, 0, 0, 0x43}};  // locally administered; DHCP's too

// May this station of the port use the address? (Its own, an allowed pair, or the link-local one of its MAC.)
[[nodiscard]] bool owns_ip(const Port& port, const Mac& mac, const Ip& ip);

// Would the port's rules take this frame from the network? For floods: no connection is made.
[[nodiscard]] bool ingress_allows(const Context& context, const Port& port);

}  // namespace hanok::dataplane

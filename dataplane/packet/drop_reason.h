#pragma once
// Every reason for which the packet engine drops a frame, with the name that counters, traces and documents
// use.

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace hanok::dataplane {

// clang-format off
#define HANOK_DROP_REASONS(X)                                                                               \
  /* malformed */                                                                                           \
  X(frame_too_short) X(vlan_truncated) X(ipv4_truncated) X(ipv4_bad_version) X(ipv4_bad_header_length)      \
  X(ipv4_bad_total_length) X(ipv4_bad_checksum) X(ipv4_bad_source) X(ipv4_bad_fragment)                     \
  X(ipv6_truncated) X(ipv6_bad_version) X(ipv6_bad_length) X(ipv6_bad_extension)                            \
  X(ipv6_too_many_extensions) X(ipv6_bad_source) X(ipv6_bad_fragment) X(tcp_truncated) X(tcp_bad_header_length)                  \
  X(tcp_bad_flags) X(tcp_bad_checksum) X(udp_truncated) X(udp_bad_length) X(icmp_truncated) X(arp_truncated)                    \
  X(arp_bad_format) X(vxlan_truncated) X(vxlan_bad_flags) X(nd_malformed) X(dhcp_malformed)                 \
  X(ethernet_bad_source)                                                                                    \
  /* asks for work that makes no sense, see offload.h */                                                   \
  X(checksum_not_tcp_or_udp) X(gso_not_tcp) X(gso_bad_flags) X(gso_bad_size)                                \
  /* where it came from */                                                                                  \
  X(unknown_device) X(port_down) X(unknown_segment) X(vlan_from_guest) X(unknown_vtep) X(other_segment)      \
  X(ethertype_denied)                                                                                       \
  /* port security */                                                                                       \
  X(spoofed_mac) X(spoofed_ip) X(spoofed_arp) X(spoofed_nd) X(dhcp_server_guard) X(ra_guard)                \
  /* security groups and connections */                                                                     \
  X(security_group_egress) X(security_group_ingress) X(tcp_no_connection) X(fragment_no_first)              \
  X(icmp_error_unmatched) X(flow_table_full) X(session_quota)                                               \
  /* switching and routing */                                                                               \
  X(unknown_destination) X(destination_down) X(same_device) X(reserved_group_address) X(no_segment)         \
  X(no_uplink) X(no_vtep) X(vtep_unreachable) X(router_down) X(no_route) X(ttl_exceeded)                    \
  X(to_router_unserved) X(gateway_elsewhere) X(snat_ports_exhausted) X(snat_no_binding) X(snat_protocol)    \
  X(no_port_forwarding) X(qos_limit)                                                                        \
  X(neighbour_unresolved) X(neighbour_queue_full) X(large_frame_unresolved) X(mtu_exceeded) X(ipv6_scope)                           \
  /* answered or consumed by the data plane: not lost, but not forwarded either */                          \
  X(arp_consumed) X(arp_unanswered) X(nd_consumed) X(dhcp_ignored) X(dhcp_declined) X(dhcp_released) X(dhcp_no_address) X(metadata_busy) X(icmp_rate_limited)                 \
  /* no room */                                                                                             \
  X(no_buffer) X(no_headroom) X(worker_queue_full)
// clang-format on

enum class DropReason : std::uint8_t {
#define X(name) name,
  HANOK_DROP_REASONS(X)
#undef X
      kCount
};
inline constexpr std::size_t kDropReasons = static_cast<std::size_t>(DropReason::kCount);

[[nodiscard]] std::string_view to_string(DropReason reason);

}  // namespace hanok::dataplane

#pragma once
// Reads a frame once, from Ethernet to L4, and says where its parts are. Every read is bounded by the frame;
// what is malformed has its own name. RFC 791, 8200, 793, 768, 792, 4443; VLAN: IEEE 802.1Q; ARP: RFC 826.

#include <cstdint>
#include <optional>

#include "dataplane/packet/address.h"
#include "dataplane/packet/drop_reason.h"

namespace hanok::dataplane {

enum class L3 : std::uint8_t { kOther, kArp, kIpv4, kIpv6 };

struct Parsed {
  Mac destination, source;
  std::uint16_t ethertype = 0;  // after the VLAN tag
  std::uint16_t vlan = 0;       // 0: no tag, or a priority tag
  bool tagged = false;
  L3 l3 = L3::kOther;
  std::uint16_t l3_offset = 0;
  std::uint16_t l4_offset = 0;  // where the L4 header is; 0 where there is none (a later fragment too)
  std::uint16_t l3_end = 0;     // end of the IP datagram (Ethernet may pad)
  std::uint8_t protocol = 0;
  std::uint8_t ttl = 0;
  std::uint8_t tcp_flags = 0;
  std::uint8_t icmp_type = 0, icmp_code = 0;
  bool fragment = false;        // any fragment
  bool later_fragment = false;  // not the first
  std::uint32_t fragment_id = 0;
  Ip ip_source, ip_destination;
  std::uint16_t source_port = 0, destination_port = 0;  // ICMP echo: both the identifier's role, see flow_key

  [[nodiscard]] bool is_ip() const { return l3 == L3::kIpv4 || l3 == L3::kIpv6; }
  [[nodiscard]] bool is_icmp_error() const;
  [[nodiscard]] bool is_icmp_query() const;  // carries an identifier
};

// nullopt: well formed, `out` is filled. `out` is partly filled on a drop.
[[nodiscard]] std::optional<DropReason> parse_frame(const std::uint8_t* data, std::uint16_t length,
                                                    Parsed& out);

// The IP datagram alone, at `offset`: used for what ICMP errors quote, where the L4 header may be cut after 8
// bytes
// (`quoted`) and lengths are those of the original.
[[nodiscard]] std::optional<DropReason> parse_ip(const std::uint8_t* data, std::uint16_t length,
                                                 std::uint16_t offset, bool quoted, Parsed& out);

struct Vxlan {
  std::uint32_t vni = 0;
  Ip source, destination;
  std::uint16_t inner_offset = 0;
};
// True when the frame is UDP to port 4789 over IPv4; `drop` then says whether its VXLAN header is bad.
[[nodiscard]] bool parse_vxlan(const std::uint8_t* data, std::uint16_t length, const Parsed& outer,
                               Vxlan& out, std::optional<DropReason>& drop);

}  // namespace hanok::dataplane

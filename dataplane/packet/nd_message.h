#pragma once
// Neighbour discovery messages (RFC 4861) read and written. No reads beyond the bytes given.

#include <cstdint>
#include <optional>

#include "dataplane/packet/address.h"

namespace hanok::dataplane {

struct NdMessage {
  std::uint8_t type = 0;
  Ip target;  // of neighbour solicitations, advertisements and redirects
  std::optional<Mac> source_link, target_link;
};

// `icmp` is an ICMPv6 message of types 133 to 137, `length` all its bytes. False: malformed (code, length, an
// option of length zero or beyond the end, a group address as target).
[[nodiscard]] bool read_nd_message(const std::uint8_t* icmp, unsigned length, NdMessage& out);

inline constexpr unsigned kNeighbourBytes = 14 + 40 + 32;  // a frame with one link-layer address option

struct NeighbourAdvert {
  Mac to_mac, mac;
  Ip to, target;
  bool router = false, solicited = true;
};
// A whole frame of kNeighbourBytes.
void write_neighbour_advert(std::uint8_t* to, const NeighbourAdvert& advert);
// To the target's solicited-node group, or to `mac` where the station is known (a probe).
void write_neighbour_solicit(std::uint8_t* to, const std::optional<Mac>& mac, const Mac& sender_mac,
                             const Ip& sender, const Ip& target);

[[nodiscard]] Ip solicited_node_of(const Ip& ip);  // RFC 4291, 2.7.1
[[nodiscard]] Mac group_mac_of(const Ip& group);   // RFC 2464, 7
inline constexpr Ip kAllNodes{{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};

}  // namespace hanok::dataplane

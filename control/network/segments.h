#pragma once
// The segment of a network: VXLAN by default, VLAN, flat; numbers are allocated when none is named.

#include <string>

#include "common/json.h"
#include "control/network/context.h"

namespace hanok::network {

struct Segment {
  std::string type;              // vxlan, vlan, flat
  std::string physical_network;  // empty for vxlan
  std::int64_t id = 0;           // VNI or VLAN id; 0 for flat
};

// From the provider:* fields of `body` (the caller's right to give them is checked already). An external
// network with none of them becomes the flat network of the external physical network, if that is free.
[[nodiscard]] Result<Segment> choose_segment(store::Tx& tx, const Json& body, bool external,
                                             const Options& options);
[[nodiscard]] std::int64_t default_mtu(const Segment& segment);

}  // namespace hanok::network

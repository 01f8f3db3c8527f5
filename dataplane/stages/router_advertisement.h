#pragma once
// Router advertisements (RFC 4861, RFC 4862; DNS: RFC 8106), as the modes of a network's subnets ask for
// them.

#include <cstdint>
#include <vector>

#include "dataplane/tables/tables_data.h"

namespace hanok::dataplane {

// The router interfaces that advertise on a network: those that hold the gateway address of an IPv6 subnet
// with a router advertisement mode.
[[nodiscard]] std::vector<const RouterInterface*> advertisers(const TablesData& tables,
                                                              const Network& network);

// The frame, for `to` (a station's address, or all nodes).
[[nodiscard]] std::vector<std::uint8_t> router_advert(const TablesData& tables, const Network& network,
                                                      const RouterInterface& from, const Mac& to_mac,
                                                      const Ip& to);

}  // namespace hanok::dataplane

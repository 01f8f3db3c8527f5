#pragma once
// Routers as the floating IPs see them, and the pieces that the router files share.

#include <string>

#include "control/http/http.h"
#include "control/network/context.h"
#include "control/network/ip_address.h"
#include "control/network/listing.h"

namespace hanok::network {

[[nodiscard]] const Listing& router_listing();
[[nodiscard]] Json router_json(const store::Row& row, const http::Caller& caller);
[[nodiscard]] Status touch_router(store::Tx& tx, const std::string& id, std::int64_t now_us);

// Sets, changes or (null, {}) clears external_gateway_info. RouterExternalGatewayInUseByFloatingIp,
// NetworkNotFound, BadRequest and the errors of address allocation.
[[nodiscard]] Status set_gateway(store::Tx& tx, const Context& context, const store::Row& router,
                                 const Json& info, const http::Caller& caller);
// The subnets that the router is on: rows of id, cidr, network_id, port_id.
[[nodiscard]] Result<store::Rows> connected_subnets(store::Tx& tx, const std::string& router_id);
// InvalidRoutes unless each next hop is on a connected subnet and no address of the router itself.
[[nodiscard]] Status check_router_routes(store::Tx& tx, const std::string& router_id, const Json& routes);
// Neutron refuses overlapping subnets on one router (BadRequest).
[[nodiscard]] Status check_no_overlap(store::Tx& tx, const std::string& router_id, const store::Row& subnet);

}  // namespace hanok::network

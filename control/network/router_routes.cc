// Extra routes of a router: checked as a whole, and added or removed one by one (extraroute-atomic).

#include <algorithm>

#include "control/network/body.h"
#include "control/network/errors.h"
#include "control/network/handlers.h"
#include "control/network/routers.h"
#include "control/network/subnet_values.h"

namespace hanok::network {
namespace {

constexpr std::size_t kMaxRoutes = 30;  // Neutron's max_routes

Error invalid_routes(const Json& routes, const std::string& reason) {
  return bad_request("Invalid format for routes: " + dump_json(routes).substr(0, 300) + ", " + reason,
                     "InvalidRoutes");
}

Result<Json> read_routes(const http::Request& request) {
  HANOK_TRY(router, need_object(request.json, "router"));
  HANOK_TRY(routes, get_array(*router, "routes", 100));
  if (routes == nullptr) return bad_request("Unable to find 'routes' in request body", "HTTPBadRequest");
  return *routes;
}

Reply change_routes(const Context& context, const http::Request& request, Json (*change)(Json, const Json&)) {
  HANOK_TRY(given, read_routes(request));
  return context.database.write([&](store::Tx& tx) -> Reply {
    HANOK_TRY(row, find_own_row(tx, router_listing(), request.param("id"), request.caller));
    const Json routes = change(row.json("routes"), given);
    HANOK_CHECK(check_router_routes(tx, row.text("id"), routes));
    RowUpdate update("routers");
    update.set("routes", routes);
    HANOK_CHECK(update.apply(tx, row.text("id"), context.clock.now_us()));
    HANOK_CHECK(tx.touch("router", row.text("id")));
    HANOK_TRY(fresh, find_row(tx, router_listing(), row.text("id")));
    return http::ok({{"router", router_json(fresh, request.caller)}});
  });
}

Json with_routes(Json routes, const Json& more) {
  for (const Json& route : more) {
    if (std::find(routes.begin(), routes.end(), route) == routes.end()) routes.push_back(route);
  }
  return routes;
}

// NOLINTNEXTLINE(performance-unnecessary-value-param): of one shape with the operation that adds
Json without_routes(Json routes, const Json& less) {
  Json out = Json::array();
  for (const Json& route : routes) {
    if (std::find(less.begin(), less.end(), route) == less.end()) out.push_back(route);
  }
  return out;
}

}  // namespace

Status check_router_routes(store::Tx& tx, const std::string& router_id, const Json& routes) {
  HANOK_CHECK(check_routes(routes, kMaxRoutes));
  HANOK_TRY(connected, connected_subnets(tx, router_id));
  for (const Json& route : routes) {
    const IpAddress nexthop = *parse_ip(text_of(route, "nexthop"));
    bool reachable = false;
    for (const store::Row& subnet : connected) {
      reachable = reachable || parse_prefix(subnet.text("cidr"))->contains(nexthop);
      if (parse_ip(subnet.text("ip")) == nexthop)
        return invalid_routes(routes, "the nexthop is used by router");
    }
    if (!reachable) return invalid_routes(routes, "the nexthop is not connected with router");
  }
  return {};
}

Reply add_extra_routes(const Context& context, http::Request& request) {
  return change_routes(context, request, with_routes);
}

Reply remove_extra_routes(const Context& context, http::Request& request) {
  return change_routes(context, request, without_routes);
}

}  // namespace hanok::network

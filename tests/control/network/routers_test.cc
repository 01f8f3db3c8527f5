#include "tests/control/network/fixture.h"

namespace hanok::network {
namespace {

class Routers : public NetworkTest {};

std::string path_of(const std::string& id) {
  return "/v2.0/routers/" + id;
}

TEST_F(Routers, are_made_shown_changed_and_removed) {
  const std::string id = router({{"name", "r"}, {"external_gateway_info", Json::object()}});
  const Json shown = get(path_of(id))["router"];
  EXPECT_EQ(shown["name"], "r");
  EXPECT_TRUE(shown["external_gateway_info"].is_null());
  EXPECT_EQ(shown["routes"], Json::array());
  EXPECT_EQ(put(path_of(id), {{"router", {{"admin_state_up", false}}}})["router"]["admin_state_up"], false);
  be("bob");
  EXPECT_ERROR(refuse_get(path_of(id)), kNotFound, "RouterNotFound");
  EXPECT_ERROR(refuse_put(path_of(id), {{"router", {{"name", "x"}}}}), kNotFound, "RouterNotFound");
  EXPECT_ERROR(refuse_delete(path_of(id)), kNotFound, "RouterNotFound");
  be("alice");
  remove(path_of(id));
  EXPECT_ERROR(refuse_get(path_of(id)), kNotFound, "RouterNotFound");
}

TEST_F(Routers, interfaces_come_and_go_by_subnet_and_by_port) {
  const std::string net = network(), sub = subnet(net, "10.0.0.0/24"), r = router();
  const Json added = put(path_of(r) + "/add_router_interface", {{"subnet_id", sub}});
  EXPECT_EQ(added["subnet_id"], sub);
  EXPECT_EQ(added["id"], r);
  const Json interface = get("/v2.0/ports/" + added["port_id"].get<std::string>())["port"];
  EXPECT_EQ(interface["fixed_ips"][0]["ip_address"], "10.0.0.1");
  EXPECT_EQ(interface["device_owner"], "network:router_interface");
  EXPECT_ERROR(refuse_delete(path_of(r)), kConflict, "RouterInUse");
  EXPECT_EQ(put(path_of(r) + "/remove_router_interface", {{"subnet_id", sub}})["port_id"], added["port_id"]);
  EXPECT_ERROR(refuse_get("/v2.0/ports/" + added["port_id"].get<std::string>()), kNotFound, "PortNotFound");
  const std::string p = port(net)["id"];
  EXPECT_EQ(put(path_of(r) + "/add_router_interface", {{"port_id", p}})["port_id"], p);
  EXPECT_EQ(get("/v2.0/ports/" + p)["port"]["device_id"], r);
  put(path_of(r) + "/remove_router_interface", {{"port_id", p}});
  remove(path_of(r));
}

TEST_F(Routers, refuse_interfaces_that_cannot_be) {
  const std::string net = network(), sub = subnet(net, "10.0.0.0/24"), r = router();
  const std::string overlapping = subnet(network(), "10.0.0.0/25");
  const auto refused = [&](const Json& body) {
    return refuse_put(path_of(r) + "/add_router_interface", body);
  };
  add_interface(r, sub);
  EXPECT_ERROR(refused({{"subnet_id", sub}}), kBadRequest, "BadRequest");
  EXPECT_ERROR(refused({{"subnet_id", overlapping}}), kBadRequest, "BadRequest");
  EXPECT_ERROR(refused(Json::object()), kBadRequest, "BadRequest");
  EXPECT_ERROR(refused({{"subnet_id", sub}, {"port_id", sub}}), kBadRequest, "BadRequest");
  EXPECT_ERROR(refused({{"subnet_id", r}}), kNotFound, "SubnetNotFound");
  EXPECT_ERROR(refused({{"port_id", r}}), kNotFound, "PortNotFound");
  EXPECT_ERROR(refused({{"port_id", port(net, {{"device_id", "vm"}})["id"]}}), kConflict, "PortInUse");
  EXPECT_ERROR(refused({{"port_id", port(network())["id"]}}), kBadRequest, "BadRequest");
  const Json no_gateway = {
      {"subnet", {{"network_id", net}, {"cidr", "10.3.0.0/24"}, {"gateway_ip", nullptr}}}};
  EXPECT_ERROR(refused({{"subnet_id", post("/v2.0/subnets", no_gateway)["subnet"]["id"]}}), kBadRequest,
               "BadRequest");
  const auto unremovable = [&](const Json& body) {
    return refuse_put(path_of(r) + "/remove_router_interface", body);
  };
  EXPECT_ERROR(unremovable({{"subnet_id", overlapping}}), kNotFound, "RouterInterfaceNotFoundForSubnet");
  EXPECT_ERROR(unremovable({{"port_id", overlapping}}), kNotFound, "RouterInterfaceNotFound");
  be("bob");
  const std::string mine = router();
  EXPECT_ERROR(refuse_put(path_of(mine) + "/add_router_interface", {{"subnet_id", sub}}), kNotFound,
               "SubnetNotFound");
}

TEST_F(Routers, gateway_has_an_address_and_a_host) {
  announce_host("node2");
  announce_host("node1");
  const std::string external = external_network(),
                    r = router({{"external_gateway_info", {{"network_id", external}}}});
  const Json info = get(path_of(r))["router"]["external_gateway_info"];
  EXPECT_EQ(info["network_id"], external);
  EXPECT_EQ(info["enable_snat"], true);
  EXPECT_EQ(info["external_fixed_ips"][0]["ip_address"], "203.0.113.2");
  EXPECT_EQ(render("router", r)["gateway"]["host"], "node1");
  EXPECT_EQ(render("router", r)["gateway"]["addresses"][0]["ip"], "203.0.113.2");
  put(path_of(r), {{"router", {{"external_gateway_info", Json::object()}}}});
  EXPECT_TRUE(get(path_of(r))["router"]["external_gateway_info"].is_null());
  be("operator", true);
  EXPECT_TRUE(get("/v2.0/ports?device_id=" + r)["ports"].empty());
}

TEST_F(Routers, refuse_gateways_that_cannot_be) {
  const std::string external = external_network(), r = router(), inner = network();
  const auto refused = [&](Json info) {
    return refuse_put(path_of(r), {{"router", {{"external_gateway_info", std::move(info)}}}});
  };
  EXPECT_ERROR(refused({{"network_id", r}}), kNotFound, "NetworkNotFound");
  EXPECT_ERROR(refused({{"network_id", inner}}), kBadRequest, "BadRequest");
  EXPECT_ERROR(refused({{"network_id", external}, {"enable_snat", false}}), kForbidden,
               "PolicyNotAuthorized");
  EXPECT_ERROR(refused({{"network_id", external}, {"external_fixed_ips", {{{"ip_address", "203.0.113.9"}}}}}),
               kForbidden, "PolicyNotAuthorized");
  EXPECT_ERROR(refused({{"network_id", external}, {"colour", "red"}}), kBadRequest, "HTTPBadRequest");
  be("operator", true);
  put(path_of(r), {{"router",
                    {{"external_gateway_info",
                      {{"network_id", external},
                       {"enable_snat", false},
                       {"external_fixed_ips", {{{"ip_address", "203.0.113.9"}}}}}}}}});
  EXPECT_EQ(render("router", r)["gateway"]["snat"], false);
  EXPECT_EQ(render("router", r)["gateway"]["addresses"][0]["ip"], "203.0.113.9");
  EXPECT_ERROR(refuse_put("/v2.0/networks/" + external, {{"network", {{"router:external", false}}}}),
               kConflict, "ExternalNetworkInUse");
}

TEST_F(Routers, extra_routes_lead_to_connected_subnets) {
  const std::string sub = subnet(network(), "10.0.0.0/24"), r = router();
  add_interface(r, sub);
  const auto routes = [](const char* destination, const char* nexthop) {
    return Json{{"router", {{"routes", {{{"destination", destination}, {"nexthop", nexthop}}}}}}};
  };
  EXPECT_EQ(put(path_of(r), routes("1.0.0.0/8", "10.0.0.9"))["router"]["routes"].size(), 1U);
  EXPECT_EQ(put(path_of(r) + "/add_extraroutes", routes("2.0.0.0/8", "10.0.0.9"))["router"]["routes"].size(),
            2U);
  EXPECT_ERROR(refuse_put(path_of(r), routes("1.0.0.0/8", "10.7.0.9")), kBadRequest, "InvalidRoutes");
  EXPECT_ERROR(refuse_put(path_of(r), routes("1.0.0.0/8", "10.0.0.1")), kBadRequest, "InvalidRoutes");
  EXPECT_ERROR(refuse_put(path_of(r), routes("nowhere", "10.0.0.9")), kBadRequest, "HTTPBadRequest");
  EXPECT_ERROR(refuse_put(path_of(r) + "/remove_router_interface", {{"subnet_id", sub}}), kConflict,
               "RouterInterfaceInUseByRoute");
  EXPECT_EQ(
      put(path_of(r) + "/remove_extraroutes", routes("2.0.0.0/8", "10.0.0.9"))["router"]["routes"].size(),
      1U);
  EXPECT_TRUE(put(path_of(r), {{"router", {{"routes", nullptr}}}})["router"]["routes"].empty());
  put(path_of(r) + "/remove_router_interface", {{"subnet_id", sub}});
}

}  // namespace
}  // namespace hanok::network

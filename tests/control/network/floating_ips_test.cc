#include "tests/control/network/fixture.h"

namespace hanok::network {
namespace {

class FloatingIps : public NetworkTest {};

class Connected : public NetworkTest {
 protected:
  Connected() {
    external = external_network();
    net = network();
    sub = subnet(net, "10.0.0.0/24");
    r = router({{"external_gateway_info", {{"network_id", external}}}});
    add_interface(r, sub);
    vm = port(net)["id"];
  }
  Json make(Json more = Json::object()) {
    more["floating_network_id"] = external;
    return post("/v2.0/floatingips", {{"floatingip", std::move(more)}})["floatingip"];
  }
  std::string external, net, sub, r, vm;
};

std::string path_of(const Json& floating_ip) {
  return "/v2.0/floatingips/" + floating_ip["id"].get<std::string>();
}

TEST_F(Connected, floating_ip_is_allocated_associated_moved_and_freed) {
  const Json made = make();
  EXPECT_EQ(made["floating_ip_address"], "203.0.113.3");
  EXPECT_EQ(made["status"], "DOWN");
  EXPECT_TRUE(render("floating_ip", made["id"]).is_null());
  const Json used = put(path_of(made), {{"floatingip", {{"port_id", vm}}}})["floatingip"];
  EXPECT_EQ(used["fixed_ip_address"], "10.0.0.2");
  EXPECT_EQ(used["router_id"], r);
  EXPECT_EQ(used["status"], "ACTIVE");
  EXPECT_EQ(render("floating_ip", made["id"]), (Json{{"router", r},
                                                     {"network", external},
                                                     {"floating_ip", "203.0.113.3"},
                                                     {"port", vm},
                                                     {"fixed_ip", "10.0.0.2"}}));
  const std::string other = port(net)["id"];
  EXPECT_EQ(put(path_of(made), {{"floatingip", {{"port_id", other}}}})["floatingip"]["fixed_ip_address"],
            "10.0.0.3");
  EXPECT_TRUE(
      put(path_of(made), {{"floatingip", {{"port_id", nullptr}}}})["floatingip"]["router_id"].is_null());
  remove(path_of(made));
  EXPECT_ERROR(refuse_get(path_of(made)), kNotFound, "FloatingIPNotFound");
  be("operator", true);
  EXPECT_TRUE(get("/v2.0/ports?device_owner=network:floatingip")["ports"].empty());
}

TEST_F(Connected, floating_ip_is_freed_with_its_port) {
  const Json made = make({{"port_id", vm}});
  remove("/v2.0/ports/" + vm);
  const Json freed = get(path_of(made))["floatingip"];
  EXPECT_TRUE(freed["port_id"].is_null() && freed["router_id"].is_null() &&
              freed["fixed_ip_address"].is_null());
}

TEST_F(Connected, floating_ip_holds_its_router) {
  make({{"port_id", vm}});
  EXPECT_ERROR(refuse_put("/v2.0/routers/" + r + "/remove_router_interface", {{"subnet_id", sub}}), kConflict,
               "RouterInterfaceInUseByFloatingIP");
  EXPECT_ERROR(refuse_put("/v2.0/routers/" + r, {{"router", {{"external_gateway_info", Json::object()}}}}),
               kConflict, "RouterExternalGatewayInUseByFloatingIp");
}

TEST_F(Connected, floating_ip_picks_among_several_addresses_only_when_told) {
  const Json many =
      port(net, {{"fixed_ips", {{{"ip_address", "10.0.0.20"}}, {{"ip_address", "10.0.0.21"}}}}});
  const Json made = make();
  EXPECT_ERROR(refuse_put(path_of(made), {{"floatingip", {{"port_id", many["id"]}}}}), kBadRequest,
               "BadRequest");
  EXPECT_EQ(
      put(path_of(made),
          {{"floatingip",
            {{"port_id", many["id"]}, {"fixed_ip_address", "10.0.0.21"}}}})["floatingip"]["fixed_ip_address"],
      "10.0.0.21");
  EXPECT_ERROR(refuse_put(path_of(made),
                          {{"floatingip", {{"port_id", many["id"]}, {"fixed_ip_address", "10.0.0.99"}}}}),
               kBadRequest, "BadRequest");
  EXPECT_ERROR(refuse_put(path_of(make()),
                          {{"floatingip", {{"port_id", many["id"]}, {"fixed_ip_address", "10.0.0.21"}}}}),
               kConflict, "FloatingIPPortAlreadyAssociated");
}

TEST_F(Connected, floating_ip_refuses_what_cannot_be) {
  const auto refused = [&](Json body) {
    return refuse_post("/v2.0/floatingips", {{"floatingip", std::move(body)}});
  };
  EXPECT_ERROR(refused({{"floating_network_id", net}}), kBadRequest, "BadRequest");
  EXPECT_ERROR(refused({{"floating_network_id", r}}), kNotFound, "NetworkNotFound");
  EXPECT_ERROR(refused({{"floating_network_id", external}, {"fixed_ip_address", "10.0.0.2"}}), kBadRequest,
               "BadRequest");
  EXPECT_ERROR(refused({{"floating_network_id", external}, {"port_id", r}}), kNotFound, "PortNotFound");
  EXPECT_ERROR(refused({{"floating_network_id", external}, {"floating_ip_address", "203.0.113.50"}}),
               kForbidden, "PolicyNotAuthorized");
  const std::string lone = network();
  subnet(lone, "10.8.0.0/24");
  EXPECT_ERROR(refused({{"floating_network_id", external}, {"port_id", port(lone)["id"]}}), kNotFound,
               "ExternalGatewayForFloatingIPNotFound");
  EXPECT_ERROR(refused({{"floating_network_id", external}, {"port_id", port(network())["id"]}}), kBadRequest,
               "BadRequest");
  EXPECT_TRUE(get("/v2.0/floatingips")["floatingips"].empty());
  be("operator", true);
  EXPECT_EQ(make({{"floating_ip_address", "203.0.113.50"}})["floating_ip_address"], "203.0.113.50");
  EXPECT_ERROR(refused({{"floating_network_id", external}, {"floating_ip_address", "203.0.113.50"}}),
               kConflict, "IpAddressAlreadyAllocated");
  EXPECT_ERROR(refused({{"floating_network_id", external}, {"port_id", vm}}), kBadRequest,
               "BadRequest");  // alice's port
}

TEST_F(Connected, floating_ip_of_another_project_does_not_exist) {
  const Json made = make();
  be("bob");
  EXPECT_ERROR(refuse_get(path_of(made)), kNotFound, "FloatingIPNotFound");
  EXPECT_ERROR(refuse_put(path_of(made), {{"floatingip", {{"port_id", nullptr}}}}), kNotFound,
               "FloatingIPNotFound");
  EXPECT_ERROR(refuse_delete(path_of(made)), kNotFound, "FloatingIPNotFound");
  EXPECT_ERROR(refuse_put(path_of(make()), {{"floatingip", {{"port_id", vm}}}}), kNotFound, "PortNotFound");
}

}  // namespace
}  // namespace hanok::network

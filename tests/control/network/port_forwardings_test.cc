#include "tests/control/network/fixture.h"

namespace hanok::network {
namespace {

class PortForwardings : public NetworkTest {
 protected:
  PortForwardings() {
    external = external_network();
    net = network();
    sub = subnet(net, "10.0.0.0/24");
    r = router({{"external_gateway_info", {{"network_id", external}}}});
    add_interface(r, sub);
    vm = port(net)["id"];
    floating =
        post("/v2.0/floatingips", {{"floatingip", {{"floating_network_id", external}}}})["floatingip"]["id"];
    path = "/v2.0/floatingips/" + floating;
    forwardings = path + "/port_forwardings";
  }
  Json body(const Json& more = Json::object()) const {
    Json out = {{"protocol", "tcp"},
                {"external_port", 2222},
                {"internal_port", 22},
                {"internal_port_id", vm},
                {"internal_ip_address", "10.0.0.2"}};
    out.update(more);
    return {{"port_forwarding", std::move(out)}};
  }
  std::string external, net, sub, r, vm, floating, path, forwardings;
};

TEST_F(PortForwardings, AreMadeShownChangedAndRemoved) {
  const Json made = post(forwardings, body({{"description", "ssh"}, {"protocol", "TCP"}}))["port_forwarding"];
  EXPECT_EQ(made["protocol"], "tcp");
  EXPECT_EQ(made["internal_port_id"], vm);
  const std::string one = forwardings + "/" + made["id"].get<std::string>();
  EXPECT_EQ(get(one)["port_forwarding"], made);
  const Json shown = get(path)["floatingip"];
  EXPECT_EQ(shown["status"], "ACTIVE");
  EXPECT_EQ(shown["router_id"], r);
  EXPECT_TRUE(shown["port_id"].is_null());
  EXPECT_EQ(shown["port_forwardings"], (Json{{{"protocol", "tcp"},
                                              {"external_port", 2222},
                                              {"internal_ip_address", "10.0.0.2"},
                                              {"internal_port", 22}}}));
  EXPECT_EQ(render("floating_ip", floating), (Json{{"router", r},
                                                   {"network", external},
                                                   {"floating_ip", "203.0.113.3"},
                                                   {"port", nullptr},
                                                   {"fixed_ip", nullptr},
                                                   {"port_forwardings",
                                                    {{{"protocol", "tcp"},
                                                      {"external_port", 2222},
                                                      {"port", vm},
                                                      {"internal_ip", "10.0.0.2"},
                                                      {"internal_port", 22}}}}}));
  const auto before = touched("floating_ip", floating);
  EXPECT_EQ(put(one, {{"port_forwarding", {{"external_port", 2223}}}})["port_forwarding"]["external_port"],
            2223);
  EXPECT_GT(touched("floating_ip", floating), before);
  post(forwardings, body({{"protocol", "udp"}, {"internal_port", 53}}));
  EXPECT_EQ(get(forwardings + "?protocol=udp")["port_forwardings"].size(), 1U);
  EXPECT_EQ(get(forwardings + "?external_port=2223&internal_port_id=" + vm)["port_forwardings"].size(), 1U);
  remove(one);
  EXPECT_EQ(get(path)["floatingip"]["status"], "ACTIVE");
  EXPECT_ERROR(refuse_get(one), kNotFound, "PortForwardingNotFound");
  remove(path);
}

TEST_F(PortForwardings, WithTheLastOneTheFloatingIpLeadsNowhere) {
  const Json made = post(forwardings, body())["port_forwarding"];
  remove(forwardings + "/" + made["id"].get<std::string>());
  EXPECT_EQ(get(path)["floatingip"]["status"], "DOWN");
  EXPECT_TRUE(get(path)["floatingip"]["router_id"].is_null());
  EXPECT_TRUE(render("floating_ip", floating).is_null());
}

TEST_F(PortForwardings, GoWithTheirPortOrAddress) {
  post(forwardings, body());
  remove("/v2.0/ports/" + vm);
  EXPECT_TRUE(get(forwardings)["port_forwardings"].empty());
  EXPECT_EQ(get(path)["floatingip"]["status"], "DOWN");
  const Json other = port(net);
  post(forwardings, body({{"internal_port_id", other["id"]},
                          {"internal_ip_address", other["fixed_ips"][0]["ip_address"]}}));
  put("/v2.0/ports/" + other["id"].get<std::string>(),
      {{"port", {{"fixed_ips", {{{"ip_address", "10.0.0.77"}}}}}}});
  EXPECT_TRUE(get(forwardings)["port_forwardings"].empty());
}

TEST_F(PortForwardings, HoldTheirRouterAndExcludeAssociation) {
  post(forwardings, body());
  EXPECT_ERROR(refuse_put(path, {{"floatingip", {{"port_id", vm}}}}), kConflict, "FipInUseByPortForwarding");
  put(path, {{"floatingip", {{"port_id", nullptr}}}});  // as it is
  EXPECT_EQ(get(path)["floatingip"]["status"], "ACTIVE");
  EXPECT_ERROR(refuse_put("/v2.0/routers/" + r + "/remove_router_interface", {{"subnet_id", sub}}), kConflict,
               "RouterInterfaceInUseByFloatingIP");
  EXPECT_ERROR(refuse_put("/v2.0/routers/" + r, {{"router", {{"external_gateway_info", Json::object()}}}}),
               kConflict, "RouterExternalGatewayInUseByFloatingIp");
  const std::string second =
      "/v2.0/floatingips/" +
      post("/v2.0/floatingips",
           {{"floatingip",
             {{"floating_network_id", external}, {"port_id", port(net)["id"]}}}})["floatingip"]["id"]
          .get<std::string>();
  EXPECT_ERROR(refuse_post(second + "/port_forwardings", body({{"external_port", 1}, {"internal_port", 1}})),
               kConflict, "FloatingIPPortAlreadyAssociated");
}

TEST_F(PortForwardings, RefuseWhatCannotBe) {
  post(forwardings, body());
  const auto refused = [&](Json more) { return refuse_post(forwardings, body(std::move(more))); };
  EXPECT_ERROR(refused(Json::object()), kBadRequest, "BadRequest");
  EXPECT_ERROR(refused({{"internal_port", 23}}), kBadRequest, "BadRequest");
  EXPECT_ERROR(refused({{"external_port", 2300}}), kBadRequest, "BadRequest");
  EXPECT_ERROR(refused({{"protocol", "icmp"}}), kBadRequest, "HTTPBadRequest");
  EXPECT_ERROR(refused({{"external_port", 0}}), kBadRequest, "HTTPBadRequest");
  EXPECT_ERROR(refused({{"internal_port", 65536}}), kBadRequest, "HTTPBadRequest");
  EXPECT_ERROR(refused({{"external_port", 1}, {"internal_port", 1}, {"internal_ip_address", "10.0.0.99"}}),
               kBadRequest, "BadRequest");
  EXPECT_ERROR(refused({{"external_port", 1}, {"internal_port", 1}, {"internal_port_id", r}}), kNotFound,
               "PortNotFound");
  const std::string lone = network();
  subnet(lone, "10.8.0.0/24");
  EXPECT_ERROR(refused({{"external_port", 1},
                        {"internal_port", 1},
                        {"internal_port_id", port(lone)["id"]},
                        {"internal_ip_address", "10.8.0.2"}}),
               kNotFound, "ExternalGatewayForFloatingIPNotFound");
  EXPECT_EQ(get(forwardings)["port_forwardings"].size(), 1U);
}

TEST_F(PortForwardings, OfAnotherProjectDoNotExist) {
  const Json made = post(forwardings, body())["port_forwarding"];
  be("bob");
  EXPECT_ERROR(refuse_get(forwardings), kNotFound, "FloatingIPNotFound");
  EXPECT_ERROR(refuse_post(forwardings, body()), kNotFound, "FloatingIPNotFound");
  EXPECT_ERROR(refuse_delete(forwardings + "/" + made["id"].get<std::string>()), kNotFound,
               "FloatingIPNotFound");
}

}  // namespace
}  // namespace hanok::network

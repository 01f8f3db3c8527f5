#include "tests/control/network/fixture.h"

namespace hanok::network {
namespace {

class Ports : public NetworkTest {};

Json fixed(const char* ip) {
  return {{"fixed_ips", {{{"ip_address", ip}}}}};
}

TEST_F(Ports, get_an_address_a_mac_and_the_default_group) {
  const std::string net = network(), sub = subnet(net, "10.0.0.0/24");
  const Json made = port(net, {{"name", "p"}});
  EXPECT_EQ(made["fixed_ips"], Json::array({{{"subnet_id", sub}, {"ip_address", "10.0.0.2"}}}));
  EXPECT_THAT(made["mac_address"].get<std::string>(), testing::StartsWith("fa:16:3e:"));
  EXPECT_EQ(made["status"], "DOWN");
  EXPECT_EQ(made["security_groups"].size(), 1U);
  EXPECT_EQ(made["port_security_enabled"], true);
  EXPECT_FALSE(made.contains("binding:host_id"));
  EXPECT_EQ(port(net)["fixed_ips"][0]["ip_address"], "10.0.0.3");
}

TEST_F(Ports, addresses_run_out_and_come_back_in_order_of_return) {
  const std::string net = network();
  subnet(net, "10.0.0.0/29");  // .2 to .6
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(port(net)["id"]);
  const Json body = {{"port", {{"network_id", net}}}};
  EXPECT_ERROR(refuse_post("/v2.0/ports", body), kConflict, "IpAddressGenerationFailure");
  remove("/v2.0/ports/" + ids[3]);
  remove("/v2.0/ports/" + ids[0]);
  EXPECT_EQ(port(net)["fixed_ips"][0]["ip_address"], "10.0.0.5");
  EXPECT_EQ(port(net)["fixed_ips"][0]["ip_address"], "10.0.0.2");
  EXPECT_ERROR(refuse_post("/v2.0/ports", body), kConflict, "IpAddressGenerationFailure");
}

TEST_F(Ports, allocation_steps_over_addresses_that_were_asked_for) {
  const std::string net = network();
  subnet(net, "10.0.0.0/8");
  port(net, fixed("10.0.0.2"));
  port(net, fixed("10.0.0.3"));
  EXPECT_EQ(port(net)["fixed_ips"][0]["ip_address"], "10.0.0.4");
  EXPECT_EQ(port(net, fixed("10.200.0.1"))["fixed_ips"][0]["ip_address"], "10.200.0.1");
}

TEST_F(Ports, one_address_per_version) {
  const std::string net = network();
  subnet(net, "10.0.0.0/24");
  subnet(net, "10.1.0.0/24");
  subnet(net, "2001:db8::/64");
  const Json made = port(net);
  ASSERT_EQ(made["fixed_ips"].size(), 2U);
  EXPECT_EQ(made["fixed_ips"][1]["ip_address"], "2001:db8::2");
}

TEST_F(Ports, refuse_addresses_that_are_used_or_do_not_fit) {
  const std::string net = network(), sub = subnet(net, "10.0.0.0/24"),
                    elsewhere = subnet(network(), "10.5.0.0/24");
  port(net, fixed("10.0.0.9"));
  const auto refused = [&](Json more) {
    more["network_id"] = net;
    return refuse_post("/v2.0/ports", {{"port", std::move(more)}});
  };
  EXPECT_ERROR(refused(fixed("10.0.0.9")), kConflict, "IpAddressAlreadyAllocated");
  EXPECT_ERROR(refused(fixed("10.7.0.9")), kBadRequest, "InvalidIpForNetwork");
  EXPECT_ERROR(refused(fixed("10.0.0.255")), kBadRequest, "InvalidIpForNetwork");
  EXPECT_ERROR(refused({{"fixed_ips", {{{"subnet_id", sub}, {"ip_address", "10.7.0.9"}}}}}), kBadRequest,
               "InvalidIpForSubnet");
  EXPECT_ERROR(refused({{"fixed_ips", {{{"subnet_id", elsewhere}}}}}), kBadRequest, "InvalidInput");
  EXPECT_ERROR(refused({{"fixed_ips", {{{"subnet_id", net}}}}}), kNotFound, "SubnetNotFound");
  EXPECT_ERROR(refused({{"fixed_ips", {Json::object()}}}), kBadRequest, "InvalidInput");
  EXPECT_ERROR(refused({{"fixed_ips", "10.0.0.1"}}), kBadRequest, "HTTPBadRequest");
  EXPECT_ERROR(refused(fixed("x")), kBadRequest, "HTTPBadRequest");
  EXPECT_EQ(get("/v2.0/ports")["ports"].size(), 1U);
}

TEST_F(Ports, macs_are_unique_in_a_network) {
  const std::string net = network();
  port(net, {{"mac_address", "FA:16:3E:00:00:01"}});
  const auto refused = [&](const char* mac) {
    return refuse_post("/v2.0/ports", {{"port", {{"network_id", net}, {"mac_address", mac}}}});
  };
  EXPECT_ERROR(refused("fa:16:3e:00:00:01"), kConflict, "MacAddressInUse");
  EXPECT_ERROR(refused("01:00:5e:00:00:01"), kBadRequest, "HTTPBadRequest");  // a group address
  EXPECT_ERROR(refused("x"), kBadRequest, "HTTPBadRequest");
  EXPECT_EQ(port(network(), {{"mac_address", "fa:16:3e:00:00:01"}})["mac_address"], "fa:16:3e:00:00:01");
}

TEST_F(Ports, move_to_other_addresses_and_keep_what_they_have) {
  const std::string net = network(), first = subnet(net, "10.0.0.0/24"), second = subnet(net, "10.1.0.0/24");
  const Json made = port(net);
  const std::string path = "/v2.0/ports/" + made["id"].get<std::string>();
  const Json both =
      put(path, {{"port", {{"fixed_ips", {{{"subnet_id", first}}, {{"subnet_id", second}}}}}}})["port"];
  EXPECT_EQ(both["fixed_ips"][0], made["fixed_ips"][0]);
  EXPECT_EQ(both["fixed_ips"][1]["ip_address"], "10.1.0.2");
  const Json one = put(path, {{"port", {{"fixed_ips", {{{"ip_address", "10.1.0.2"}}}}}}})["port"];
  EXPECT_EQ(one["fixed_ips"], Json::array({both["fixed_ips"][1]}));
  EXPECT_EQ(port(net, fixed("10.0.0.2"))["fixed_ips"][0]["ip_address"], "10.0.0.2");  // given back
}

TEST_F(Ports, security_and_groups_agree) {
  const std::string net = network();
  const Json open = port(net, {{"port_security_enabled", false}});
  EXPECT_TRUE(open["security_groups"].empty());
  const Json made = port(net);
  const std::string path = "/v2.0/ports/" + made["id"].get<std::string>();
  EXPECT_ERROR(refuse_put(path, {{"port", {{"port_security_enabled", false}}}}), kConflict,
               "PortSecurityPortHasSecurityGroup");
  put(path, {{"port", {{"port_security_enabled", false}, {"security_groups", Json::array()}}}});
  EXPECT_ERROR(refuse_put(path, {{"port", {{"security_groups", made["security_groups"]}}}}), kBadRequest,
               "PortSecurityAndIPRequiredForSecurityGroups");
  EXPECT_ERROR(refuse_put(path, {{"port", {{"allowed_address_pairs", {{{"ip_address", "10.0.0.9"}}}}}}}),
               kConflict, "AddressPairAndPortSecurityRequired");
  EXPECT_ERROR(refuse_put(path, {{"port", {{"security_groups", {net}}}}}), kNotFound,
               "SecurityGroupNotFound");
  EXPECT_ERROR(refuse_put(path, {{"port", {{"security_groups", {"x"}}}}}), kBadRequest, "HTTPBadRequest");
}

TEST_F(Ports, address_pairs_default_to_the_mac_of_the_port) {
  const std::string net = network();
  const Json made = port(net, {{"allowed_address_pairs", {{{"ip_address", "10.9.0.0/24"}}}}});
  EXPECT_EQ(get("/v2.0/ports/" + made["id"].get<std::string>())["port"]["allowed_address_pairs"],
            Json::array({{{"ip_address", "10.9.0.0/24"}, {"mac_address", made["mac_address"]}}}));
  const auto refused = [&](Json pairs) {
    return refuse_post("/v2.0/ports",
                       {{"port", {{"network_id", net}, {"allowed_address_pairs", std::move(pairs)}}}});
  };
  const Json pair = {{"ip_address", "10.0.0.1"}};
  EXPECT_ERROR(refused({pair, pair}), kBadRequest, "DuplicateAddressPairInRequest");
  EXPECT_ERROR(refused({{{"ip_address", "x"}}}), kBadRequest, "HTTPBadRequest");
  EXPECT_ERROR(refused({3}), kBadRequest, "HTTPBadRequest");
}

TEST_F(Ports, on_a_shared_network_of_others_are_limited) {
  be("operator", true);
  const std::string net = post("/v2.0/networks", {{"network", {{"shared", true}}}})["network"]["id"];
  subnet(net, "10.0.0.0/24");
  be("bob");
  const auto refused = [&](Json more) {
    more["network_id"] = net;
    return refuse_post("/v2.0/ports", {{"port", std::move(more)}});
  };
  EXPECT_ERROR(refused({{"mac_address", "fa:16:3e:00:00:01"}}), kForbidden, "PolicyNotAuthorized");
  EXPECT_ERROR(refused(fixed("10.0.0.5")), kForbidden, "PolicyNotAuthorized");
  EXPECT_ERROR(refused({{"device_owner", "network:dhcp"}}), kForbidden, "PolicyNotAuthorized");
  EXPECT_ERROR(refused({{"port_security_enabled", false}}), kForbidden, "PolicyNotAuthorized");
  const std::string id = port(net)["id"];
  be("carol");
  EXPECT_ERROR(refuse_get("/v2.0/ports/" + id), kNotFound, "PortNotFound");
  EXPECT_ERROR(refuse_put("/v2.0/ports/" + id, {{"port", {{"name", "x"}}}}), kNotFound, "PortNotFound");
  EXPECT_ERROR(refuse_delete("/v2.0/ports/" + id), kNotFound, "PortNotFound");
}

TEST_F(Ports, only_an_administrator_binds_and_changes_macs) {
  const std::string net = network(), id = port(net)["id"], path = "/v2.0/ports/" + id;
  EXPECT_ERROR(refuse_put(path, {{"port", {{"binding:host_id", "node1"}}}}), kForbidden,
               "PolicyNotAuthorized");
  EXPECT_ERROR(refuse_put(path, {{"port", {{"mac_address", "fa:16:3e:00:00:01"}}}}), kForbidden,
               "PolicyNotAuthorized");
  be("operator", true);
  const Json bound =
      put(path, {{"port", {{"binding:host_id", "node1"}, {"mac_address", "fa:16:3e:00:00:01"}}}})["port"];
  EXPECT_EQ(bound["binding:host_id"], "node1");
  EXPECT_EQ(bound["binding:vif_type"], "vhostuser");
  EXPECT_GT(touched("port", id), 0);
}

TEST_F(Ports, of_routers_are_made_and_removed_by_routers_only) {
  const std::string net = network(), sub = subnet(net, "10.0.0.0/24"), r = router();
  EXPECT_ERROR(
      refuse_post(
          "/v2.0/ports",
          {{"port", {{"network_id", net}, {"device_owner", "network:router_interface"}, {"device_id", r}}}}),
      kBadRequest, "InvalidInput");
  add_interface(r, sub);
  const std::string id = get("/v2.0/ports?device_id=" + r)["ports"][0]["id"];
  EXPECT_ERROR(refuse_delete("/v2.0/ports/" + id), kConflict, "ServicePortInUse");
  EXPECT_ERROR(refuse_put("/v2.0/ports/" + id, {{"port", {{"device_id", ""}}}}), kConflict,
               "ServicePortInUse");
}

}  // namespace
}  // namespace hanok::network

#include "tests/control/network/fixture.h"

namespace hanok::network {
namespace {

class Rendering : public NetworkTest {};

TEST_F(Rendering, is_the_state_document_of_the_data_plane) {
  be("alice", true);
  const std::string net = network(), sub = subnet(net, "10.0.0.0/24");
  const Json made = port(net, {{"binding:host_id", "node1"},
                               {"allowed_address_pairs",
                                {{{"ip_address", "10.0.0.9"}},
                                 {{"ip_address", "10.1.0.0/16"}, {"mac_address", "fa:16:3e:00:00:09"}}}}});
  EXPECT_EQ(render("port", made["id"]), (Json{{"network", net},
                                              {"mac", made["mac_address"]},
                                              {"addresses", {{{"subnet", sub}, {"ip", "10.0.0.2"}}}},
                                              {"host", "node1"},
                                              {"hostname", ""},
                                              {"security_groups", made["security_groups"]},
                                              {"port_security", true},
                                              {"allowed_address_pairs",
                                               {{{"ip", "10.0.0.9/32"}, {"mac", nullptr}},
                                                {{"ip", "10.1.0.0/16"}, {"mac", "fa:16:3e:00:00:09"}}}},
                                              {"admin_up", true},
                                              {"dhcp_options", Json::array()}}));
  EXPECT_EQ(render("subnet", sub), (Json{{"network", net},
                                         {"cidr", "10.0.0.0/24"},
                                         {"gateway", "10.0.0.1"},
                                         {"dhcp", true},
                                         {"dns", Json::array()},
                                         {"host_routes", Json::array()},
                                         {"ipv6_ra_mode", nullptr},
                                         {"ipv6_address_mode", nullptr}}));
  const Json shown = render("network", net);
  EXPECT_EQ(shown["mtu"], 1450);
  EXPECT_EQ(shown["segments"][0]["type"], "vxlan");
  EXPECT_GE(shown["segments"][0]["vni"], 1);
  const std::string r = router();
  add_interface(r, sub);
  const Json router_shown = render("router", r);
  EXPECT_EQ(router_shown["interfaces"][0]["addresses"], Json::array({{{"subnet", sub}, {"ip", "10.0.0.1"}}}));
  EXPECT_TRUE(router_shown["gateway"].is_null());
  EXPECT_TRUE(render("port", router_shown["interfaces"][0]["port"]).is_null());
}

TEST_F(Rendering, rules_name_protocols_as_the_data_plane_does) {
  const std::string id =
      post("/v2.0/security-groups", {{"security_group", {{"name", "g"}}}})["security_group"]["id"];
  for (const Json& protocol : {Json("17"), Json("gre"), Json(1), Json("tcp"), Json(nullptr)}) {
    post("/v2.0/security-group-rules",
         {{"security_group_rule",
           {{"security_group_id", id}, {"direction", "ingress"}, {"protocol", protocol}}}});
  }
  std::vector<Json> protocols;
  const Json group = render("security_group", id);
  for (const Json& rule : group["rules"]) {
    if (rule["direction"] == "ingress") protocols.push_back(rule["protocol"]);
  }
  EXPECT_THAT(protocols,
              testing::UnorderedElementsAre(Json("udp"), Json(47), Json("icmp"), Json("tcp"), Json(nullptr)));
}

TEST_F(Rendering, agents_reports_set_the_status_of_ports_on_their_host) {
  be("alice", true);
  const std::string id = port(network(), {{"binding:host_id", "node1"}})["id"];
  const auto observe = [&](const std::string& host, const Json& observed) {
    for (const bus::Kind& kind : network_kinds()) {
      if (kind.name == "port")
        return database->write([&](store::Tx& tx) { return kind.observe(tx, host, id, observed); });
    }
    return Status(internal_error("no kind"));
  };
  const auto status = [&] { return get("/v2.0/ports/" + id)["port"]["status"]; };
  EXPECT_TRUE(observe("node2", {{"state", "up"}}).ok());
  EXPECT_EQ(status(), "DOWN");
  EXPECT_TRUE(observe("node1", {{"state", "up"}}).ok());
  EXPECT_EQ(status(), "ACTIVE");
  EXPECT_TRUE(observe("node1", {{"state", "down"}}).ok());
  EXPECT_EQ(status(), "DOWN");
  EXPECT_FALSE(observe("node1", {{"state", "sideways"}}).ok());
  remove("/v2.0/ports/" + id);
  EXPECT_TRUE(observe("node1", {{"state", "up"}}).ok());
}

}  // namespace
}  // namespace hanok::network

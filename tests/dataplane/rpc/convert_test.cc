#include "dataplane/rpc/convert.h"

#include <gtest/gtest.h>

namespace hanok::dataplane::rpc {
namespace {

class ConvertTest : public testing::Test {
 protected:
  StateDocument good(const Json& document, bool whole = true) {
    auto outcome = to_state_document(schema_, document, whole);
    if (const auto* problem = std::get_if<Problem>(&outcome)) {
      ADD_FAILURE() << problem->path << ": " << problem->message;
      return {};
    }
    return std::get<StateDocument>(outcome);
  }
  std::string problem_path(const Json& document, bool whole = true) {
    auto outcome = to_state_document(schema_, document, whole);
    const auto* problem = std::get_if<Problem>(&outcome);
    return problem == nullptr ? "none" : problem->path;
  }

  StateSchema schema_;
};

TEST_F(ConvertTest, TakesTheDocumentOfTheArchitecture) {
  const StateDocument out = good(Json::parse(R"({
    "generation": 12,
    "node": {"name": "node1", "vtep": "192.0.2.1"},
    "host": {"node2": {"vtep": "192.0.2.2"}},
    "uplink": {"underlay": {"device": "net_null0", "physical_network": "physnet1", "address": "192.0.2.1/24", "mtu": 1500}},
    "network": {"n": {"mtu": 1450, "segments": [{"type": "vxlan", "vni": 100},
        {"type": "vlan", "physical_network": "physnet1", "vlan_id": 10}], "external": false, "dns_domain": ""}},
    "subnet": {"s": {"network": "n", "cidr": "10.0.0.0/24", "gateway": "10.0.0.1", "dhcp": true, "dns": ["8.8.8.8"],
        "host_routes": [{"destination": "1.0.0.0/8", "nexthop": "10.0.0.9"}]}},
    "port": {"p": {"network": "n", "mac": "fa:16:3e:00:00:01", "addresses": [{"subnet": "s", "ip": "10.0.0.5"}],
        "host": "node1", "hostname": "vm1", "security_groups": ["g"], "port_security": true,
        "allowed_address_pairs": [{"ip": "10.0.0.9/32", "mac": null}], "admin_up": true,
        "device": {"type": "vhost-user", "socket": "/run/p.sock"}}},
    "security_group": {"g": {"rules": [{"id": "r", "direction": "ingress", "ethertype": "IPv4", "protocol": 6,
        "port_min": 22, "port_max": 22, "remote_cidr": "0.0.0.0/0", "remote_group": null}]}},
    "router": {"r": {"admin_up": true, "interfaces": [{"port": "rp", "network": "n", "mac": "fa:16:3e:00:00:09",
        "addresses": [{"subnet": "s", "ip": "10.0.0.1"}]}], "gateway": null, "routes": []}},
    "floating_ip": {"f": {"router": "r", "network": "x", "floating_ip": "203.0.113.20", "port": "p", "fixed_ip": "10.0.0.5"}}
  })"));
  EXPECT_EQ(out.generation, 12U);
  EXPECT_TRUE(out.whole);
  EXPECT_EQ(out.node->vtep, "192.0.2.1");
  EXPECT_EQ(out.host.at("node2")->vtep, "192.0.2.2");
  EXPECT_EQ(out.uplink.at("underlay")->address, "192.0.2.1/24");
  EXPECT_EQ(out.network.at("n")->segments.at(1).vlan_id, 10U);
  EXPECT_EQ(out.subnet.at("s")->host_routes.at(0).nexthop, "10.0.0.9");
  const PortState& port = *out.port.at("p");
  EXPECT_EQ(port.addresses.at(0).ip, "10.0.0.5");
  EXPECT_EQ(port.device, (DeviceState{"vhost-user", "/run/p.sock"}));
  EXPECT_EQ(port.allowed_address_pairs.at(0).mac, std::nullopt);
  const RuleState& rule = out.security_group.at("g")->rules.at(0);
  EXPECT_EQ(rule.protocol, "6");
  EXPECT_EQ(rule.port_min, 22U);
  EXPECT_FALSE(out.router.at("r")->gateway.has_value());
  EXPECT_EQ(out.floating_ip.at("f")->fixed_ip, "10.0.0.5");
}

TEST_F(ConvertTest, NullDeletesInChangesAndNowhereElse) {
  const Json change = {
      {"port", {{"gone", nullptr}, {"here", {{"network", "n"}, {"mac", "fa:16:3e:00:00:01"}}}}}};
  const StateDocument out = good(change, false);
  EXPECT_FALSE(out.whole);
  EXPECT_FALSE(out.port.at("gone").has_value());
  EXPECT_TRUE(out.port.at("here").has_value());
  EXPECT_EQ(problem_path(change, true), "/port/gone");
}

TEST_F(ConvertTest, PathsLeadToTheField) {
  const auto port = [](const Json& fields) {
    Json one = {{"network", "n"}, {"mac", "fa:16:3e:00:00:01"}};
    one.update(fields);
    return Json{{"port", {{"a/b~c", one}}}};
  };
  EXPECT_EQ(problem_path(port({{"mac", "zz"}})), "/port/a~1b~0c/mac");
  EXPECT_EQ(problem_path(port({{"network", 5}})), "/port/a~1b~0c/network");
  EXPECT_EQ(problem_path(port({{"admin_up", "yes"}})), "/port/a~1b~0c/admin_up");
  EXPECT_EQ(problem_path(port({{"colour", "red"}})), "/port/a~1b~0c");
  EXPECT_EQ(problem_path(port({{"addresses", {{{"subnet", "s"}}}}})), "/port/a~1b~0c/addresses/0");
  EXPECT_EQ(problem_path({{"ports", Json::object()}}), "");
  EXPECT_EQ(problem_path({{"generation", -1}}), "/generation");
  for (const Json& no_object : {Json(), Json(5), Json::array(), Json("x")}) {
    EXPECT_EQ(problem_path(no_object), "") << no_object;
    EXPECT_EQ(problem_path(no_object, false), "") << no_object;
  }
}

}  // namespace
}  // namespace hanok::dataplane::rpc

#include "tests/control/network/fixture.h"

namespace hanok::network {
namespace {

class Qos : public NetworkTest {
 protected:
  Qos() {
    net = network();
    subnet(net, "10.0.0.0/24");
    vm = port(net)["id"];
    bound = port(net)["id"];
    be("operator", true);
    put("/v2.0/ports/" + bound, {{"port", {{"binding:host_id", "node1"}}}});
    policy = make_policy({{"name", "gold"}, {"shared", true}});
    be("alice");
  }
  std::string make_policy(Json body) {
    return post("/v2.0/qos/policies", {{"policy", std::move(body)}})["policy"]["id"];
  }
  // As the administrator.
  Json add_rule(const std::string& type, Json rule) {
    const http::Caller before = caller;
    be("operator", true);
    Json made = post(path() + "/" + type + "s", {{type, std::move(rule)}})[type];
    caller = before;
    return made;
  }
  std::string path() const { return "/v2.0/qos/policies/" + policy; }
  Json port_qos() {
    const Json rendered = render("port", bound);
    return rendered.value("qos", Json());
  }
  void bind(const std::string& what, const Json& id) {
    const std::string name = what.substr(0, what.find('/') - 1);  // "ports/ID" -> "port"
    put("/v2.0/" + what, {{name, {{"qos_policy_id", id}}}});
  }
  std::string net, vm, bound, policy;
};

TEST_F(Qos, PolicyIsMadeShownChangedAndRemoved) {
  const Json rule = add_rule("bandwidth_limit_rule", {{"max_kbps", 5000}, {"max_burst_kbps", 500}});
  EXPECT_EQ(rule["direction"], "egress");
  add_rule("dscp_marking_rule", {{"dscp_mark", 46}});
  const Json shown = get(path())["policy"];
  EXPECT_EQ(shown["name"], "gold");
  ASSERT_EQ(shown["rules"].size(), 2U);
  for (const Json& one : shown["rules"]) {
    EXPECT_EQ(one["qos_policy_id"], policy);
    EXPECT_EQ(one.contains("dscp_mark"), one["type"] == "dscp_marking");
    EXPECT_EQ(one.contains("max_kbps"), one["type"] == "bandwidth_limit");
  }
  const std::string one = path() + "/bandwidth_limit_rules/" + rule["id"].get<std::string>();
  EXPECT_EQ(get(one)["bandwidth_limit_rule"], rule);
  EXPECT_EQ(get(path() + "/dscp_marking_rules")["dscp_marking_rules"].size(), 1U);
  be("operator", true);
  const Json changed = put(one, {{"bandwidth_limit_rule", {{"max_kbps", 7000}}}})["bandwidth_limit_rule"];
  EXPECT_EQ(changed["max_kbps"], 7000);
  EXPECT_EQ(changed["max_burst_kbps"], 500);
  remove(one);
  EXPECT_ERROR(refuse_get(one), kNotFound, "QosRuleNotFound");
  EXPECT_EQ(put(path(), {{"policy", {{"name", "silver"}}}})["policy"]["name"], "silver");
  EXPECT_EQ(get("/v2.0/qos/policies?name=silver")["policies"].size(), 1U);
  remove(path());
  EXPECT_ERROR(refuse_get(path()), kNotFound, "QosPolicyNotFound");
  EXPECT_EQ(get("/v2.0/qos/rule-types")["rule_types"].size(), 2U);
  EXPECT_EQ(get("/v2.0/qos/rule-types/dscp_marking")["rule_type"]["type"], "dscp_marking");
}

TEST_F(Qos, PortGoesByItsOwnPolicyOrItsNetworks) {
  add_rule("bandwidth_limit_rule", {{"max_kbps", 5000}, {"max_burst_kbps", 500}, {"direction", "ingress"}});
  EXPECT_TRUE(port_qos().is_null());
  auto before = touched("port", bound);
  bind("networks/" + net, policy);
  EXPECT_GT(touched("port", bound), before);
  EXPECT_EQ(port_qos(), (Json{{"ingress", {{"kbps", 5000}, {"burst_kbits", 500}}}}));
  const Json shown = get("/v2.0/ports/" + bound)["port"];
  EXPECT_EQ(shown["qos_network_policy_id"], policy);
  EXPECT_TRUE(shown["qos_policy_id"].is_null());
  EXPECT_EQ(get("/v2.0/networks/" + net)["network"]["qos_policy_id"], policy);
  // Its own goes before, even one without rules.
  be("operator", true);
  const std::string empty = make_policy({{"name", "empty"}, {"shared", true}});
  be("alice");
  bind("ports/" + bound, empty);
  EXPECT_TRUE(port_qos().is_null());
  bind("ports/" + bound, policy);
  before = touched("port", bound);
  add_rule("dscp_marking_rule", {{"dscp_mark", 10}});
  EXPECT_GT(touched("port", bound), before);
  EXPECT_EQ(port_qos()["dscp"], 10);
  bind("ports/" + bound, nullptr);
  bind("networks/" + net, nullptr);
  EXPECT_TRUE(port_qos().is_null());
}

TEST_F(Qos, FloatingIpHasItsOwnLimit) {
  add_rule("bandwidth_limit_rule", {{"max_kbps", 5000}});
  add_rule("dscp_marking_rule", {{"dscp_mark", 10}});
  const std::string external = external_network();
  const std::string r = router({{"external_gateway_info", {{"network_id", external}}}});
  add_interface(r, get("/v2.0/networks/" + net)["network"]["subnets"][0]);
  const Json made = post(
      "/v2.0/floatingips",
      {{"floatingip",
        {{"floating_network_id", external}, {"port_id", bound}, {"qos_policy_id", policy}}}})["floatingip"];
  EXPECT_EQ(made["qos_policy_id"], policy);
  EXPECT_EQ(render("floating_ip", made["id"])["qos"],
            (Json{{"egress", {{"kbps", 5000}, {"burst_kbits", 0}}}}));
  remove("/v2.0/floatingips/" + made["id"].get<std::string>());
  be("operator", true);
  remove(path());  // nothing uses it any more
}

TEST_F(Qos, PolicyInUseStays) {
  bind("ports/" + vm, policy);
  be("operator", true);
  EXPECT_ERROR(refuse_delete(path()), kConflict, "QosPolicyInUse");
  remove("/v2.0/ports/" + vm);
  remove(path());
}

TEST_F(Qos, WrongRulesAreRefused) {
  be("operator", true);
  const auto refused = [&](const std::string& type, Json rule) {
    return refuse_post(path() + "/" + type + "s", {{type, std::move(rule)}});
  };
  EXPECT_ERROR(refused("bandwidth_limit_rule", {{"max_kbps", -1}}), kBadRequest, "HTTPBadRequest");
  EXPECT_ERROR(refused("bandwidth_limit_rule", {{"max_kbps", 1LL << 40}}), kBadRequest, "HTTPBadRequest");
  EXPECT_ERROR(refused("bandwidth_limit_rule", {{"max_kbps", 1}, {"direction", "up"}}), kBadRequest,
               "HTTPBadRequest");
  EXPECT_ERROR(refused("dscp_marking_rule", {{"dscp_mark", 11}}), kBadRequest, "HTTPBadRequest");
  add_rule("bandwidth_limit_rule", {{"max_kbps", 1}});
  EXPECT_ERROR(refused("bandwidth_limit_rule", {{"max_kbps", 2}}), kConflict, "QoSRuleParameterConflict");
  add_rule("bandwidth_limit_rule", {{"max_kbps", 2}, {"direction", "ingress"}});
  EXPECT_ERROR(refuse_post("/v2.0/qos/policies/" + vm + "/dscp_marking_rules",
                           {{"dscp_marking_rule", {{"dscp_mark", 0}}}}),
               kNotFound, "QosPolicyNotFound");
}

TEST_F(Qos, OnlyAdministratorsMakePoliciesAndOthersSeeSharedOnes) {
  EXPECT_EQ(get("/v2.0/qos/policies")["policies"].size(), 1U);
  EXPECT_EQ(refuse_post("/v2.0/qos/policies", {{"policy", {{"name", "mine"}}}}).code, ErrorCode::kForbidden);
  be("operator", true);
  const std::string hidden = make_policy({{"name", "hidden"}});
  be("alice");
  EXPECT_ERROR(refuse_get("/v2.0/qos/policies/" + hidden), kNotFound, "QosPolicyNotFound");
  EXPECT_ERROR(refuse_put("/v2.0/ports/" + vm, {{"port", {{"qos_policy_id", hidden}}}}), kNotFound,
               "QosPolicyNotFound");
  EXPECT_EQ(get("/v2.0/qos/policies")["policies"].size(), 1U);
}

}  // namespace
}  // namespace hanok::network

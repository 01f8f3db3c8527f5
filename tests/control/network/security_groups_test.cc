#include "tests/control/network/fixture.h"

namespace hanok::network {
namespace {

using testing::HasSubstr;

class SecurityGroups : public NetworkTest {};

Json rule_body(const std::string& group, Json more) {
  more["security_group_id"] = group;
  if (!more.contains("direction")) more["direction"] = "ingress";
  return {{"security_group_rule", std::move(more)}};
}

TEST_F(SecurityGroups, default_one_is_made_when_it_is_looked_for) {
  const Json groups = get("/v2.0/security-groups")["security_groups"];
  ASSERT_EQ(groups.size(), 1U);
  EXPECT_EQ(groups[0]["name"], "default");
  ASSERT_EQ(groups[0]["security_group_rules"].size(), 4U);
  int from_members = 0, egress = 0;
  for (const Json& rule : groups[0]["security_group_rules"]) {
    from_members += rule["remote_group_id"] == groups[0]["id"] ? 1 : 0;
    egress += rule["direction"] == "egress" ? 1 : 0;
  }
  EXPECT_EQ(from_members, 2);
  EXPECT_EQ(egress, 2);
  const std::string path = "/v2.0/security-groups/" + groups[0]["id"].get<std::string>();
  EXPECT_ERROR(refuse_post("/v2.0/security-groups", {{"security_group", {{"name", "default"}}}}), kConflict,
               "SecurityGroupDefaultAlreadyExists");
  EXPECT_ERROR(refuse_put(path, {{"security_group", {{"name", "x"}}}}), kConflict,
               "SecurityGroupCannotUpdateDefault");
  EXPECT_ERROR(refuse_delete(path), kConflict, "SecurityGroupCannotRemoveDefault");
  be("operator", true);
  EXPECT_EQ(get("/v2.0/security-groups?tenant_id=carol&name=default")["security_groups"].size(), 1U);
  remove(path);
}

TEST_F(SecurityGroups, are_made_changed_used_and_removed) {
  const Json made = post("/v2.0/security-groups", {{"security_group", {{"name", "web"}}}})["security_group"];
  EXPECT_EQ(made["security_group_rules"].size(), 2U);  // out to anywhere
  const std::string id = made["id"], path = "/v2.0/security-groups/" + id;
  EXPECT_EQ(put(path, {{"security_group", {{"description", "d"}}}})["security_group"]["description"], "d");
  EXPECT_ERROR(refuse_put(path, {{"security_group", {{"name", "default"}}}}), kConflict,
               "SecurityGroupDefaultAlreadyExists");
  const Json user = port(network(), {{"security_groups", {id}}});
  EXPECT_ERROR(refuse_delete(path), kConflict, "SecurityGroupInUse");
  be("bob");
  EXPECT_ERROR(refuse_get(path), kNotFound, "SecurityGroupNotFound");
  EXPECT_ERROR(refuse_delete(path), kNotFound, "SecurityGroupNotFound");
  EXPECT_ERROR(refuse_post("/v2.0/security-group-rules", rule_body(id, {})), kNotFound,
               "SecurityGroupNotFound");
  EXPECT_ERROR(refuse_post("/v2.0/ports", {{"port", {{"network_id", network()}, {"security_groups", {id}}}}}),
               kNotFound, "SecurityGroupNotFound");
  be("alice");
  remove("/v2.0/ports/" + user["id"].get<std::string>());
  remove(path);
  EXPECT_ERROR(refuse_get(path), kNotFound, "SecurityGroupNotFound");
}

TEST_F(SecurityGroups, rules_are_made_shown_and_removed) {
  const std::string id =
      post("/v2.0/security-groups", {{"security_group", {{"name", "g"}}}})["security_group"]["id"];
  const auto before = touched("security_group", id);
  const Json made = post("/v2.0/security-group-rules",
                         rule_body(id, {{"protocol", "TCP"},
                                        {"port_range_min", 22},
                                        {"port_range_max", "23"},
                                        {"remote_ip_prefix", "10.0.0.0/8"}}))["security_group_rule"];
  EXPECT_EQ(made["protocol"], "tcp");
  EXPECT_EQ(made["port_range_max"], 23);
  EXPECT_EQ(made["ethertype"], "IPv4");
  EXPECT_GT(touched("security_group", id), before);
  EXPECT_EQ(post("/v2.0/security-group-rules",
                 rule_body(id, {{"protocol", 17}}))["security_group_rule"]["protocol"],
            "17");
  EXPECT_EQ(
      post("/v2.0/security-group-rules",
           rule_body(id, {{"protocol", "icmp"}, {"ethertype", "IPv6"}}))["security_group_rule"]["protocol"],
      "ipv6-icmp");
  const std::string path = "/v2.0/security-group-rules/" + made["id"].get<std::string>();
  EXPECT_EQ(get(path)["security_group_rule"], made);
  be("bob");
  EXPECT_ERROR(refuse_get(path), kNotFound, "SecurityGroupRuleNotFound");
  EXPECT_ERROR(refuse_delete(path), kNotFound, "SecurityGroupRuleNotFound");
  be("alice");
  remove(path);
  EXPECT_ERROR(refuse_get(path), kNotFound, "SecurityGroupRuleNotFound");
}

TEST_F(SecurityGroups, refuse_rules_that_make_no_sense) {
  const std::string id =
      post("/v2.0/security-groups", {{"security_group", {{"name", "g"}}}})["security_group"]["id"];
  const auto refused = [&](Json more) {
    return refuse_post("/v2.0/security-group-rules", rule_body(id, std::move(more)));
  };
  const auto ports = [&](const char* protocol, Json low, Json high) {
    return refused(
        {{"protocol", protocol}, {"port_range_min", std::move(low)}, {"port_range_max", std::move(high)}});
  };
  EXPECT_ERROR(ports("tcp", 80, 79), kBadRequest, "SecurityGroupInvalidPortRange");
  EXPECT_ERROR(ports("tcp", nullptr, 6), kBadRequest, "SecurityGroupInvalidPortRange");
  EXPECT_THAT(ports("tcp", -16, 80).message, HasSubstr("Invalid value for port -16"));
  EXPECT_THAT(ports("udp", 80, 65536).message, HasSubstr("Invalid value for port 65536"));
  EXPECT_ERROR(ports("tcp", "x", 80), kBadRequest, "SecurityGroupInvalidPortValue");
  EXPECT_THAT(ports("icmp", 1, 256).message, HasSubstr("Invalid value for ICMP code"));
  EXPECT_THAT(ports("icmp", 300, 1).message, HasSubstr("Invalid value for ICMP type"));
  EXPECT_ERROR(ports("icmp", nullptr, 6), kBadRequest, "SecurityGroupMissingIcmpType");
  EXPECT_ERROR(ports("icmp", -1, 6), kBadRequest, "SecurityGroupInvalidIcmpValue");
  EXPECT_ERROR(ports("gre", 1, 6), kBadRequest, "SecurityGroupInvalidProtocolForPort");
  EXPECT_ERROR(refused({{"port_range_min", 1}, {"port_range_max", 6}}), kBadRequest,
               "SecurityGroupProtocolRequiredWithPorts");
  EXPECT_ERROR(refused({{"protocol", "carrier-pigeon"}}), kBadRequest, "SecurityGroupRuleInvalidProtocol");
  EXPECT_ERROR(refused({{"protocol", 256}}), kBadRequest, "SecurityGroupRuleInvalidProtocol");
  EXPECT_ERROR(refused({{"ethertype", "IPX"}}), kBadRequest, "SecurityGroupRuleInvalidEtherType");
  EXPECT_ERROR(refused({{"protocol", "ipv6-icmp"}}), kBadRequest,
               "SecurityGroupEthertypeConflictWithProtocol");
  EXPECT_ERROR(refused({{"direction", "sideways"}}), kBadRequest, "HTTPBadRequest");
  for (const char* bad : {"192.168.1./24", "192.168.1.1/33", "bad_prefix", "256"}) {
    EXPECT_ERROR(refused({{"remote_ip_prefix", bad}}), kBadRequest, "HTTPBadRequest");
  }
  EXPECT_ERROR(refused({{"remote_ip_prefix", "::/0"}}), kBadRequest, "SecurityGroupRuleParameterConflict");
  EXPECT_ERROR(refused({{"remote_ip_prefix", "10.0.0.0/8"}, {"remote_group_id", id}}), kBadRequest,
               "SecurityGroupRemoteGroupAndRemoteIpPrefix");
  EXPECT_ERROR(refused({{"remote_group_id", "bad_group_id"}}), kNotFound, "SecurityGroupNotFound");
  EXPECT_ERROR(refuse_post("/v2.0/security-group-rules", rule_body("x", {})), kNotFound,
               "SecurityGroupNotFound");
  EXPECT_EQ(get("/v2.0/security-group-rules?security_group_id=" + id)["security_group_rules"].size(), 2U);
}

TEST_F(SecurityGroups, refuse_a_rule_twice) {
  const std::string id =
      post("/v2.0/security-groups", {{"security_group", {{"name", "g"}}}})["security_group"]["id"];
  const Json body = rule_body(id, {{"protocol", "tcp"}, {"port_range_min", 66}, {"port_range_max", 67}});
  post("/v2.0/security-group-rules", body);
  EXPECT_ERROR(refuse_post("/v2.0/security-group-rules", body), kConflict, "SecurityGroupRuleExists");
  EXPECT_ERROR(refuse_post("/v2.0/security-group-rules", rule_body(id, {{"direction", "egress"}})), kConflict,
               "SecurityGroupRuleExists");
}

TEST_F(SecurityGroups, rules_that_name_a_removed_group_go_with_it) {
  const std::string a =
      post("/v2.0/security-groups", {{"security_group", {{"name", "a"}}}})["security_group"]["id"];
  const std::string b =
      post("/v2.0/security-groups", {{"security_group", {{"name", "b"}}}})["security_group"]["id"];
  post("/v2.0/security-group-rules", rule_body(a, {{"remote_group_id", b}}));
  const auto before = touched("security_group", a);
  remove("/v2.0/security-groups/" + b);
  EXPECT_EQ(get("/v2.0/security-groups/" + a)["security_group"]["security_group_rules"].size(), 2U);
  EXPECT_GT(touched("security_group", a), before);
}

}  // namespace
}  // namespace hanok::network

// Metadata, interfaces, security groups, quotas, versions.

#include "tests/control/compute/fixture.h"

namespace hanok::compute {
namespace {

using Requests = ComputeTest;

TEST_F(Requests, Metadata) {
  host();
  const std::string id = active();
  const std::string path = "/v2.1/servers/" + id + "/metadata";
  EXPECT_EQ(put(path, {{"metadata", {{"a", "1"}, {"b", "2"}}}})["metadata"].size(), 2U);
  EXPECT_EQ(post(path, {{"metadata", {{"b", "3"}, {"c", "4"}}}})["metadata"],
            (Json{{"a", "1"}, {"b", "3"}, {"c", "4"}}));
  EXPECT_EQ(put(path + "/a", {{"meta", {{"a", "x"}}}})["meta"], (Json{{"a", "x"}}));
  EXPECT_EQ(get(path + "/a")["meta"], (Json{{"a", "x"}}));
  remove(path + "/a");
  EXPECT_CODE(refuse_get(path + "/a"), kNotFound);
  EXPECT_CODE(refuse(http::Method::kDelete, path + "/a"), kNotFound);
  EXPECT_CODE(refuse(http::Method::kPut, path + "/a", {{"meta", {{"b", "x"}}}}), kBadRequest);
  EXPECT_CODE(refuse_post(path, {{"metadata", {{"k", 5}}}}), kBadRequest);
  EXPECT_CODE(refuse_post(path, {{"metadata", {{"", "v"}}}}), kBadRequest);
  EXPECT_CODE(refuse_post(path, {{"meta", Json::object()}}), kBadRequest);
  Json many = Json::object();
  for (int i = 0; i < 129; ++i) many["k" + std::to_string(i)] = "v";
  EXPECT_CODE(refuse_post(path, {{"metadata", many}}), kOverQuota);
  EXPECT_EQ(get(path)["metadata"], (Json{{"b", "3"}, {"c", "4"}}));
  EXPECT_EQ(render(id)["config_drive"]["meta_data"]["meta"]["c"], "4");
}

TEST_F(Requests, InterfacesComeAndGo) {
  host();
  const std::string id = active();
  const std::string path = "/v2.1/servers/" + id + "/os-interface";
  ASSERT_EQ(get(path)["interfaceAttachments"].size(), 1U);
  const Json made = post(path, {{"interfaceAttachment", {{"net_id", network_id}}}})["interfaceAttachment"];
  EXPECT_EQ(render(id)["nics"].size(), 2U);
  const std::string port = made["port_id"];
  EXPECT_EQ(get(path + "/" + port)["interfaceAttachment"]["mac_addr"], made["mac_addr"]);
  remove(path + "/" + port, 202);
  EXPECT_EQ(render(id)["nics"].size(), 1U);
  EXPECT_CODE(refuse_get(path + "/" + port), kNotFound);
  EXPECT_CODE(refuse_post(path, {{"interfaceAttachment", {{"port_id", port}}}}), kBadRequest);
  EXPECT_CODE(refuse_post(path, {{"interfaceAttachment", {{"port_id", "x"}}}}), kBadRequest);
  EXPECT_CODE(refuse_post(path, {{"interfaceAttachment", {{"net_id", network_id}, {"port_id", port}}}}),
              kBadRequest);
}

TEST_F(Requests, SecurityGroupsOfTheOldApi) {
  host();
  const std::string id = active();
  const Json made = post("/v2.1/os-security-groups",
                         {{"security_group", {{"name", " web "}, {"description", "d"}}}})["security_group"];
  EXPECT_EQ(made["name"], " web ");
  const std::string group = made["id"];
  EXPECT_EQ(get("/v2.1/os-security-groups/" + group)["security_group"], made);
  const Json rule =
      post("/v2.1/os-security-group-rules", {{"security_group_rule",
                                              {{"parent_group_id", group},
                                               {"ip_protocol", "tcp"},
                                               {"from_port", 22},
                                               {"to_port", 22},
                                               {"cidr", "10.0.0.0/8"}}}})["security_group_rule"];
  EXPECT_EQ(rule["from_port"], 22);
  EXPECT_EQ(rule["ip_range"]["cidr"], "10.0.0.0/8");
  remove("/v2.1/os-security-group-rules/" + rule["id"].get<std::string>(), 202);
  act(id, {{"addSecurityGroup", {{"name", " web "}}}});
  EXPECT_EQ(get("/v2.1/servers/" + id + "/os-security-groups")["security_groups"].size(), 2U);
  EXPECT_CODE(refuse(http::Method::kDelete, "/v2.1/os-security-groups/" + group), kBadRequest);
  act(id, {{"removeSecurityGroup", {{"name", group}}}});
  EXPECT_CODE(refuse_act(id, {{"removeSecurityGroup", {{"name", group}}}}), kNotFound);
  EXPECT_CODE(refuse_act(id, {{"addSecurityGroup", {{"name", "none"}}}}), kNotFound);
  remove("/v2.1/os-security-groups/" + group, 202);
  EXPECT_CODE(refuse_get("/v2.1/os-security-groups/" + group), kNotFound);
  EXPECT_CODE(refuse_get("/v2.1/os-security-groups/1"), kNotFound);
  EXPECT_CODE(refuse(http::Method::kDelete, "/v2.1/os-security-groups"), kNotFound);
  const Json groups = get("/v2.1/os-security-groups")["security_groups"];
  for (const auto& listed : groups) {
    if (listed["name"] != "default") continue;
    EXPECT_CODE(refuse(http::Method::kDelete, "/v2.1/os-security-groups/" + listed["id"].get<std::string>()),
                kBadRequest);
  }
  minor = 36;
  EXPECT_CODE(refuse_get("/v2.1/os-security-groups"), kNotFound);
}

TEST_F(Requests, QuotasAreSeenByTheirProjectAndSetByAdministrators) {
  const Json defaults = get("/v2.1/os-quota-sets/alice/defaults")["quota_set"];
  EXPECT_EQ(defaults["instances"], 10);
  EXPECT_CODE(refuse_get("/v2.1/os-quota-sets/bob"), kForbidden);
  be("admin", true);
  EXPECT_EQ(put("/v2.1/os-quota-sets/alice", {{"quota_set", {{"cores", 99}}}})["quota_set"]["cores"], 99);
  EXPECT_EQ(get("/v2.1/os-quota-sets/alice/detail")["quota_set"]["cores"],
            (Json{{"limit", 99}, {"in_use", 0}, {"reserved", 0}}));
  EXPECT_CODE(refuse(http::Method::kPut, "/v2.1/os-quota-sets/alice", {{"quota_set", {{"cores", -2}}}}),
              kBadRequest);
  EXPECT_CODE(refuse(http::Method::kPut, "/v2.1/os-quota-sets/alice", {{"quota_set", {{"mice", 2}}}}),
              kBadRequest);
  remove("/v2.1/os-quota-sets/alice", 202);
  EXPECT_EQ(get("/v2.1/os-quota-sets/alice")["quota_set"]["cores"], 20);
  minor = 57;
  EXPECT_FALSE(get("/v2.1/os-quota-sets/alice")["quota_set"].contains("injected_files"));
  EXPECT_FALSE(get("/v2.1/limits")["limits"]["absolute"].contains("maxPersonality"));
}

TEST_F(Requests, VersionsAreAnnounced) {
  const Json versions = get("/")["versions"];
  EXPECT_EQ(versions[0]["id"], "v2.0");
  EXPECT_EQ(versions[1]["id"], "v2.1");
  EXPECT_EQ(versions[1]["min_version"], "2.1");
  EXPECT_EQ(get("/v2.1")["version"]["links"][0], versions[1]["links"][0]);
  EXPECT_GT(get("/v2.1/extensions")["extensions"].size(), 0U);
}

TEST_F(Requests, OperatorsSeeHostsAndTakeThemOutOfUse) {
  host("node1");
  EXPECT_CODE(refuse_get("/v2.1/os-hypervisors"), kForbidden);
  be("admin", true);
  minor = 53;
  const Json shown = get("/v2.1/os-hypervisors/detail")["hypervisors"][0];
  EXPECT_EQ(shown["hypervisor_hostname"], "node1");
  EXPECT_EQ(shown["vcpus"], 4);
  EXPECT_EQ(get("/v2.1/os-hypervisors/" + shown["id"].get<std::string>())["hypervisor"]["memory_mb"], 4096);
  EXPECT_EQ(get("/v2.1/os-hypervisors/statistics")["hypervisor_statistics"]["count"], 1);
  const Json service = get("/v2.1/os-services")["services"][0];
  EXPECT_EQ(service["state"], "up");
  put("/v2.1/os-services/" + service["id"].get<std::string>(),
      {{"status", "disabled"}, {"disabled_reason", "repair"}});
  minor = 1;
  be("alice");
  const std::string id = boot();
  EXPECT_THAT(server(id)["fault"]["message"].get<std::string>(),
              ::testing::HasSubstr("node1: its compute service is disabled"));
  EXPECT_EQ(get("/v2.1/os-availability-zone")["availabilityZoneInfo"][0]["zoneName"], "nova");
  EXPECT_CODE(refuse_get("/v2.1/os-availability-zone/detail"), kForbidden);
  EXPECT_TRUE(get("/v2.1/os-simple-tenant-usage/alice").contains("tenant_usage"));
}

}  // namespace
}  // namespace hanok::compute

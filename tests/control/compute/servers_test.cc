// Creation: what it makes, what it shows, what it refuses.

#include "tests/control/compute/fixture.h"

namespace hanok::compute {
namespace {

using Servers = ComputeTest;

TEST_F(Servers, OneRequestMakesTheServerItsPortAndTheWishForItsHost) {
  host();
  Json body = server_body();
  body["server"]["metadata"] = {{"role", "web"}};
  body["server"]["user_data"] = "aGVsbG8=";
  post("/v2.1/os-keypairs",
       {{"keypair",
         {{"name", "k"},
          {"public_key",
           "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"}}}});
  body["server"]["key_name"] = "k";
  const Json made = post("/v2.1/servers", body, 202)["server"];
  const std::string id = made["id"];
  EXPECT_TRUE(made.contains("adminPass"));
  EXPECT_EQ(last.headers["Location"], "http://api/v2.1/servers/" + id);
  EXPECT_TRUE(last.headers.contains("X-Compute-Request-Id"));
  EXPECT_EQ(status(id), "BUILD");

  const Json wanted = render(id);
  EXPECT_EQ(wanted["power"], "running");
  EXPECT_EQ(wanted["ram_mib"], 128);
  EXPECT_EQ(wanted["root"]["image"]["name"], image_id);
  EXPECT_EQ(wanted["root"]["disk"], (Json{{"pool", "vms"}, {"name", id + "_disk"}}));
  EXPECT_EQ(wanted["nics"].size(), 1U);
  EXPECT_EQ(wanted["deleted"], false);
  EXPECT_EQ(wanted["config_drive"]["user_data"], "aGVsbG8=");
  EXPECT_EQ(wanted["config_drive"]["meta_data"]["meta"]["role"], "web");
  EXPECT_EQ(wanted["config_drive"]["meta_data"]["public_keys"].size(), 1U);
  EXPECT_EQ(wanted["config_drive"]["network_data"]["links"][0]["ethernet_mac_address"],
            wanted["nics"][0]["mac"]);
  EXPECT_TRUE(render(id, "node2").is_null());
  const Json shown = server(id);
  EXPECT_EQ(shown["addresses"]["net"].size(), 1U);
  EXPECT_EQ(shown["addresses"]["net"][0]["OS-EXT-IPS:type"], "fixed");
  EXPECT_EQ(shown["security_groups"][0]["name"], "default");
  EXPECT_EQ(shown["key_name"], "k");
}

TEST_F(Servers, ShapesFollowTheMicroversion) {
  host();
  const std::string id = active();
  const auto has = [&](int at, const char* field) {
    minor = at;
    return server(id).contains(field);
  };
  EXPECT_FALSE(has(8, "locked"));
  EXPECT_TRUE(has(9, "locked"));
  EXPECT_FALSE(has(18, "description"));
  EXPECT_TRUE(has(19, "description"));
  EXPECT_FALSE(has(25, "tags"));
  EXPECT_TRUE(has(26, "tags"));
  EXPECT_TRUE(has(46, "flavor") && server(id)["flavor"].contains("id"));
  EXPECT_TRUE(has(47, "flavor") && server(id)["flavor"]["original_name"] == "f1");
  EXPECT_TRUE(has(63, "trusted_image_certificates"));
  EXPECT_TRUE(has(71, "server_groups"));
  EXPECT_TRUE(has(73, "locked_reason"));
  EXPECT_FALSE(has(90, "OS-EXT-SRV-ATTR:host"));
  be("admin", true);
  EXPECT_TRUE(has(90, "OS-EXT-SRV-ATTR:host"));
  minor = 25;
  EXPECT_CODE(refuse_get("/v2.1/servers/" + id + "/tags"), kNotFound);
}

TEST_F(Servers, ManyAtOnce) {
  host();
  Json body = server_body();
  body["server"]["min_count"] = 2;
  body["server"]["max_count"] = 3;
  body["server"]["return_reservation_id"] = true;
  EXPECT_TRUE(post("/v2.1/servers", body, 202).contains("reservation_id"));
  const Json list = get("/v2.1/servers")["servers"];
  ASSERT_EQ(list.size(), 3U);
  EXPECT_EQ(list[0]["name"], "vm-3");
  EXPECT_EQ(list[2]["name"], "vm-1");
}

TEST_F(Servers, TheQuotaGivesWhatItCanAndRefusesTheRest) {
  host();
  be("admin", true);
  put("/v2.1/os-quota-sets/alice", {{"quota_set", {{"instances", 2}}}});
  be("alice");
  Json body = server_body();
  body["server"]["min_count"] = 1;
  body["server"]["max_count"] = 5;
  post("/v2.1/servers", body, 202);
  EXPECT_EQ(get("/v2.1/servers")["servers"].size(), 2U);
  EXPECT_CODE(refuse_post("/v2.1/servers", server_body()), kOverQuota);
  EXPECT_EQ(get("/v2.1/limits")["limits"]["absolute"]["totalInstancesUsed"], 2);
}

TEST_F(Servers, ARequestThatIsWrongChangesNothing) {
  host();
  const Json good = server_body();
  const std::vector<std::pair<std::string, Json>> wrong = {
      {"name", ""},
      {"name", "   "},
      {"name", 12345},
      {"name", std::string(256, 'a')},
      {"flavorRef", "nope"},
      {"flavorRef", nullptr},
      {"imageRef", -1},
      {"imageRef", "no-uuid"},
      {"imageRef", "00000000-0000-0000-0000-000000000000"},
      {"imageRef", ""},
      {"networks", Json::array({{{"uuid", "a-b-c-d-e-f-g-h-i-j"}, {"fixed_ip", "10.0.1.1"}}})},
      {"networks", Json::array({{{"uuid", "00000000-0000-0000-0000-000000000000"}}})},
      {"networks", Json::array({{{"port", "00000000-0000-0000-0000-000000000000"}}})},
      {"networks", Json::array({7})},
      {"networks", "auto"},
      {"key_name", "no-such-key"},
      {"security_groups", Json::array({{{"name", "does_not_exist"}}})},
      {"metadata", {{"a", std::string(260, 'b')}}},
      {"metadata", {{"a", 5}}},
      {"metadata", Json::array()},
      {"accessIPv4", "1.1.1.1.1.1"},
      {"accessIPv6", "notvalid"},
      {"user_data", "not base64!"},
      {"personality", Json::array({{{"path", "/etc/x"}, {"contents", "eA=="}}})},
      {"availability_zone", "elsewhere"},
      {"min_count", 0},
      {"config_drive", "perhaps"},
      {"OS-DCF:diskConfig", "SOMETIMES"},
      {"block_device_mapping_v2",
       Json::array({{{"source_type", "volume"}, {"destination_type", "invalid"}}})},
      {"unknown", 1},
      {"tags", Json::array({"x"})},
  };
  for (const auto& [key, value] : wrong) {
    SCOPED_TRACE(key + " " + dump_json(value));
    Json body = good;
    body["server"][key] = value;
    EXPECT_CODE(refuse_post("/v2.1/servers", body), kBadRequest);
  }
  EXPECT_CODE(refuse_post("/v2.1/servers", {{"server", {{"name", "x"}}}}), kBadRequest);
  EXPECT_CODE(refuse_post("/v2.1/servers", "text"), kBadRequest);
  EXPECT_EQ(count("servers"), 0);
  EXPECT_EQ(count("ports"), 0);
}

TEST_F(Servers, HostsAreNamedByAdministratorsOnly) {
  host("node1");
  host("node2");
  Json body = server_body();
  body["server"]["availability_zone"] = "nova:node2";
  EXPECT_CODE(refuse_post("/v2.1/servers", body), kForbidden);
  caller.is_admin = true;
  const std::string id = post("/v2.1/servers", body, 202)["server"]["id"];
  EXPECT_EQ(server(id)["OS-EXT-SRV-ATTR:host"], "node2");
}

TEST_F(Servers, OtherProjectsDoNotSeeThem) {
  host();
  const std::string id = active();
  be("bob");
  EXPECT_EQ(get("/v2.1/servers")["servers"].size(), 0U);
  EXPECT_CODE(refuse_get("/v2.1/servers/" + id), kNotFound);
  EXPECT_CODE(refuse(http::Method::kPut, "/v2.1/servers/" + id, {{"server", {{"name", "mine"}}}}), kNotFound);
  EXPECT_CODE(refuse(http::Method::kDelete, "/v2.1/servers/" + id), kNotFound);
  for (const char* below : {"/metadata", "/ips", "/os-interface", "/os-volume_attachments",
                            "/os-instance-actions", "/os-security-groups"}) {
    EXPECT_CODE(refuse_get("/v2.1/servers/" + id + below), kNotFound);
  }
  EXPECT_CODE(refuse_act(id, {{"os-stop", nullptr}}), kNotFound);
  EXPECT_CODE(refuse_act(id, {{"os-getConsoleOutput", Json::object()}}), kNotFound);
  EXPECT_CODE(refuse_get("/v2.1/servers?all_tenants=1"), kForbidden);
  be("admin", true);
  EXPECT_EQ(get("/v2.1/servers")["servers"].size(), 0U);
  EXPECT_EQ(get("/v2.1/servers?all_tenants=1")["servers"].size(), 1U);
}

TEST_F(Servers, NamesAndAccessAddressesChange) {
  host();
  const std::string id = active();
  const std::string path = "/v2.1/servers/" + id;
  EXPECT_EQ(put(path, {{"server", {{"name", "new"}, {"accessIPv4", "192.0.2.9"}}}})["server"]["name"], "new");
  EXPECT_EQ(server(id)["accessIPv4"], "192.0.2.9");
  EXPECT_CODE(refuse(http::Method::kPut, path, {{"server", {{"name", ""}}}}), kBadRequest);
  EXPECT_CODE(refuse(http::Method::kPut, path, {{"server", {{"name", std::string(256, 'a')}}}}), kBadRequest);
  EXPECT_CODE(refuse(http::Method::kPut, path, {{"server", {{"colour", "red"}}}}), kBadRequest);
  EXPECT_EQ(server(id)["name"], "new");
}

TEST_F(Servers, TheMembersOfAnAntiAffinityGroupAreOnDifferentHosts) {
  host("node1");
  host("node2");
  const Json group = post("/v2.1/os-server-groups",
                          {{"server_group", {{"name", "g"}, {"policies", Json::array({"anti-affinity"})}}}});
  Json body = server_body();
  body["os:scheduler_hints"] = {{"group", group["server_group"]["id"]}};
  for (const char* expected : {"BUILD", "BUILD", "ERROR"}) {
    const std::string id = post("/v2.1/servers", body, 202)["server"]["id"];
    EXPECT_EQ(status(id), expected);
  }
  EXPECT_EQ(get("/v2.1/os-server-groups")["server_groups"][0]["members"].size(), 3U);
}

}  // namespace
}  // namespace hanok::compute

#include "tests/control/network/fixture.h"

namespace hanok::network {
namespace {

class Networks : public NetworkTest {};

TEST_F(Networks, are_made_shown_changed_and_removed) {
  const Json made = post("/v2.0/networks", {{"network", {{"name", "a"}, {"description", "d"}}}})["network"];
  EXPECT_EQ(made["name"], "a");
  EXPECT_EQ(made["project_id"], "alice");
  EXPECT_EQ(made["tenant_id"], "alice");
  EXPECT_EQ(made["status"], "ACTIVE");
  EXPECT_EQ(made["mtu"], 1450);
  EXPECT_EQ(made["shared"], false);
  EXPECT_FALSE(made.contains("provider:network_type"));
  const std::string path = "/v2.0/networks/" + made["id"].get<std::string>();
  EXPECT_EQ(get(path)["network"], made);
  const Json changed = put(path, {{"network", {{"name", "b"}, {"admin_state_up", "False"}}}})["network"];
  EXPECT_EQ(changed["name"], "b");
  EXPECT_EQ(changed["admin_state_up"], false);
  EXPECT_GT(changed["revision_number"], made["revision_number"]);
  remove(path);
  EXPECT_ERROR(refuse_get(path), kNotFound, "NetworkNotFound");
  EXPECT_GT(touched("network", made["id"]), 0);
  EXPECT_TRUE(render("network", made["id"]).is_null());
}

TEST_F(Networks, bad_bodies_change_nothing) {
  for (const Json& body :
       {Json(nullptr), Json::array(), Json{{"net", {}}}, Json{{"network", 3}},
        Json{{"network", {{"name", 3}}}}, Json{{"network", {{"admin_state_up", "maybe"}}}},
        Json{{"network", {{"colour", "red"}}}}, Json{{"network", {{"id", "x"}}}},
        Json{{"network", {{"name", std::string(300, 'x')}}}}, Json{{"network", {{"mtu", 10}}}},
        Json{{"networks", Json::array()}}, Json{{"networks", {{{"name", 1}}}}}}) {
    EXPECT_ERROR(refuse_post("/v2.0/networks", body), kBadRequest, "HTTPBadRequest");
  }
  EXPECT_TRUE(get("/v2.0/networks")["networks"].empty());
}

TEST_F(Networks, bulk_makes_all_or_none) {
  const Json made = post("/v2.0/networks", {{"networks", {{{"name", "a"}}, {{"name", "b"}}}}})["networks"];
  EXPECT_EQ(made.size(), 2U);
  be("operator", true);
  EXPECT_ERROR(
      refuse_post(
          "/v2.0/networks",
          {{"networks", {{{"name", "c"}}, {{"name", "d"}, {"provider:network_type", "carrier-pigeon"}}}}}),
      kBadRequest, "InvalidInput");
  EXPECT_EQ(get("/v2.0/networks")["networks"].size(), 2U);
}

TEST_F(Networks, of_other_projects_do_not_exist) {
  const std::string path = "/v2.0/networks/" + network();
  be("bob");
  EXPECT_ERROR(refuse_get(path), kNotFound, "NetworkNotFound");
  EXPECT_ERROR(refuse_put(path, {{"network", {{"name", "x"}}}}), kNotFound, "NetworkNotFound");
  EXPECT_ERROR(refuse_delete(path), kNotFound, "NetworkNotFound");
  EXPECT_TRUE(get("/v2.0/networks")["networks"].empty());
  EXPECT_ERROR(refuse_post("/v2.0/networks", {{"network", {{"tenant_id", "alice"}}}}), kBadRequest,
               "HTTPBadRequest");
  be("operator", true);
  EXPECT_EQ(get(path)["network"]["project_id"], "alice");
}

TEST_F(Networks, shared_ones_are_seen_but_not_changed_by_others) {
  be("operator", true);
  const Json made = post("/v2.0/networks", {{"network", {{"name", "s"}, {"shared", true}}}})["network"];
  const std::string path = "/v2.0/networks/" + made["id"].get<std::string>();
  be("bob");
  EXPECT_EQ(get(path)["network"]["shared"], true);
  EXPECT_ERROR(refuse_put(path, {{"network", {{"name", "x"}}}}), kForbidden, "PolicyNotAuthorized");
  EXPECT_ERROR(refuse_delete(path), kForbidden, "PolicyNotAuthorized");
  port(made["id"]);
  be("operator", true);
  EXPECT_ERROR(refuse_put(path, {{"network", {{"shared", false}}}}), kConflict, "InvalidSharedSetting");
}

TEST_F(Networks, only_an_administrator_shares_opens_or_places_them) {
  for (const Json& more :
       {Json{{"shared", true}}, Json{{"router:external", true}}, Json{{"provider:network_type", "vlan"}}}) {
    EXPECT_ERROR(refuse_post("/v2.0/networks", {{"network", more}}), kForbidden, "PolicyNotAuthorized");
  }
  post("/v2.0/networks", {{"network", {{"shared", false}, {"router:external", false}}}});
}

TEST_F(Networks, get_segments_of_their_own) {
  be("operator", true);
  const auto make = [&](Json more) {
    return post("/v2.0/networks", {{"network", std::move(more)}})["network"];
  };
  const Json first = make(Json::object()), second = make(Json::object());
  EXPECT_EQ(first["provider:network_type"], "vxlan");
  EXPECT_NE(first["provider:segmentation_id"], second["provider:segmentation_id"]);
  const Json vlan = make({{"provider:network_type", "vlan"},
                          {"provider:physical_network", "physnet1"},
                          {"provider:segmentation_id", 7}});
  EXPECT_EQ(vlan["mtu"], 1500);
  EXPECT_EQ(render("network", vlan["id"])["segments"],
            Json::parse(R"([{"type":"vlan","physical_network":"physnet1","vlan_id":7}])"));
  const Json external = make({{"router:external", true}});
  EXPECT_EQ(external["provider:network_type"], "flat");
  EXPECT_EQ(external["provider:physical_network"], "external");
  EXPECT_TRUE(external["provider:segmentation_id"].is_null());
  EXPECT_EQ(make({{"router:external", true}})["provider:network_type"], "vxlan");  // the flat one is taken

  const auto refused = [&](Json more) {
    return refuse_post("/v2.0/networks", {{"network", std::move(more)}});
  };
  EXPECT_ERROR(refused({{"provider:network_type", "vlan"}, {"provider:segmentation_id", 7}}), kConflict,
               "VlanIdInUse");
  EXPECT_ERROR(refused({{"provider:network_type", "vlan"}, {"provider:segmentation_id", 4095}}), kBadRequest,
               "InvalidInput");
  EXPECT_ERROR(refused({{"provider:network_type", "flat"}, {"provider:physical_network", "external"}}),
               kConflict, "FlatNetworkInUse");
  EXPECT_ERROR(refused({{"provider:network_type", "vxlan"},
                        {"provider:segmentation_id", first["provider:segmentation_id"]}}),
               kConflict, "TunnelIdInUse");
  EXPECT_ERROR(refused({{"provider:network_type", "flat"}}), kBadRequest, "InvalidInput");
  EXPECT_ERROR(refused({{"provider:segmentation_id", 5}}), kBadRequest, "InvalidInput");
}

TEST_F(Networks, in_use_are_not_removed_but_take_their_subnets_along) {
  const std::string id = network();
  const std::string subnet_id = subnet(id, "10.0.0.0/24");
  const std::string port_id = port(id)["id"];
  EXPECT_ERROR(refuse_delete("/v2.0/networks/" + id), kConflict, "NetworkInUse");
  remove("/v2.0/ports/" + port_id);
  remove("/v2.0/networks/" + id);
  EXPECT_ERROR(refuse_get("/v2.0/subnets/" + subnet_id), kNotFound, "SubnetNotFound");
}

TEST_F(Networks, have_a_domain_for_their_guests) {
  const Json made = post("/v2.0/networks", {{"network", {{"dns_domain", "Example.org."}}}})["network"];
  EXPECT_EQ(made["dns_domain"], "Example.org.");
  EXPECT_EQ(render("network", made["id"])["dns_domain"], "Example.org");
  const std::string path = "/v2.0/networks/" + made["id"].get<std::string>();
  for (const std::string& bad : {std::string("-a.org"), std::string("a..org"), std::string("."),
                                 std::string("a b"), std::string(64, 'x'), std::string(254, 'x')})
    EXPECT_ERROR(refuse_put(path, {{"network", {{"dns_domain", bad}}}}), kBadRequest, "HTTPBadRequest");
  EXPECT_EQ(put(path, {{"network", {{"dns_domain", ""}}}})["network"]["dns_domain"], "");
  EXPECT_EQ(render("network", made["id"])["dns_domain"], "");
}

}  // namespace
}  // namespace hanok::network

#include "tests/control/network/fixture.h"

namespace hanok::network {
namespace {

class Segments : public NetworkTest {
 protected:
  Segments() { be("operator", true); }
  Json make(const Json& more) { return post("/v2.0/segments", {{"segment", more}})["segment"]; }
  Json show(const std::string& network_id) { return get("/v2.0/networks/" + network_id)["network"]; }
  Json of(const std::string& network_id) {
    return get("/v2.0/segments?network_id=" + network_id)["segments"];
  }
  static Json vlan(const std::string& network_id, int id) {
    return {{"network_id", network_id}, {"network_type", "vlan"}, {"segmentation_id", id}};
  }
};

TEST_F(Segments, move_a_network_from_vxlan_to_vlan) {
  const std::string id = network();
  const Json vxlan = of(id)[0];
  EXPECT_EQ(vxlan["network_type"], "vxlan");
  EXPECT_EQ(vxlan["physical_network"], nullptr);
  EXPECT_EQ(vxlan["segmentation_id"], show(id)["provider:segmentation_id"]);
  const std::int64_t before = touched("network", id);
  const Json wire = make({{"network_id", id},
                          {"network_type", "vlan"},
                          {"segmentation_id", 7},
                          {"name", "wire"},
                          {"physical_network", nullptr}});
  EXPECT_EQ(wire["name"], "wire");
  EXPECT_EQ(wire["physical_network"], "physnet1");
  EXPECT_FALSE(wire.contains("project_id"));
  EXPECT_GT(touched("network", id), before);
  EXPECT_EQ(render("network", id)["segments"].size(), 2U);
  EXPECT_EQ(show(id)["segments"][1], (Json{{"provider:network_type", "vlan"},
                                           {"provider:physical_network", "physnet1"},
                                           {"provider:segmentation_id", 7}}));
  EXPECT_FALSE(show(id).contains("provider:network_type"));
  remove("/v2.0/segments/" + vxlan["id"].get<std::string>());
  EXPECT_EQ(render("network", id)["segments"],
            (Json{{{"type", "vlan"}, {"physical_network", "physnet1"}, {"vlan_id", 7}}}));
  EXPECT_EQ(show(id)["provider:network_type"], "vlan");
  EXPECT_EQ(show(id)["mtu"], 1450);  // not made larger under guests
  const std::string path = "/v2.0/segments/" + wire["id"].get<std::string>();
  EXPECT_ERROR(refuse_delete(path), kConflict, "SegmentInUse");
  EXPECT_EQ(put(path, {{"segment", {{"name", "w"}, {"description", "d"}}}})["segment"]["description"], "d");
  EXPECT_EQ(get(path)["segment"]["name"], "w");
  remove("/v2.0/networks/" + id);
  EXPECT_ERROR(refuse_get(path), kNotFound, "SegmentNotFound");
}

TEST_F(Segments, make_the_default_mtu_smaller_where_an_overlay_comes_in) {
  const auto wire = [&](Json more) {
    more["provider:network_type"] = "vlan";
    return post("/v2.0/networks", {{"network", more}})["network"];
  };
  const Json plain = wire(Json::object()), chosen = wire({{"mtu", 9000}});
  EXPECT_EQ(plain["mtu"], 1500);
  for (const Json& one : {plain, chosen}) make({{"network_id", one["id"]}, {"network_type", "vxlan"}});
  EXPECT_EQ(show(plain["id"])["mtu"], 1450);
  EXPECT_EQ(show(chosen["id"])["mtu"], 9000);
}

TEST_F(Segments, of_a_new_network_may_be_several) {
  const Json list = {{{"provider:network_type", "vxlan"}},
                     {{"provider:network_type", "vlan"}, {"provider:segmentation_id", 9}}};
  const Json made = post("/v2.0/networks", {{"network", {{"segments", list}}}})["network"];
  EXPECT_EQ(made["segments"].size(), 2U);
  EXPECT_EQ(made["mtu"], 1450);
  EXPECT_EQ(render("network", made["id"])["segments"].size(), 2U);
  EXPECT_EQ(get("/v2.0/networks?provider:network_type=vlan")["networks"].size(), 1U);
  EXPECT_EQ(get("/v2.0/networks?provider:segmentation_id=10")["networks"].size(), 0U);
}

TEST_F(Segments, that_cannot_be_are_refused_and_change_nothing) {
  const std::string id = network(), other = network("other");
  make(vlan(other, 7));
  EXPECT_ERROR(refuse_post("/v2.0/segments", {{"segment", vlan(id, 7)}}), kConflict, "VlanIdInUse");
  EXPECT_ERROR(refuse_post("/v2.0/segments", {{"segment", vlan(id, 4095)}}), kBadRequest, "InvalidInput");
  const Json geneve = {{"network_id", id}, {"network_type", "geneve"}};
  EXPECT_ERROR(refuse_post("/v2.0/segments", {{"segment", geneve}}), kBadRequest, "InvalidInput");
  EXPECT_ERROR(refuse_post("/v2.0/segments", {{"segment", {{"network_type", "vlan"}}}}), kBadRequest,
               "HTTPBadRequest");
  const std::string absent = "00000000-0000-4000-8000-000000000000";
  EXPECT_ERROR(refuse_post("/v2.0/segments", {{"segment", vlan(absent, 8)}}), kNotFound, "NetworkNotFound");
  EXPECT_ERROR(refuse_put("/v2.0/segments/" + of(id)[0]["id"].get<std::string>(),
                          {{"segment", {{"segmentation_id", 8}}}}),
               kBadRequest, "HTTPBadRequest");
  const Json twice = {{{"provider:network_type", "vlan"}, {"provider:segmentation_id", 9}},
                      {{"provider:network_type", "vlan"}, {"provider:segmentation_id", 9}}};
  EXPECT_ERROR(refuse_post("/v2.0/networks", {{"network", {{"segments", twice}}}}), kBadRequest,
               "SegmentsContainDuplicateEntry");
  const Json both = {{"segments", {{{"provider:network_type", "vxlan"}}}}, {"provider:network_type", "vlan"}};
  EXPECT_ERROR(refuse_post("/v2.0/networks", {{"network", both}}), kBadRequest,
               "SegmentsSetInConjunctionWithProviders");
  for (const Json& bad : {Json(3), Json{{"colour", "red"}}, Json{{"provider:network_type", 3}},
                          Json{{"provider:segmentation_id", "x"}}}) {
    EXPECT_ERROR(refuse_post("/v2.0/networks", {{"network", {{"segments", {bad}}}}}), kBadRequest,
                 "HTTPBadRequest");
  }
  EXPECT_EQ(of(id).size(), 1U);
  EXPECT_EQ(get("/v2.0/networks")["networks"].size(), 2U);
}

TEST_F(Segments, are_bounded_in_number) {
  const std::string id = network();
  for (int i = 1; i < 16; ++i) make(vlan(id, i));
  EXPECT_ERROR(refuse_post("/v2.0/segments", {{"segment", vlan(id, 16)}}), kConflict, "TooManySegments");
  EXPECT_EQ(of(id).size(), 16U);
}

}  // namespace
}  // namespace hanok::network

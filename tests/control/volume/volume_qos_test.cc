// QoS specs: the calls, and the limits that volumes get by them while they live.
#include "control/volume/qos.h"

#include "tests/control/volume/fixture.h"

namespace hanok::volume {
namespace {

TEST(QosLimits, FollowFromCindersKeys) {
  const auto limits = [](const Json& specs, std::int64_t size_gib) { return limits_from(specs, size_gib); };
  EXPECT_EQ(limits({{"total_iops_sec", "200"}, {"total_iops_sec_max", "400"}}, 1),
            (Json{{"iops", {{"rate", 200}, {"burst", 400}}}}));
  EXPECT_EQ(limits({{"read_bytes_sec_per_gb", "10"}, {"read_bytes_sec_per_gb_min", "25"}}, 2),
            (Json{{"read_bps", {{"rate", 25}, {"burst", 0}}}}));
  EXPECT_EQ(
      limits({{"read_bytes_sec_per_gb", "10"}, {"read_bytes_sec", "7"}, {"read_bytes_sec_max", "40"}}, 5),
      (Json{{"read_bps", {{"rate", 50}, {"burst", 0}}}}));
  EXPECT_EQ(limits({{"write_iops_sec", "0"}, {"unknown", "x"}}, 1), Json::object());
  EXPECT_GT(limits({{"total_bytes_sec_per_gb", "1125899906842624"}}, 65536)["bps"]["rate"], 0);
}

class VolumeQosTest : public VolumeTest {
 protected:
  void SetUp() override {
    VolumeTest::SetUp();
    api->be("admin", true);
    type_ = api->post("/v3/types", {{"volume_type", {{"name", "slow"}}}}, 200)["volume_type"]["id"];
  }
  Json make(Json specs, int status = 200) {
    specs["name"] = specs.value("name", "q" + std::to_string(++made_));
    return api->post("/v3/qos-specs", {{"qos_specs", specs}}, status);
  }
  std::string made(const Json& specs) { return make(specs)["qos_specs"]["id"]; }
  void bind(const std::string& qos, const std::string& verb, int status = 202) {
    api->get("/v3/qos-specs/" + qos + "/" + verb + "?vol_type_id=" + type_, status);
  }
  // Limits that the image has after the agent did all there is to do.
  storage::Limits in_force(const std::string& id) {
    for (int i = 0; i < 5 && !render("volume", id).is_null(); ++i) work("volume", id);
    EXPECT_TRUE(render("volume", id).is_null());
    return blocks.limits_of({"volumes", "volume-" + id});
  }
  std::int64_t generation(const std::string& id) {
    auto row = database->read([&](store::Tx& tx) {
      return tx.query_one("SELECT generation FROM changes WHERE kind = 'volume' AND id = ?", {id});
    });
    return row.ok() && row->has_value() ? (*row)->integer("generation") : 0;
  }
  std::string type_;
  int made_ = 0;
};

TEST_F(VolumeQosTest, LivesChangesAndGoes) {
  const Json spec =
      make({{"name", "gold"}, {"consumer", "front-end"}, {"read_iops_sec", "2000"}})["qos_specs"];
  const std::string path = "/v3/qos-specs/" + spec["id"].get<std::string>();
  EXPECT_EQ(api->get(path)["qos_specs"], spec);
  EXPECT_EQ(spec["consumer"], "front-end");
  EXPECT_EQ(api->get("/v3/qos-specs")["qos_specs"].size(), 1U);
  make({{"name", "gold"}}, 409);
  api->put(path, {{"qos_specs", {{"iops_bytes", "500"}, {"write_iops_sec", 7}}}});
  EXPECT_EQ(api->get(path)["qos_specs"]["specs"],
            (Json{{"read_iops_sec", "2000"}, {"iops_bytes", "500"}, {"write_iops_sec", "7"}}));
  api->put(path + "/delete_keys", {{"keys", {"iops_bytes"}}}, 202);
  api->put(path + "/delete_keys", {{"keys", {"iops_bytes"}}}, 400);
  EXPECT_EQ(api->get(path)["qos_specs"]["specs"].size(), 2U);
  api->remove(path, 202);
  api->get(path, 404);
}

TEST_F(VolumeQosTest, WrongOnesAreRefused) {
  for (const Json& bad : std::vector<Json>{{{"consumer", "nobody"}},
                                           {{"total_iops_sec", "-1"}},
                                           {{"total_iops_sec", "1.5"}},
                                           {{"total_iops_sec", "many"}},
                                           {{"total_iops_sec", Json::array()}},
                                           {{"read_bytes_sec_per_gb", ""}},
                                           {{"total_iops_sec", "9"}, {"total_iops_sec_max", "8"}},
                                           {{"name", " "}}}) {
    make(bad, 400);
  }
  const std::string one = made({{"total_iops_sec", "9"}});
  api->put("/v3/qos-specs/" + one, {{"qos_specs", {{"total_iops_sec_max", "8"}}}}, 400);
  EXPECT_EQ(api->get("/v3/qos-specs/" + one)["qos_specs"]["specs"].size(), 1U);
  api->get("/v3/qos-specs/" + one + "/associate", 400);
  api->get("/v3/qos-specs/" + one + "/associate?vol_type_id=none", 404);
  api->be("p1");
  api->get("/v3/qos-specs", 403);
}

TEST_F(VolumeQosTest, BelongsToTypes) {
  const std::string one = made({{"total_iops_sec", "9"}});
  const std::string two = made({{"total_iops_sec", "8"}});
  bind(one, "disassociate", 404);
  bind(one, "associate");
  bind(one, "associate");
  bind(two, "associate", 400);
  EXPECT_EQ(api->get("/v3/types/" + type_)["volume_type"]["qos_specs_id"], one);
  EXPECT_EQ(api->get("/v3/qos-specs/" + one + "/associations")["qos_associations"][0]["id"], type_);
  api->remove("/v3/qos-specs/" + one, 400);
  bind(one, "disassociate");
  bind(two, "associate");
  bind(two, "disassociate_all");
  bind(one, "associate");
  api->remove("/v3/qos-specs/" + one + "?force=true", 202);
  EXPECT_TRUE(api->get("/v3/types/" + type_)["volume_type"]["qos_specs_id"].is_null());
}

TEST_F(VolumeQosTest, LimitsFollowEveryChange) {
  const std::string qos = made({{"total_iops_sec_per_gb", "100"}});
  bind(qos, "associate");
  const std::string id = create({{"volume_type", "slow"}, {"size", 1}});
  EXPECT_EQ(render("volume", id)["limits"]["iops"]["rate"], 100);
  EXPECT_EQ(in_force(id), (storage::Limits{{"iops", {100, 0}}}));
  EXPECT_EQ(status(id), "available");
  // Growing, and what an administrator changes.
  action(id, "os-extend", {{"new_size", 3}}, 202);
  EXPECT_EQ(in_force(id), (storage::Limits{{"iops", {300, 0}}}));
  const std::int64_t before = generation(id);
  api->put("/v3/qos-specs/" + qos,
           {{"qos_specs", {{"read_bytes_sec", "4096"}, {"read_bytes_sec_max", "8192"}}}});
  EXPECT_GT(generation(id), before) << "the agent is not woken";
  EXPECT_EQ(in_force(id), (storage::Limits{{"iops", {300, 0}}, {"read_bps", {4096, 8192}}}));
  api->put("/v3/qos-specs/" + qos + "/delete_keys", {{"keys", {"total_iops_sec_per_gb"}}}, 202);
  EXPECT_EQ(in_force(id).size(), 1U);
  // Attached or not, by retype and by taking the specs away.
  write([&](store::Tx& tx) { return begin_attach(tx, id, "server", "node1", "", clock.now_us()); });
  write([&](store::Tx& tx) { return complete_attach(tx, id, "server", clock.now_us()); });
  action(id, "os-retype", {{"new_type", "rbd"}, {"migration_policy", "never"}}, 202);
  EXPECT_TRUE(in_force(id).empty());
  action(id, "os-retype", {{"new_type", "slow"}, {"migration_policy", "never"}}, 202);
  EXPECT_EQ(in_force(id).size(), 1U);
  bind(qos, "disassociate");
  EXPECT_TRUE(in_force(id).empty());
  EXPECT_EQ(status(id), "in-use");
}

TEST_F(VolumeQosTest, WhatCannotBeLimitedSaysSoAndWorksOn) {
  const std::string qos = made({{"total_iops_sec", "100"}});
  const std::string id = ready({{"volume_type", "slow"}});
  bind(qos, "associate");
  const std::int64_t before = generation(id);
  const Json report = {{"task", "limit"}, {"state", "error"}, {"error", {{"message", "no image"}}}};
  for (int i = 0; i < 2; ++i) observe("volume", id, report);
  EXPECT_EQ(generation(id), before) << "the agent would be at it for ever";
  EXPECT_EQ(status(id), "available");
  EXPECT_EQ(api->get("/v3/messages")["messages"].size(), 1U);
  // A late report of other limits is not taken for the present wish.
  observe("volume", id, {{"task", "limit"}, {"state", "available"}, {"limits", {{"iops", {{"rate", 5}}}}}});
  EXPECT_EQ(in_force(id), (storage::Limits{{"iops", {100, 0}}}));
}

}  // namespace
}  // namespace hanok::volume

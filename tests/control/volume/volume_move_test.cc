// Types of other pools, volumes moved between pools by a retype, and clones flattened in the background.
#include "agents/volume/work_reconciler.h"
#include "tests/control/volume/fixture.h"

namespace hanok::volume {
namespace {

class QuietOutbox final : public agent::Outbox {
 public:
  void report(const std::string&, const std::string&, Json) override {}
};

class MoveTest : public VolumeTest {
 protected:
  void SetUp() override {
    VolumeTest::SetUp();
    asker.reconciler = &reconciler;
    const Json pools = {{"volumes-2", {{"stored_bytes", 1LL << 30}, {"available_bytes", 3LL << 30}}}};
    write([&](store::Tx& tx) {
      return tx.execute(
          "INSERT INTO hosts (name, roles, vcpus, ram_mib, disk_gib, last_seen_us, details)"
          " VALUES ('node1', ?, 1, 1, 1, ?, ?)",
          {Json::array({"volume"}), SystemClock{}.now_us(), Json{{"volume_pools", pools}}});
    });
    api->be("p1", true);
    for (const auto& [name, pool] : {std::pair{"second", "volumes-2"}, std::pair{"nowhere", "volumes-9"}}) {
      api->post("/v3/p1/types", {{"volume_type", {{"name", name}, {"extra_specs", {{"pool_name", pool}}}}}},
                200);
    }
  }
  // What the agent does in the background.
  Json work_on(const std::string& id) {
    const Json object = render("volume_work", id);
    agent::Changes changes;
    changes.objects["volume_work"][id] = object;
    works.note(changes);
    auto outcome = works.apply({.kind = "volume_work", .id = id, .object = object});
    EXPECT_TRUE(outcome.ok());
    if (!outcome->observed.is_null()) observe("volume_work", id, outcome->observed);
    return outcome->observed;
  }
  void retype(const std::string& id, const char* type, const char* policy, int status = 202) {
    action(id, "os-retype", {{"new_type", type}, {"migration_policy", policy}}, status);
  }
  std::string host(const std::string& id) { return show(id)["os-vol-host-attr:host"]; }

  QuietOutbox outbox;
  agent::WorkReconciler works{blocks, outbox};
};

TEST_F(MoveTest, ATypeChoosesThePool) {
  const std::string id = create({{"volume_type", "second"}});
  EXPECT_EQ(render("volume", id)["pool"], "volumes-2");
  EXPECT_EQ(host(id), "hanok@rbd#volumes-2");
  create({{"volume_type", "nowhere"}}, 400);
  const Json pools = api->get("/v3/p1/scheduler-stats/get_pools?detail=true")["pools"];
  ASSERT_EQ(pools.size(), 2U);
  EXPECT_EQ(pools[0]["name"], "hanok@rbd#volumes");
  EXPECT_EQ(pools[0]["capabilities"]["free_capacity_gb"], "unknown");
  EXPECT_EQ(pools[1]["name"], "hanok@rbd#volumes-2");
  EXPECT_EQ(pools[1]["capabilities"]["total_capacity_gb"], 4.0);
  EXPECT_EQ(pools[1]["capabilities"]["free_capacity_gb"], 3.0);
  EXPECT_EQ(pools[1]["capabilities"]["total_volumes"], 1);
}

TEST_F(MoveTest, ARetypeMovesTheImageAndTheVolumeIsUsedBeforeAllIsCopied) {
  const std::string id = ready();
  const std::string image = "volume-" + id;
  const std::string snapshot_id = snapshot(id);
  work("snapshot", snapshot_id);
  retype(id, "second", "on-demand");
  EXPECT_EQ(status(id), "retyping");
  EXPECT_EQ(show(id)["migration_status"], "migrating");
  api->remove("/v3/snapshots/" + snapshot_id, 400);  // it is in neither pool now
  create({{"snapshot_id", snapshot_id}}, 400);
  EXPECT_EQ(work("volume", id)["state"], "available");
  EXPECT_EQ(status(id), "available");
  EXPECT_EQ(show(id)["volume_type"], "second");
  EXPECT_EQ(host(id), "hanok@rbd#volumes-2");
  EXPECT_EQ(show(id)["hanok:work"], (Json{{"task", "move"}, {"percent", 0}}));
  retype(id, "rbd", "on-demand", 400);  // not before it is done
  action(id, "os-unmanage", nullptr, 400);
  api->remove("/v3/snapshots/" + snapshot_id, 400);  // nor a snapshot that is still to be copied
  observe("volume_work", id, {{"task", "copy"}, {"state", "working"}, {"progress", 40}});
  EXPECT_EQ(show(id)["hanok:work"]["percent"], 40);
  EXPECT_EQ(work_on(id)["state"], "done");
  EXPECT_FALSE(show(id).contains("hanok:work"));
  EXPECT_TRUE(show(id)["migration_status"].is_null());
  EXPECT_FALSE(blocks.info({"volumes", image}).ok());
  EXPECT_EQ(blocks.info({"volumes-2", image})->snapshots.size(), 1U);
  EXPECT_TRUE(render("volume_work", id).is_null());
  const std::string child = create({{"snapshot_id", snapshot_id}, {"volume_type", "rbd"}});
  EXPECT_EQ(render("volume", child)["source"]["pool"], "volumes-2");
  EXPECT_EQ(render("volume", child)["pool"], "volumes");
}

TEST_F(MoveTest, WhatCannotMoveIsRefusedAndStays) {
  const std::string id = ready();
  retype(id, "second", "never", 400);
  action(id, "os-retype", {{"new_type", "second"}}, 400);
  retype(id, "second", "perhaps", 400);
  retype(id, "nowhere", "on-demand", 400);
  const std::string child = create({{"source_volid", id}});
  retype(id, "second", "on-demand", 400);  // it is being cloned
  write([&](store::Tx& tx) {
    return tx.execute("UPDATE volumes SET status = 'available' WHERE id = ?", {child});
  });
  retype(id, "second", "on-demand", 400);     // and the clone leans on a snapshot that nobody sees
  retype(child, "second", "on-demand", 400);  // which cannot move either
  api->remove("/v3/p1/volumes/" + child + "?force=true", 202);
  work("volume", child);
  const std::string snapshot_id = snapshot(id);
  retype(id, "second", "on-demand", 400);  // a snapshot is being taken
  work("snapshot", snapshot_id);
  write([&](store::Tx& tx) { return tx.execute("UPDATE volumes SET status = 'in-use' WHERE id = ?", {id}); });
  retype(id, "second", "on-demand", 400);
  EXPECT_EQ(show(id)["volume_type"], "rbd");
  EXPECT_EQ(host(id), "hanok@rbd#volumes");
  retype(id, "rbd", "never");
}

TEST_F(MoveTest, AMoveThatFailsLeavesTheVolumeWhereItWas) {
  const std::string id = ready();
  retype(id, "second", "on-demand");
  observe("volume", id, {{"task", "migrate"}, {"state", "error"}, {"error", {{"message", "no room"}}}});
  EXPECT_EQ(status(id), "available");
  EXPECT_EQ(show(id)["volume_type"], "rbd");
  EXPECT_TRUE(show(id)["migration_status"].is_null());
  EXPECT_NE(dump_json(api->get("/v3/p1/messages")).find("retype volume: no room"), std::string::npos);
}

// Nobody knows where the image is then: a delete finds it, and so does another retype to the same pool.
TEST_F(MoveTest, AMoveBeyondItsDeadlineIsAnErrorThatCanBeDeleted) {
  const std::string id = ready();
  retype(id, "second", "on-demand");
  blocks.break_prepare({"volumes", "volume-" + id}, "volumes-2");
  write([&](store::Tx& tx) -> Result<bool> {
    HANOK_CHECK(tx.execute("UPDATE volumes SET deadline_us = 1 WHERE id = ?", {id}));
    HANOK_CHECK(expire_volumes(tx, SystemClock{}.now_us()));
    return true;
  });
  EXPECT_EQ(status(id), "error");
  api->remove("/v3/p1/volumes/" + id, 202);
  EXPECT_EQ(work("volume", id)["state"], "deleted");
  EXPECT_TRUE(blocks.list("volumes")->empty());
  EXPECT_TRUE(blocks.list("volumes-2")->empty());
}

TEST_F(MoveTest, ADeleteDoesNotWaitForTheCopyToBeAskedFor) {
  const std::string id = ready();
  retype(id, "second", "on-demand");
  work("volume", id);
  api->remove("/v3/p1/volumes/" + id, 202);
  EXPECT_TRUE(render("volume_work", id).is_null());
  EXPECT_EQ(work("volume", id)["state"], "deleted");
  EXPECT_TRUE(blocks.list("volumes-2")->empty());
}

// librbd would abort if they went before the copy had ended.
TEST_F(MoveTest, SnapshotsOfAVolumeThatMovesGoWithItsImage) {
  const std::string id = ready();
  const std::string snapshot_id = snapshot(id);
  work("snapshot", snapshot_id);
  retype(id, "second", "on-demand");
  work("volume", id);
  api->remove("/v3/p1/volumes/" + id + "?cascade=true", 202);
  EXPECT_TRUE(render("snapshot", snapshot_id).is_null());
  EXPECT_EQ(work("volume", id)["state"], "deleted");
  api->get("/v3/snapshots/" + snapshot_id, 404);
  EXPECT_TRUE(blocks.list("volumes-2")->empty());
}

TEST_F(MoveTest, ACloneIsFlattenedOnRequestAndWhenItsParentIsGone) {
  const std::string parent = ready();
  action(parent, "hanok:flatten", nullptr, 400);  // no clone
  const std::string child = create({{"source_volid", parent}});
  action(child, "hanok:flatten", nullptr, 400);  // not yet there
  work("volume", child);
  action(child, "hanok:cancel_flatten", nullptr, 400);
  action(child, "hanok:flatten", nullptr, 202);
  EXPECT_EQ(show(child)["hanok:work"], (Json{{"task", "flatten"}, {"percent", 0}}));
  action(child, "hanok:cancel_flatten", nullptr, 202);
  EXPECT_TRUE(render("volume_work", child).is_null());
  EXPECT_TRUE(blocks.info({"volumes", "volume-" + child})->parent.has_value());
  api->remove("/v3/p1/volumes/" + parent, 202);
  work("volume", parent);
  EXPECT_EQ(show(child)["hanok:work"]["task"], "flatten");
  EXPECT_EQ(work_on(child)["state"], "done");
  EXPECT_FALSE(blocks.info({"volumes", "volume-" + child})->parent.has_value());
  action(child, "hanok:flatten", nullptr, 400);
  EXPECT_EQ(status(child), "available");
}

TEST_F(MoveTest, ADeletedCloneIsNotFlattened) {
  const std::string parent = ready();
  const std::string child = create({{"source_volid", parent}});
  work("volume", child);
  action(child, "hanok:flatten", nullptr, 202);
  api->remove("/v3/p1/volumes/" + child, 202);
  EXPECT_TRUE(render("volume_work", child).is_null());
}

TEST_F(MoveTest, ImagesOfEveryPoolAreManaged) {
  EXPECT_TRUE(blocks.create({"volumes-2", "elsewhere"}, 4096).ok());
  const Json wish = {{"host", "node1@rbd#volumes-2"}, {"ref", {{"source-name", "elsewhere"}}}, {"name", "m"}};
  api->post("/v3/p1/os-volume-manage", {{"volume", wish}}, 400);  // the default type is of the other pool
  Json typed = wish;
  typed["volume_type"] = "second";
  const std::string id = api->post("/v3/p1/os-volume-manage", {{"volume", typed}}, 202)["volume"]["id"];
  EXPECT_EQ(work("volume", id)["state"], "available");
  EXPECT_TRUE(blocks.info({"volumes-2", "volume-" + id}).ok());
  EXPECT_EQ(api->get("/v3/p1/os-volume-manage?host=node1@rbd%23volumes-2")["manageable-volumes"].size(), 1U);
}

}  // namespace
}  // namespace hanok::volume

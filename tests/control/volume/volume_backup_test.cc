// Backups by the API, with the agent's real work over the memory twin.
#include "agents/volume/backup_reconciler.h"
#include "tests/control/volume/fixture.h"

namespace hanok::volume {
namespace {

class VolumeBackupTest : public VolumeTest {
 protected:
  void SetUp() override {
    VolumeTest::SetUp();
    id_ = ready();
    image_ = {"volumes", "volume-" + id_};
    ASSERT_TRUE(blocks.write(image_, 0, "original", 8).ok());
  }
  std::string make(Json more = Json::object(), int code = 202) {
    Json body = {{"volume_id", id_}, {"name", "b"}};
    body.update(more);
    clock.advance_us(1'000'000);
    const Json made = api->post("/v3/p1/backups", {{"backup", body}}, code);
    return code == 202 ? made["backup"]["id"].get<std::string>() : "";
  }
  std::string finished(Json more = Json::object()) {
    const std::string id = make(std::move(more));
    EXPECT_EQ(work_on(id)["state"], "available");
    return id;
  }
  Json work_on(const std::string& id) {
    auto outcome = backups_.apply({.kind = "backup", .id = id, .object = wanted(id)});
    EXPECT_TRUE(outcome.ok());
    if (!outcome->observed.is_null()) observe("backup", id, outcome->observed);
    return outcome->observed;
  }
  // A volume of this test has a few bytes only: its GiB would be a lot of memory.
  Json wanted(const std::string& id) {
    Json out = render("backup", id);
    if (out.is_object()) out["size_gib"] = 0;
    return out;
  }
  Json shown(const std::string& id) { return api->get("/v3/backups/" + id)["backup"]; }
  std::string restore(const std::string& id, const Json& argument, int code = 202) {
    const Json out = api->post("/v3/backups/" + id + "/restore", {{"restore", argument}}, code);
    return code == 202 ? out["restore"]["volume_id"].get<std::string>() : "";
  }
  std::string bytes_of(const std::string& volume_id) {
    std::string out(8, '?');
    EXPECT_TRUE(blocks.read({"volumes", "volume-" + volume_id}, 0, out.data(), 8).ok());
    return out;
  }
  void set(const std::string& column, const std::string& value) {
    write([&](store::Tx& tx) {
      return tx.execute("UPDATE volumes SET " + column + " = ? WHERE id = ?", {value, id_});
    });
  }

  agent::BackupReconciler backups_{blocks};
  std::string id_;
  storage::ImageRef image_;
};

TEST_F(VolumeBackupTest, IsMadeShownRestoredDeleted) {
  const std::string id = make({{"description", "nightly"}});
  EXPECT_EQ(status(id_), "backing-up");
  EXPECT_EQ(shown(id)["status"], "creating");
  api->remove("/v3/p1/volumes/" + id_, 400);
  api->remove("/v3/backups/" + id, 400);
  make(Json::object(), 400);
  restore(id, Json::object(), 400);
  EXPECT_EQ(work_on(id)["state"], "available");
  EXPECT_EQ(status(id_), "available");
  EXPECT_TRUE(wanted(id).is_null());
  const Json seen = shown(id);
  EXPECT_EQ(seen["status"], "available");
  EXPECT_EQ(seen["size"], 1);
  EXPECT_EQ(seen["object_count"], 1);
  EXPECT_EQ(seen["is_incremental"], false);
  EXPECT_EQ(seen["description"], "nightly");
  EXPECT_FALSE(seen.contains("metadata"));
  EXPECT_EQ(api->get("/v3/backups/detail?volume_id=" + id_)["backups"].size(), 1U);
  EXPECT_EQ(api->get("/v3/backups?name=other")["backups"].size(), 0U);

  ASSERT_TRUE(blocks.write(image_, 0, "spoilt!!", 8).ok());
  EXPECT_EQ(restore(id, {{"volume_id", id_}}), id_);
  EXPECT_EQ(status(id_), "restoring-backup");
  EXPECT_EQ(shown(id)["status"], "restoring");
  restore(id, Json::object(), 400);
  EXPECT_EQ(work_on(id)["state"], "available");
  EXPECT_EQ(status(id_), "available");
  EXPECT_EQ(bytes_of(id_), "original");

  const std::string fresh = restore(id, {{"name", "again"}});
  EXPECT_EQ(show(fresh)["name"], "again");
  EXPECT_EQ(status(fresh), "restoring-backup");
  work_on(id);
  EXPECT_EQ(status(fresh), "available");
  EXPECT_EQ(bytes_of(fresh), "original");

  api->remove("/v3/backups/" + id, 202);
  EXPECT_EQ(shown(id)["status"], "deleting");
  EXPECT_EQ(work_on(id)["state"], "deleted");
  api->get("/v3/backups/" + id, 404);
  EXPECT_TRUE(blocks.list("backups")->empty());
}

TEST_F(VolumeBackupTest, IncrementsHangTogether) {
  make({{"incremental", true}}, 400);
  EXPECT_EQ(status(id_), "available") << "what is refused changes nothing";
  const std::string full = finished();
  ASSERT_TRUE(blocks.write(image_, 0, "changed!", 8).ok());
  const std::string increment = finished({{"incremental", true}});
  EXPECT_EQ(shown(increment)["is_incremental"], true);
  EXPECT_EQ(shown(full)["has_dependent_backups"], true);
  api->remove("/v3/backups/" + full, 400);
  restore(full, {{"volume_id", id_}});
  work_on(full);
  EXPECT_EQ(bytes_of(id_), "original");
  restore(increment, {{"volume_id", id_}});
  work_on(increment);
  EXPECT_EQ(bytes_of(id_), "changed!");
  api->remove("/v3/backups/" + increment, 202);
  work_on(increment);
  EXPECT_EQ(shown(full)["has_dependent_backups"], false);
  api->remove("/v3/backups/" + full, 202);
}

TEST_F(VolumeBackupTest, OfASnapshotAndOfAVolumeInUse) {
  const std::string snap = snapshot(id_);
  work("snapshot", snap);
  ASSERT_TRUE(blocks.write(image_, 0, "later on", 8).ok());
  set("status", "in-use");
  write([&](store::Tx& tx) {
    return tx.execute(
        "INSERT INTO volume_attachments (id, volume_id, server_id, status, created_us)"
        " VALUES ('a', ?, 's', 'attached', 1)",
        {id_});
  });
  make(Json::object(), 400);
  const std::string of_snapshot = make({{"snapshot_id", snap}});
  EXPECT_EQ(api->get("/v3/snapshots/" + snap)["snapshot"]["status"], "backing-up");
  EXPECT_EQ(status(id_), "in-use");
  api->remove("/v3/snapshots/" + snap, 400);
  work_on(of_snapshot);
  EXPECT_EQ(api->get("/v3/snapshots/" + snap)["snapshot"]["status"], "available");
  EXPECT_EQ(shown(of_snapshot)["snapshot_id"], snap);
  const std::string forced = finished({{"force", true}});
  EXPECT_EQ(status(id_), "in-use");
  EXPECT_EQ(bytes_of(restore(of_snapshot, Json::object()).empty() ? "" : id_), "later on");
  work_on(of_snapshot);
  const std::string copy = restore(forced, Json::object());
  work_on(forced);
  EXPECT_EQ(bytes_of(copy), "later on");
}

TEST_F(VolumeBackupTest, ADamagedOneIsRefusedAndSaysWhy) {
  const std::string id = finished();
  ASSERT_TRUE(blocks.write({"backups", "backup-" + id}, 2, "?", 1).ok());
  restore(id, {{"volume_id", id_}});
  EXPECT_EQ(work_on(id)["state"], "error");
  EXPECT_EQ(status(id_), "error_restoring");
  EXPECT_EQ(shown(id)["status"], "available");
  const std::string reason = shown(id)["fail_reason"];
  EXPECT_NE(reason.find("the checksum of extent 0"), std::string::npos) << reason;
  EXPECT_NE(api->get("/v3/messages").dump().find("restore backup: The backup is damaged"), std::string::npos);
}

TEST_F(VolumeBackupTest, EndsAtItsDeadline) {
  const std::string id = make();
  observe("backup", id, {{"task", "create"}, {"state", "retrying"}, {"error", {{"message", "no answer"}}}});
  EXPECT_EQ(shown(id)["status"], "creating");
  const auto expire = [&] {
    clock.advance_us(3'600'000'000);
    write([&](store::Tx& tx) { return expire_volumes(tx, clock.now_us()); });
  };
  expire();
  EXPECT_EQ(shown(id)["status"], "error");
  EXPECT_EQ(status(id_), "available");
  EXPECT_NE(shown(id)["fail_reason"].get<std::string>().find("no answer"), std::string::npos);
  observe("backup", id, {{"task", "create"}, {"state", "available"}});
  EXPECT_EQ(shown(id)["status"], "error") << "a late report";
  const std::string good = finished();
  const std::string target = restore(good, Json::object());
  expire();
  EXPECT_EQ(status(target), "error_restoring");
  EXPECT_EQ(shown(good)["status"], "available");
  api->remove("/v3/backups/" + id, 202);
  clock.advance_us(3'600'000'000);
  expire();
  EXPECT_EQ(shown(id)["status"], "error_deleting");
  api->remove("/v3/backups/" + id, 202);
}

TEST_F(VolumeBackupTest, RefusesBadInput) {
  make({{"volume_id", "x"}}, 400);
  make({{"volume_id", "00000000-0000-4000-8000-000000000000"}}, 404);
  make({{"container", "elsewhere"}}, 400);
  make({{"availability_zone", "moon"}}, 400);
  make({{"surprise", 1}}, 400);
  make({{"name", 1}}, 400);
  make({{"snapshot_id", "00000000-0000-4000-8000-000000000000"}}, 404);
  api->post("/v3/backups", {{"backup", Json::object()}}, 400);
  const std::string id = finished();
  restore(id, {{"volume_id", "x"}}, 400);
  restore(id, {{"surprise", 1}}, 400);
  set("size_gib", "0");
  restore(id, {{"volume_id", id_}}, 400);
  set("size_gib", "1");
  write([&](store::Tx& tx) {
    return tx.execute(
        "INSERT INTO volume_quotas (project_id, resource, limit_value) VALUES ('p1', 'backups', 1)", {});
  });
  make(Json::object(), 413);
  EXPECT_EQ(status(id_), "available");
  EXPECT_EQ(api->get("/v3/limits")["limits"]["absolute"]["totalBackupsUsed"], 1);
  api->post("/v3/backups/" + id + "/action", {{"os-reset_status", {{"status", "error"}}}}, 403);
  api->post("/v3/backups/" + id + "/action", {{"os-force_delete", Json::object()}}, 403);
  api->be("p2");
  api->get("/v3/backups/" + id, 404);
  api->remove("/v3/backups/" + id, 404);
  EXPECT_EQ(api->get("/v3/backups")["backups"].size(), 0U);
}

TEST_F(VolumeBackupTest, AdministratorsResetAndForce) {
  const std::string id = make();
  api->be("p1", true);
  api->post("/v3/backups/" + id + "/action", {{"os-reset_status", {{"status", "odd"}}}}, 400);
  api->post("/v3/backups/" + id + "/action", {{"os-reset_status", {{"status", "error"}}}}, 202);
  EXPECT_EQ(shown(id)["status"], "error");
  EXPECT_EQ(status(id_), "available");
  const std::string stuck = make();
  api->post("/v3/backups/" + stuck + "/action", {{"os-force_delete", Json::object()}}, 202);
  EXPECT_EQ(status(id_), "available");
  EXPECT_EQ(work_on(stuck)["state"], "deleted");
}

}  // namespace
}  // namespace hanok::volume

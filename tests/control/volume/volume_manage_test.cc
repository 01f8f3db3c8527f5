// Images made volumes, and volumes let go with their image kept.
#include "tests/control/volume/fixture.h"

namespace hanok::volume {
namespace {

constexpr const char* kHost = "node1@rbd#volumes";
const storage::ImageRef kImage{"volumes", "made-elsewhere"};

class ManageTest : public VolumeTest {
 protected:
  void SetUp() override {
    VolumeTest::SetUp();
    asker.reconciler = &reconciler;
    write([](store::Tx& tx) {
      return tx.execute(
          "INSERT INTO hosts (name, roles, vcpus, ram_mib, disk_gib, last_seen_us, details)"
          " VALUES ('node1', ?, 1, 1, 1, ?, '{}')",
          {Json::array({"volume"}), SystemClock{}.now_us()});
    });
    api->be("p1", true);
    EXPECT_TRUE(blocks.create(kImage, 4096).ok());
  }
  Json manage(const Json& more = Json::object(), int status = 202) {
    Json body = {{"host", kHost}, {"ref", {{"source-name", kImage.name}}}, {"name", "mine now"}};
    body.update(more);
    return api->post("/v3/p1/os-volume-manage", {{"volume", body}}, status);
  }
  Json listed(const std::string& query = "") {
    return api->get("/v3/p1/os-volume-manage/detail?host=node1@rbd%23volumes" + query)["manageable-volumes"];
  }
};

TEST_F(ManageTest, AnImageBecomesAVolumeWithItsBytes) {
  EXPECT_TRUE(blocks.write(kImage, 0, "bytes", 5).ok());
  const Json made = manage({{"bootable", true}, {"metadata", {{"a", "b"}}}})["volume"];
  const std::string id = made["id"];
  EXPECT_EQ(made["size"], 1);
  EXPECT_EQ(status(id), "creating");
  EXPECT_EQ(work("volume", id)["state"], "available");
  EXPECT_EQ(status(id), "available");
  EXPECT_EQ(show(id)["bootable"], "true");
  EXPECT_FALSE(blocks.info(kImage).ok());
  std::array<char, 5> bytes{};
  EXPECT_TRUE(blocks.read({"volumes", "volume-" + id}, 0, bytes.data(), bytes.size()).ok());
  EXPECT_EQ(std::string(bytes.data(), bytes.size()), "bytes");
}

TEST_F(ManageTest, AnAgentThatDiedAfterTheRenameFinishes) {
  const std::string id = manage()["volume"]["id"];
  EXPECT_TRUE(blocks.rename(kImage, "volume-" + id).ok());
  EXPECT_EQ(work("volume", id)["state"], "available");
  EXPECT_EQ(status(id), "available");
}

TEST_F(ManageTest, AnImageThatGoesMeanwhileIsAnErrorThatCanBeDeleted) {
  const std::string id = manage()["volume"]["id"];
  EXPECT_TRUE(blocks.remove(kImage).ok());
  work("volume", id);
  EXPECT_EQ(status(id), "error_managing");
  api->remove("/v3/p1/volumes/" + id, 202);
}

TEST_F(ManageTest, WrongReferencesAreRefusedAndChangeNothing) {
  manage({{"ref", {{"source-name", "absent"}}}}, 400);
  manage({{"ref", {{"source-id", "1"}}}}, 400);
  manage({{"ref", "made-elsewhere"}}, 400);
  manage({{"host", "elsewhere@rbd#volumes"}}, 404);
  manage({{"host", ""}}, 400);
  manage({{"volume_type", "no such type"}}, 404);
  manage({{"surprise", 1}}, 400);
  EXPECT_EQ(api->get("/v3/p1/volumes")["volumes"].size(), 0U);
  manage();
  manage(Json::object(), 400);  // it is to be a volume already
  asker.reconciler = nullptr;
  manage(Json::object(), 503);
  api->be("p1");
  manage(Json::object(), 403);
}

TEST_F(ManageTest, WhatIsInThePoolIsListedWithWhetherItCanBeManaged) {
  const std::string id = ready();
  EXPECT_TRUE(blocks.resize(kImage, (1U << 30U) + 1).ok());
  Json all = listed();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0]["reference"]["source-name"], kImage.name);
  EXPECT_EQ(all[0]["safe_to_manage"], true);
  EXPECT_EQ(all[0]["size"], 2);
  EXPECT_EQ(all[1]["safe_to_manage"], false);
  EXPECT_EQ(all[1]["reason_not_safe"], "already managed");
  EXPECT_EQ(all[1]["cinder_id"], id);
  EXPECT_EQ(listed("&limit=1&offset=1")[0]["cinder_id"], id);
  EXPECT_EQ(listed("&sort=reference:desc")[0]["cinder_id"], id);
  api->get("/v3/p1/os-volume-manage?host=node1@rbd%23volumes&sort=size", 400);
  api->get("/v3/p1/os-volume-manage", 400);
}

TEST_F(ManageTest, AnAgentIsAServiceForVolumesAndOneForBackups) {
  const auto services = [&](const std::string& query) {
    return api->get("/v3/os-services" + query)["services"];
  };
  EXPECT_EQ(services("").size(), 2U);
  EXPECT_EQ(services("?binary=cinder-backup")[0]["host"], "node1");
  EXPECT_EQ(services("?binary=cinder-backup")[0]["state"], "up");
  EXPECT_EQ(services("?host=node1@rbd")[0]["binary"], "cinder-volume");
  EXPECT_TRUE(services("?binary=cinder-scheduler").empty());
}

TEST_F(ManageTest, AVolumeThatIsLetGoLeavesItsImageWhichCanBeManagedAgain) {
  const std::string id = ready();
  snapshot(id);
  action(id, "os-unmanage", nullptr, 400);
  write([](store::Tx& tx) { return tx.execute("DELETE FROM snapshots"); });
  api->be("p1");
  action(id, "os-unmanage", nullptr, 403);
  api->be("p1", true);
  action(id, "os-unmanage", nullptr, 202);
  api->get("/v3/p1/volumes/" + id, 404);
  EXPECT_TRUE(blocks.info({"volumes", "volume-" + id}).ok());
  const std::string again = manage({{"ref", {{"source-name", "volume-" + id}}}})["volume"]["id"];
  work("volume", again);
  EXPECT_EQ(status(again), "available");
}

class ManageSnapshotTest : public ManageTest {
 protected:
  void SetUp() override {
    ManageTest::SetUp();
    id_ = ready();
    image_ = {"volumes", "volume-" + id_};
    EXPECT_TRUE(blocks.create_snapshot({image_, "nightly"}).ok());
  }
  Json manage_snapshot(const Json& more = Json::object(), int status = 202) {
    Json body = {{"volume_id", id_}, {"ref", {{"source-name", "nightly"}}}, {"name", "mine now"}};
    body.update(more);
    return api->post("/v3/p1/os-snapshot-manage", {{"snapshot", body}}, status);
  }
  std::string managed() { return manage_snapshot()["snapshot"]["id"]; }
  Json listed_snapshots(const std::string& query = "") {
    return api->get("/v3/p1/os-snapshot-manage/detail?host=node1@rbd%23volumes" +
                    query)["manageable-snapshots"];
  }
  std::string snapshot_status(const std::string& id) {
    return api->get("/v3/snapshots/" + id)["snapshot"]["status"];
  }
  void unmanage(const std::string& id, int status) {
    api->post("/v3/snapshots/" + id + "/action", {{"os-unmanage", nullptr}}, status);
  }
  void set_volume(const std::string& column, const std::string& value) {
    write([&](store::Tx& tx) {
      return tx.execute("UPDATE volumes SET " + column + " = ? WHERE id = ?", {value, id_});
    });
  }
  std::vector<std::string> names() { return blocks.info(image_)->snapshots; }

  std::string id_;
  storage::ImageRef image_;
};

TEST_F(ManageSnapshotTest, ASnapshotOfTheImageIsKnownByItsNewName) {
  const Json made = manage_snapshot({{"metadata", {{"a", "b"}}}})["snapshot"];
  const std::string id = made["id"];
  EXPECT_EQ(made["size"], 1);
  EXPECT_EQ(made["status"], "creating");
  EXPECT_EQ(made["metadata"], (Json{{"a", "b"}}));
  EXPECT_EQ(names(), std::vector<std::string>{"nightly"});
  // An agent that died after the renaming finishes.
  EXPECT_TRUE(reconciler.apply({.kind = "snapshot", .id = id, .object = render("snapshot", id)}).ok());
  EXPECT_EQ(work("snapshot", id)["state"], "available");
  EXPECT_EQ(snapshot_status(id), "available");
  EXPECT_EQ(names(), std::vector<std::string>{"snapshot-" + id});
  api->remove("/v3/snapshots/" + id, 202);
  work("snapshot", id);
  EXPECT_TRUE(names().empty());
}

TEST_F(ManageSnapshotTest, OneThatGoesMeanwhileIsAnErrorAndOthersStay) {
  const std::string id = managed();
  EXPECT_TRUE(blocks.remove_snapshot({image_, "nightly"}).ok());
  EXPECT_TRUE(blocks.create_snapshot({image_, "other"}).ok());
  work("snapshot", id);
  EXPECT_EQ(snapshot_status(id), "error");
  api->remove("/v3/snapshots/" + id, 202);
  work("snapshot", id);
  EXPECT_EQ(names(), std::vector<std::string>{"other"});
}

TEST_F(ManageSnapshotTest, WhatIsWrongIsRefusedAndChangesNothing) {
  manage_snapshot({{"ref", {{"source-name", "absent"}}}}, 400);
  manage_snapshot({{"ref", {{"source-id", "1"}}}}, 400);
  manage_snapshot({{"ref", nullptr}}, 400);
  manage_snapshot({{"volume_id", "no id"}}, 400);
  manage_snapshot({{"volume_id", nullptr}}, 400);
  manage_snapshot({{"volume_id", "00000000-0000-0000-0000-000000000000"}}, 404);
  manage_snapshot({{"surprise", 1}}, 400);
  for (const std::string name : {"clone-volume-x", "backup-x"}) {  // made for work that is under way
    EXPECT_TRUE(blocks.create_snapshot({image_, name}).ok());
    manage_snapshot({{"ref", {{"source-name", name}}}}, 400);
  }
  set_volume("status", "in-use");
  manage_snapshot(Json::object(), 400);
  set_volume("status", "available");
  set_volume("moved_from", "volumes-2");
  manage_snapshot(Json::object(), 400);
  set_volume("moved_from", "");
  api->put("/v3/p1/os-quota-sets/p1", {{"quota_set", {{"snapshots", 0}}}}, 200);
  manage_snapshot(Json::object(), 413);
  api->put("/v3/p1/os-quota-sets/p1", {{"quota_set", {{"snapshots", 10}}}}, 200);
  EXPECT_EQ(api->get("/v3/snapshots")["snapshots"].size(), 0U);
  const std::string id = managed();
  manage_snapshot(Json::object(), 400);  // it is to be one already
  work("snapshot", id);
  manage_snapshot({{"ref", {{"source-name", "snapshot-" + id}}}}, 400);
  asker.reconciler = nullptr;
  manage_snapshot(Json::object(), 503);
  api->be("p1");
  manage_snapshot(Json::object(), 403);
}

TEST_F(ManageSnapshotTest, WhatIsThereIsListedWithWhetherItCanBeManaged) {
  EXPECT_TRUE(blocks.create_snapshot({kImage, "foreign"}).ok());
  EXPECT_TRUE(blocks.create_snapshot({image_, "clone-volume-x"}).ok());
  const std::string known = snapshot(id_);
  work("snapshot", known);
  const Json all = listed_snapshots();
  ASSERT_EQ(all.size(), 4U);
  EXPECT_EQ(all[0]["source_reference"]["source-name"], kImage.name);
  EXPECT_EQ(all[0]["reason_not_safe"], "its volume is not managed");
  EXPECT_EQ(all[1]["reason_not_safe"], "used for a clone");
  EXPECT_EQ(all[2]["reference"]["source-name"], "nightly");
  EXPECT_EQ(all[2]["source_reference"]["source-name"], image_.name);
  EXPECT_EQ(all[2]["safe_to_manage"], true);
  EXPECT_EQ(all[2]["size"], 1);
  EXPECT_EQ(all[3]["cinder_id"], known);
  EXPECT_EQ(all[3]["safe_to_manage"], false);
  EXPECT_EQ(listed_snapshots("&limit=1&offset=2")[0]["reference"]["source-name"], "nightly");
  EXPECT_EQ(listed_snapshots("&sort=reference:desc")[0]["cinder_id"], known);
  const auto since_3_8 = [&](int status, const std::string& minor, const std::string& path) {
    return api->expect(status, http::Method::kGet, "/v3/manageable_snapshots" + path, nullptr,
                       {{"OpenStack-API-Version", "volume 3." + minor}});
  };
  since_3_8(404, "7", "?host=node1@rbd");
  const Json brief = since_3_8(200, "8", "?host=node1@rbd");
  EXPECT_FALSE(brief["manageable-snapshots"][0].contains("cinder_id"));
  since_3_8(200, "8", "/detail?host=node1@rbd");
  since_3_8(400, "8", "");
}

TEST_F(ManageSnapshotTest, ASnapshotThatIsLetGoStaysInTheImageAndCanBeManagedAgain) {
  const std::string id = snapshot(id_);
  unmanage(id, 400);  // it is being taken
  work("snapshot", id);
  api->be("p1");
  unmanage(id, 403);
  api->be("p1", true);
  const auto in_group = [&](const char* value) {
    write([&](store::Tx& tx) {
      return tx.execute(std::string("UPDATE snapshots SET group_snapshot_id = ") + value);
    });
  };
  in_group("'g'");
  unmanage(id, 400);
  in_group("NULL");
  unmanage(id, 202);
  api->get("/v3/snapshots/" + id, 404);
  unmanage(id, 404);
  EXPECT_TRUE(render("snapshot", id).is_null());
  EXPECT_EQ(names().size(), 2U);
  const std::string again = manage_snapshot({{"ref", {{"source-name", "snapshot-" + id}}}})["snapshot"]["id"];
  EXPECT_EQ(work("snapshot", again)["state"], "available");
  EXPECT_EQ(names(), (std::vector<std::string>{"nightly", "snapshot-" + again}));
}

}  // namespace
}  // namespace hanok::volume

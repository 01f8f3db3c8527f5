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

}  // namespace
}  // namespace hanok::volume

// Revert to snapshot: what is refused changes nothing, and what is begun ends.
#include "tests/control/volume/fixture.h"

namespace hanok::volume {
namespace {

class VolumeRevertTest : public VolumeTest {
 protected:
  void SetUp() override {
    VolumeTest::SetUp();
    id_ = ready();
    old_ = snapshot(id_);
    work("snapshot", old_);
    newest_ = snapshot(id_);
    work("snapshot", newest_);
  }
  std::string snapshot_status(const std::string& id) {
    return api->get("/v3/snapshots/" + id)["snapshot"]["status"];
  }
  void revert(const std::string& volume_id, const Json& argument, int code, const char* version = "3.40") {
    api->expect(code, http::Method::kPost, "/v3/volumes/" + volume_id + "/action", {{"revert", argument}},
                {{"OpenStack-API-Version", std::string("volume ") + version}});
  }
  void revert(const std::string& snapshot_id, int code) { revert(id_, {{"snapshot_id", snapshot_id}}, code); }
  std::string id_, old_, newest_;
};

TEST_F(VolumeRevertTest, GivesTheBytesOfTheNewestSnapshot) {
  const storage::ImageRef image{"volumes", "volume-" + id_};
  ASSERT_TRUE(blocks.write(image, 0, "spoilt", 6).ok());
  // A volume of this test has a few bytes only: growing it to its GiB is not what is tried here.
  write([&](store::Tx& tx) { return tx.execute("UPDATE volumes SET wanted_gib = 0 WHERE id = ?", {id_}); });
  revert(newest_, 202);
  EXPECT_EQ(status(id_), "reverting");
  EXPECT_EQ(snapshot_status(newest_), "restoring");
  api->remove("/v3/snapshots/" + newest_, 400);
  api->remove("/v3/p1/volumes/" + id_, 400);
  revert(newest_, 409);
  EXPECT_EQ(work("volume", id_)["state"], "available");
  EXPECT_EQ(status(id_), "available");
  EXPECT_EQ(snapshot_status(newest_), "available");
  std::string bytes(6, '?');
  ASSERT_TRUE(blocks.read(image, 0, bytes.data(), 6).ok());
  EXPECT_EQ(bytes, std::string(6, '\0'));
}

TEST_F(VolumeRevertTest, RefusesAllElse) {
  revert(old_, 400);
  revert("", 400);
  revert(id_, Json::object(), 400);
  revert(id_, {{"snapshot_id", newest_}}, 400, "3.39");
  revert(ready(), {{"snapshot_id", newest_}}, 400);
  write([&](store::Tx& tx) { return begin_attach(tx, id_, "server", "node1", "", clock.now_us()); });
  revert(newest_, 409);
  api->be("p2");
  revert(newest_, 404);
  api->be("p1");
  EXPECT_EQ(status(id_), "attaching");
  EXPECT_EQ(snapshot_status(newest_), "available");
}

TEST_F(VolumeRevertTest, AFailureAndADeadlineFreeTheSnapshot) {
  revert(newest_, 202);
  observe("volume", id_,
          {{"task", "revert"}, {"state", "error"}, {"error", {{"message", "no such snapshot"}}}});
  EXPECT_EQ(status(id_), "error");
  EXPECT_EQ(snapshot_status(newest_), "available");
  EXPECT_EQ(api->get("/v3/messages")["messages"][0]["user_message"], "revert volume: no such snapshot");
  write([&](store::Tx& tx) {
    return tx.execute("UPDATE volumes SET status = 'available' WHERE id = ?", {id_});
  });
  revert(newest_, 202);
  clock.advance_us(4LL * 3'600'000'000);
  write([&](store::Tx& tx) { return expire_volumes(tx, clock.now_us()); });
  EXPECT_EQ(status(id_), "error");
  EXPECT_EQ(snapshot_status(newest_), "available");
}

}  // namespace
}  // namespace hanok::volume

// A volume's life: request, agent, report; and what happens when one of them fails.
#include "storage/operations/operations.h"
#include "tests/control/volume/fixture.h"

namespace hanok::volume {
namespace {

constexpr std::int64_t kHour_us = 3'600'000'000;

TEST_F(VolumeTest, AgentSeesAVolumeOnlyWhileThereIsWork) {
  const std::string id = create();
  const Json object = render("volume", id);
  EXPECT_EQ(object["task"], "create");
  EXPECT_EQ(object["image"], "volume-" + id);
  EXPECT_EQ(object["wanted"], "present");
  observe("volume", id, {{"task", "create"}, {"state", "available"}, {"size_gib", 1}});
  EXPECT_EQ(status(id), "available");
  EXPECT_TRUE(render("volume", id).is_null());
  observe("volume", id, {{"task", "create"}, {"state", "available"}, {"size_gib", 1}});  // doubled: no change
  EXPECT_EQ(status(id), "available");
}

TEST_F(VolumeTest, LateReportsOfAnEarlierWishAreIgnored) {
  const std::string id = ready();
  api->remove("/v3/p1/volumes/" + id, 202);
  observe("volume", id, {{"task", "create"}, {"state", "error"}, {"error", {{"message", "old"}}}});
  EXPECT_EQ(status(id), "deleting");
  observe("volume", "unknown", {{"task", "create"}, {"state", "available"}});
}

TEST_F(VolumeTest, DeletesToTheEnd) {
  const std::string id = ready();
  api->remove("/v3/p1/volumes/" + id, 202);
  api->remove("/v3/p1/volumes/" + id, 202);
  EXPECT_EQ(work("volume", id)["state"], "deleted");
  api->get("/v3/p1/volumes/" + id, 404);
  EXPECT_FALSE(blocks.info({"volumes", "volume-" + id}).ok());
}

TEST_F(VolumeTest, FailureHasItsCauseInTheMessages) {
  const std::string id = create();
  observe("volume", id,
          {{"task", "create"}, {"state", "error"}, {"error", {{"message", "the pool is full"}}}});
  EXPECT_EQ(status(id), "error");
  const Json messages = api->get("/v3/messages")["messages"];
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_EQ(messages[0]["user_message"], "create volume: the pool is full");
  EXPECT_EQ(messages[0]["resource_uuid"], id);
}

TEST_F(VolumeTest, DeadlinesEndTransientStates) {
  const std::string creating = create();
  const std::string extending = ready();
  action(extending, "os-extend", {{"new_size", 2}}, 202);
  const std::string deleting = ready();
  api->remove("/v3/p1/volumes/" + deleting, 202);
  observe("volume", deleting,
          {{"task", "delete"}, {"state", "retrying"}, {"error", {{"message", "Ceph is away"}}}});
  write([&](store::Tx& tx) { return expire_volumes(tx, clock.now_us()); });
  EXPECT_EQ(status(creating), "creating");
  clock.advance_us(kHour_us);
  write([&](store::Tx& tx) { return expire_volumes(tx, clock.now_us()); });
  EXPECT_EQ(status(creating), "error");
  EXPECT_EQ(status(extending), "error_extending");
  EXPECT_EQ(status(deleting), "error_deleting");
  EXPECT_TRUE(render("volume", creating).is_null());
  std::string all;
  const Json body = api->get("/v3/messages");
  for (const auto& one : body["messages"]) all += one["user_message"].get<std::string>() + "\n";
  EXPECT_NE(all.find("Ceph is away"), std::string::npos) << all;
  EXPECT_NE(all.find("no volume agent"), std::string::npos) << all;
  api->remove("/v3/p1/volumes/" + deleting, 202);  // and may be tried again
  EXPECT_EQ(status(deleting), "deleting");
}

TEST_F(VolumeTest, SnapshotsComeAndGo) {
  const std::string id = ready();
  const std::string snap = snapshot(id);
  EXPECT_EQ(work("snapshot", snap)["state"], "available");
  EXPECT_EQ(api->get("/v3/snapshots/" + snap)["snapshot"]["status"], "available");
  api->remove("/v3/p1/volumes/" + id, 400);  // it has a snapshot
  const Json clone = render("volume", create({{"snapshot_id", snap}, {"size", nullptr}}));
  EXPECT_EQ(clone["source"]["type"], "snapshot");
  EXPECT_EQ(clone["source"]["snapshot"], "snapshot-" + snap);
  create({{"snapshot_id", snap}, {"imageRef", snap}}, 400);
  api->remove("/v3/snapshots/" + snap, 202);
  EXPECT_EQ(work("snapshot", snap)["state"], "deleted");
  api->get("/v3/snapshots/" + snap, 404);
}

TEST_F(VolumeTest, CascadeTakesTheSnapshotsAlong) {
  const std::string id = ready();
  const std::string snap = snapshot(id);
  work("snapshot", snap);
  api->remove("/v3/p1/volumes/" + id + "?cascade=True", 202);
  EXPECT_EQ(work("volume", id)["state"], "deleted");
  api->get("/v3/snapshots/" + snap, 404);
}

TEST_F(VolumeTest, ExtendGrowsOnly) {
  const std::string id = ready();
  for (const Json& size : {Json(1), Json(0), Json("x"), Json()})
    action(id, "os-extend", {{"new_size", size}}, 400);
  action(id, "os-extend", {{"new_size", 3}}, 202);
  EXPECT_EQ(show(id)["size"], 1);
  observe("volume", id, {{"task", "extend"}, {"state", "available"}, {"size_gib", 2}});
  EXPECT_EQ(status(id), "extending");
  observe("volume", id, {{"task", "extend"}, {"state", "available"}, {"size_gib", 3}});
  EXPECT_EQ(status(id), "available");
  EXPECT_EQ(show(id)["size"], 3);
}

TEST_F(VolumeTest, UploadBecomesAnImage) {
  const std::string id = ready();
  const std::string image =
      action(id, "os-volume_upload_image", {{"image_name", "up"}}, 202)["os-volume_upload_image"]["image_id"];
  EXPECT_EQ(status(id), "uploading");
  EXPECT_EQ(work("volume", id)["uploaded"], image);
  EXPECT_EQ(status(id), "available");
  auto view = database->read([&](store::Tx& tx) { return image::find_image(tx, image, "p1", false); });
  EXPECT_EQ(view->status, "active");
  EXPECT_EQ(view->size_bytes, 8);
  // The image is whole: a volume can be made from it.
  EXPECT_EQ(work("volume", create({{"imageRef", image}, {"size", nullptr}}, 400)), Json());
  EXPECT_EQ(show(create({{"imageRef", image}}))["bootable"], "true");
}

// However it ends otherwise, the image does not stay half made, nor the snapshot that it was copied from.
TEST_F(VolumeTest, AnUploadThatIsNotFinishedLeavesNothing) {
  using End = std::function<void(const std::string&)>;
  api->be("p1", true);
  const End deadline = [&](const std::string&) {
    clock.advance_us(48 * kHour_us);
    write([&](store::Tx& tx) { return expire_volumes(tx, clock.now_us()); });
  };
  const End error = [&](const std::string& id) {
    observe("volume", id, {{"task", "upload"}, {"state", "error"}, {"error", {{"message", "no"}}}});
  };
  const End reset = [&](const std::string& id) {
    action(id, "os-reset_status", {{"status", "available"}}, 202);
  };
  const End removal = [&](const std::string& id) { action(id, "os-force_delete", Json::object(), 202); };
  for (const End& end : {deadline, error, reset, removal}) {
    const std::string id = ready();
    const std::string image = action(id, "os-volume_upload_image", {{"image_name", "up"}},
                                     202)["os-volume_upload_image"]["image_id"];
    const storage::SnapshotRef source =
        storage::clone_snapshot({"volumes", "volume-" + id}, {"images", image});
    ASSERT_TRUE(blocks.create_snapshot(source).ok());
    end(id);
    EXPECT_NE(status(id), "uploading");
    auto view = database->read([&](store::Tx& tx) { return image::find_image(tx, image, "p1", true); });
    EXPECT_EQ(view->status, "killed");
    image::empty_trash(*database, &blocks);
    EXPECT_TRUE(blocks.info(source.image)->snapshots.empty());
  }
}

TEST_F(VolumeTest, AttachAndDetachForTheComputeService) {
  const std::string id = ready();
  const auto touched = [&] {
    auto row = database->read([](store::Tx& tx) {
      return tx.query_one("SELECT generation FROM changes WHERE kind = 'instance' AND id = 'server'");
    });
    return row.ok() && row->has_value() ? (*row)->integer("generation") : 0;
  };
  write([&](store::Tx& tx) { return begin_attach(tx, id, "server", "node1", "/dev/vdb", clock.now_us()); });
  EXPECT_EQ(status(id), "attaching");
  EXPECT_GT(touched(), 0);
  const auto twice = database->write(
      [&](store::Tx& tx) { return begin_attach(tx, id, "other", "node1", "", clock.now_us()); });
  ASSERT_FALSE(twice.ok());
  EXPECT_EQ(twice.error().code, ErrorCode::kConflict);
  write([&](store::Tx& tx) { return complete_attach(tx, id, "server", clock.now_us()); });
  EXPECT_EQ(status(id), "in-use");
  EXPECT_EQ(show(id)["attachments"][0]["server_id"], "server");
  action(id, "os-detach", Json::object(), 409);  // the guest still has it
  action(id, "os-begin_detaching", Json::object(), 409);
  api->remove("/v3/p1/volumes/" + id, 400);
  write([&](store::Tx& tx) { return begin_detach(tx, id, "server", clock.now_us()); });
  EXPECT_EQ(status(id), "detaching");
  EXPECT_FALSE(
      database->write([&](store::Tx& tx) { return begin_detach(tx, id, "server", clock.now_us()); }).ok());
  write([&](store::Tx& tx) { return complete_detach(tx, id, "server", clock.now_us()); });
  EXPECT_EQ(status(id), "available");
}

TEST_F(VolumeTest, GoesWithItsServerUnlessItIsNeeded) {
  const auto end = [&](const std::string& id) {
    write([&](store::Tx& tx) { return delete_with_server(tx, id, clock.now_us()); });
    return status(id);
  };
  EXPECT_EQ(end(ready()), "deleting");
  EXPECT_EQ(end(create({{"size", 1}})), "deleting");  // still creating
  const std::string used = ready();
  write([&](store::Tx& tx) { return begin_attach(tx, used, "other", "node1", "", clock.now_us()); });
  EXPECT_EQ(end(used), "attaching");
  write([&](store::Tx& tx) { return complete_attach(tx, used, "other", clock.now_us()); });
  EXPECT_EQ(end(used), "in-use");
  const std::string kept = ready();
  api->post("/v3/p1/snapshots", {{"snapshot", {{"volume_id", kept}}}}, 202);
  EXPECT_EQ(end(kept), "available");
  write([&](store::Tx& tx) { return delete_with_server(tx, "unknown", clock.now_us()); });
}

TEST_F(VolumeTest, AStatusThatIsMerelySetStartsNothing) {
  const std::string id = ready();
  action(id, "os-reset_status", {{"status", "error"}}, 403);
  api->be("admin", true);
  api->post("/v3/volumes/" + id + "/action", {{"os-reset_status", {{"status", "deleting"}}}}, 202);
  api->post("/v3/volumes/" + id + "/action", {{"os-reset_status", {{"status", "strange"}}}}, 400);
  EXPECT_TRUE(render("volume", id).is_null());
}

TEST_F(VolumeTest, ReadonlyBootableAndImageMetadata) {
  const std::string id = ready();
  action(id, "os-update_readonly_flag", {{"readonly", true}}, 202);
  EXPECT_EQ(show(id)["metadata"]["readonly"], "True");
  action(id, "os-set_bootable", {{"bootable", true}}, 200);
  EXPECT_EQ(show(id)["bootable"], "true");
  action(id, "os-set_image_metadata", {{"metadata", {{"a", "b"}}}}, 200);
  EXPECT_EQ(show(id)["volume_image_metadata"], Json({{"a", "b"}}));
  action(id, "os-unset_image_metadata", {{"key", "a"}}, 200);
  action(id, "os-unset_image_metadata", {{"key", "a"}}, 404);
  action(id, "os-unheard-of", Json::object(), 400);
}

}  // namespace
}  // namespace hanok::volume

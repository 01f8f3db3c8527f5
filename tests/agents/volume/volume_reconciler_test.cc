#include "agents/volume/volume_reconciler.h"

#include "storage/block/memory_store.h"
#include "tests/storage/block/store_contract.h"

namespace hanok::agent {
namespace {

class NoConverter final : public storage::Converter {
 public:
  Status convert(const storage::SnapshotRef&, const std::string&, const storage::ImageRef&) override {
    return bad_request("not in this test");
  }
};

class VolumeReconcilerTest : public ::testing::Test {
 protected:
  Json apply(const std::string& kind, Json object) {
    auto outcome = reconciler_.apply({.kind = kind, .id = "v1", .object = std::move(object)});
    EXPECT_TRUE(outcome.ok());
    again_after_ms_ = outcome->again_after_ms;
    return outcome->observed;
  }
  static Json volume(const std::string& task) {
    return {{"task", task},
            {"pool", "volumes"},
            {"image", "volume-v1"},
            {"size_gib", 0},
            {"source", {{"type", "none"}}},
            {"wanted", task == "delete" ? "absent" : "present"},
            {"upload", nullptr},
            {"request_id", "req-1"}};
  }

  storage::MemoryStore store_;
  NoConverter converter_;
  VolumeReconciler reconciler_{store_, converter_};
  std::optional<std::int64_t> again_after_ms_;
};

TEST_F(VolumeReconcilerTest, CreatesAndDeletesAndEchoesTheTask) {
  Json observed = apply("volume", volume("create"));
  EXPECT_EQ(observed["state"], "available");
  EXPECT_EQ(observed["task"], "create");
  EXPECT_TRUE(storage::has(store_, {"volumes", "volume-v1"}));
  EXPECT_EQ(apply("volume", volume("create"))["state"], "available");
  EXPECT_EQ(apply("volume", volume("delete"))["state"], "deleted");
  EXPECT_FALSE(storage::has(store_, {"volumes", "volume-v1"}));
  EXPECT_EQ(apply("volume", volume("delete"))["state"], "deleted");
}

TEST_F(VolumeReconcilerTest, BringsLimitsAboutAndNeverInheritsThem) {
  const Json limits = {{"iops", {{"rate", 200}, {"burst", 400}}}, {"read_bps", {{"rate", 1048576}}}};
  const storage::ImageRef image{"volumes", "volume-v1"};
  Json object = volume("create");
  object["limits"] = limits;
  EXPECT_EQ(apply("volume", object)["limits"], limits);
  EXPECT_EQ(store_.limits_of(image), (storage::Limits{{"iops", {200, 400}}, {"read_bps", {1048576, 0}}}));
  ASSERT_TRUE(store_.create_snapshot({image, "s"}).ok());
  Json clone = volume("create");
  clone["image"] = "volume-v2";
  clone["source"] = {{"type", "snapshot"}, {"pool", "volumes"}, {"image", "volume-v1"}, {"snapshot", "s"}};
  EXPECT_EQ(apply("volume", clone)["state"], "available");
  EXPECT_TRUE(store_.limits_of({"volumes", "volume-v2"}).empty());
  object = volume("upload");
  object["upload"] = {{"image_id", "i"}, {"pool", "images"}, {"name", "i"}};
  EXPECT_EQ(apply("volume", object)["state"], "available");
  EXPECT_TRUE(store_.limits_of({"images", "i"}).empty());
  EXPECT_FALSE(store_.limits_of(image).empty());
  EXPECT_EQ(apply("volume", volume("limit"))["limits"], Json::object());
  EXPECT_TRUE(store_.limits_of(image).empty());
  for (const Json& bad :
       {Json{{"speed", {{"rate", 1}}}}, Json{{"iops", {{"rate", -1}}}}, Json{{"iops", 5}}}) {
    object = volume("limit");
    object["limits"] = bad;
    EXPECT_EQ(apply("volume", object)["state"], "error") << dump_json(bad);
  }
}

TEST_F(VolumeReconcilerTest, TakesAndRemovesSnapshots) {
  apply("volume", volume("create"));
  const Json create = {
      {"task", "create"}, {"pool", "volumes"}, {"image", "volume-v1"}, {"snapshot", "snapshot-1"}};
  EXPECT_EQ(apply("snapshot", create)["state"], "available");
  EXPECT_EQ(store_.info({"volumes", "volume-v1"})->snapshots.size(), 1U);
  Json remove = create;
  remove["task"] = "delete";
  EXPECT_EQ(apply("snapshot", remove)["state"], "deleted");
  EXPECT_TRUE(store_.info({"volumes", "volume-v1"})->snapshots.empty());
}

TEST_F(VolumeReconcilerTest, ADeadClusterIsTriedAgainWithItsCauseReported) {
  store_.fail_after(0);
  const Json observed = apply("volume", volume("create"));
  EXPECT_EQ(observed["state"], "retrying");
  EXPECT_EQ(observed["error"]["message"], "The storage cluster does not answer.");
  EXPECT_TRUE(again_after_ms_.has_value());
  store_.heal();
  EXPECT_EQ(apply("volume", volume("create"))["state"], "available");
}

TEST_F(VolumeReconcilerTest, WhatCannotComeRightIsAnErrorAtOnce) {
  Json object = volume("create");
  object["source"] = {{"type", "snapshot"}, {"pool", "volumes"}, {"image", "gone"}, {"snapshot", "s"}};
  const Json observed = apply("volume", object);
  EXPECT_EQ(observed["state"], "error");
  EXPECT_FALSE(again_after_ms_.has_value());
  EXPECT_EQ(apply("volume", {{"task", "create"}})["state"], "error");
}

TEST_F(VolumeReconcilerTest, AManagedImageGetsTheVolumesNameAlsoWhenItHasItAlready) {
  ASSERT_TRUE(store_.create({"volumes", "there"}, 4096).ok());
  Json object = volume("create");
  object["source"] = {{"type", "manage"}, {"pool", "volumes"}, {"image", "there"}};
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(apply("volume", object)["state"], "available");
    EXPECT_TRUE(storage::has(store_, {"volumes", "volume-v1"}));
    EXPECT_FALSE(storage::has(store_, {"volumes", "there"}));
  }
}

TEST_F(VolumeReconcilerTest, SaysWhichImagesThereAre) {
  for (const char* name : {"b", "a", "c"}) ASSERT_TRUE(store_.create({"volumes", name}, 4096).ok());
  const auto ask = [&](Json params) {
    params["pool"] = "volumes";
    std::string names;
    const auto answer = reconciler_.answer("volume_images", params);
    if (!answer || !answer->ok()) return std::string("refused");
    for (const Json& image : (**answer)["images"]) names += image.value("name", "");
    return names;
  };
  EXPECT_EQ(ask(Json::object()), "abc");
  EXPECT_EQ(ask({{"descending", true}}), "cba");
  EXPECT_EQ(ask({{"offset", 1}, {"limit", 1}}), "b");
  EXPECT_EQ(ask({{"offset", 9}}), "");
  EXPECT_EQ(ask({{"offset", -9}, {"limit", -9}}), "");
  EXPECT_EQ(ask({{"name", "b"}}), "b");
  EXPECT_EQ(ask({{"name", "d"}}), "refused");
  EXPECT_FALSE(reconciler_.answer("console_log", Json::object()));
}

TEST_F(VolumeReconcilerTest, SaysWhichSnapshotsThereAre) {
  for (const char* name : {"b", "a"}) ASSERT_TRUE(store_.create({"volumes", name}, 4096).ok());
  ASSERT_TRUE(store_.create_snapshot({{"volumes", "a"}, "2"}).ok());
  ASSERT_TRUE(store_.create_snapshot({{"volumes", "a"}, "1"}).ok());
  ASSERT_TRUE(store_.create_snapshot({{"volumes", "b"}, "1"}).ok());
  const auto ask = [&](Json params) {
    params["pool"] = "volumes";
    std::string names;
    const auto answer = reconciler_.answer("volume_snapshots", params);
    if (!answer || !answer->ok()) return std::string("refused");
    for (const Json& one : (**answer)["snapshots"]) names += one.value("image", "") + one.value("name", "");
    return names;
  };
  EXPECT_EQ(ask(Json::object()), "a1a2b1");
  EXPECT_EQ(ask({{"descending", true}}), "b1a2a1");
  EXPECT_EQ(ask({{"offset", 1}, {"limit", 1}}), "a2");
  EXPECT_EQ(ask({{"offset", 9}}), "");
  EXPECT_EQ(ask({{"image", "a"}, {"name", "2"}}), "a2");
  EXPECT_EQ(ask({{"image", "a"}, {"name", "3"}}), "");
  EXPECT_EQ(ask({{"image", "c"}, {"name", "1"}}), "refused");
}

TEST_F(VolumeReconcilerTest, NothingIsDoneForAnObjectThatIsNotWanted) {
  EXPECT_TRUE(apply("volume", nullptr).is_null());
}

TEST_F(VolumeReconcilerTest, SnapshotsOfAGroupComeAndGoTogether) {
  const std::vector<storage::ImageRef> images = {{"volumes", "volume-a"}, {"volumes", "volume-b"}};
  Json object = {{"task", "create"}, {"snapshots", Json::array()}, {"request_id", "req-1"}};
  EXPECT_EQ(apply("group_snapshot", object)["state"], "error");  // of nothing
  for (const auto& image : images) {
    object["snapshots"].push_back({{"pool", image.pool}, {"image", image.name}, {"snapshot", "snapshot-1"}});
  }
  EXPECT_EQ(apply("group_snapshot", object)["state"], "error");  // an image is missing
  for (const auto& image : images) ASSERT_TRUE(store_.create(image, 8).ok());
  EXPECT_EQ(apply("group_snapshot", object)["state"], "available");
  EXPECT_EQ(apply("group_snapshot", object)["state"], "available");
  for (const auto& image : images) EXPECT_EQ(store_.info(image)->snapshots.size(), 1U);
  object["task"] = "delete";
  EXPECT_EQ(apply("group_snapshot", object)["state"], "deleted");
  EXPECT_EQ(apply("group_snapshot", object)["state"], "deleted");
  for (const auto& image : images) EXPECT_TRUE(store_.info(image)->snapshots.empty());
  store_.fail_after(0);
  object["task"] = "create";
  EXPECT_EQ(apply("group_snapshot", object)["state"], "retrying");
}

}  // namespace
}  // namespace hanok::agent

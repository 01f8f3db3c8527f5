#include "control/image/image.h"

#include "control/image/digest.h"
#include "storage/block/memory_store.h"
#include "storage/operations/operations.h"
#include "tests/control/api_caller.h"

namespace hanok::image {
namespace {

using http::Method;

const http::Headers kOctets = {{"Content-Type", "application/octet-stream"}};
const http::Headers kPatch = {{"Content-Type", "application/openstack-images-v2.1-json-patch"}};

class ImageTest : public ::testing::Test {
 protected:
  void SetUp() override {
    database_ = std::move(store::open_database(":memory:", {image_module()})).value();
    api_ = std::make_unique<ApiCaller>(image_service(*database_, clock_, &blocks_));
    api_->be("p1");
  }
  std::string create(const Json& more = Json::object()) {
    Json body = {{"name", "i"}, {"disk_format", "raw"}, {"container_format", "bare"}};
    body.update(more);
    clock_.advance_us(1'000'000);
    return api_->post("/v2/images", body, 201)["id"];
  }
  int upload(const std::string& id, const std::string& bytes, std::optional<std::size_t> good = {}) {
    TextBody body(bytes, good);
    return api_->call(Method::kPut, "/v2/images/" + id + "/file", nullptr, kOctets, &body).status;
  }
  Json image(const std::string& id) { return api_->get("/v2/images/" + id); }
  Json patch(const std::string& id, const Json& operations, int status) {
    return api_->expect(status, Method::kPatch, "/v2/images/" + id, operations, kPatch);
  }
  std::vector<std::string> names(const std::string& query) {
    std::vector<std::string> out;
    const Json body = api_->get("/v2/images" + query);
    for (const auto& one : body["images"]) out.push_back(one["name"]);
    return out;
  }
  // One whose bytes somebody else writes.
  std::string record(const std::string& name, const Json& properties = {}) {
    auto made = database_->write(
        [&](store::Tx& tx) { return create_image_record(tx, name, "p1", properties, clock_.now_us()); });
    EXPECT_TRUE(made.ok());
    return made.ok() ? *made : "";
  }
  bool in_pool(const std::string& id) { return blocks_.info({"images", id}).ok(); }

  ManualClock clock_;
  storage::MemoryStore blocks_;
  std::unique_ptr<store::Database> database_;
  std::unique_ptr<ApiCaller> api_;
};

TEST_F(ImageTest, BytesGoInAndComeOut) {
  const std::string id = create();
  EXPECT_EQ(image(id)["status"], "queued");
  EXPECT_EQ(api_->call(Method::kGet, "/v2/images/" + id + "/file").status, 204);
  const std::string bytes(10'000, 'x');
  EXPECT_EQ(upload(id, bytes), 204);
  const Json shown = image(id);
  EXPECT_EQ(shown["status"], "active");
  EXPECT_EQ(shown["size"], 10'000);
  EXPECT_EQ(shown["virtual_size"], 10'000);
  EXPECT_EQ(shown["checksum"], "b567fcb68d8555227123ab87e255872e");
  EXPECT_EQ(shown["os_hash_algo"], "sha512");
  EXPECT_EQ(shown["os_hash_value"].get<std::string>().size(), 128U);
  EXPECT_EQ(blocks_.info({"images", id})->snapshots, std::vector<std::string>{"snap"});
  const auto response = api_->call(Method::kGet, "/v2/images/" + id + "/file");
  EXPECT_EQ(response.source_bytes, 10'000U);
  EXPECT_EQ(read_all(response.source), bytes);
  EXPECT_EQ(upload(id, bytes), 409) << "the bytes of an image never change";
}

TEST_F(ImageTest, AnUploadThatBreaksOffLeavesNothing) {
  const std::string id = create();
  EXPECT_EQ(upload(id, std::string(5000, 'x'), 3000), 400);
  EXPECT_EQ(image(id)["status"], "queued");
  EXPECT_FALSE(in_pool(id));
  blocks_.fail_after(2);  // the cluster dies in the middle
  EXPECT_EQ(upload(id, std::string(5000, 'x')), 503);
  blocks_.heal();
  EXPECT_EQ(image(id)["status"], "queued");
  EXPECT_EQ(upload(id, "whole"), 204) << "and what could not be removed then does not stand in the way";
  EXPECT_EQ(image(id)["size"], 5);
}

TEST_F(ImageTest, AnUploadThatACrashCutOffMayBeRepeated) {
  const std::string id = create();
  ASSERT_TRUE(
      database_->write([&](store::Tx& tx) { return tx.execute("UPDATE images SET status = 'saving'"); })
          .ok());
  ASSERT_TRUE(blocks_.create({"images", id}, 100).ok());
  api_ = std::make_unique<ApiCaller>(image_service(*database_, clock_, &blocks_));
  api_->be("p1");
  EXPECT_EQ(upload(id, "bytes"), 204);
  EXPECT_EQ(image(id)["size"], 5);
}

TEST_F(ImageTest, WithoutAClusterUploadsAreUnavailable) {
  ApiCaller api(image_service(*database_, clock_, nullptr));
  api.be("p1");
  TextBody body("x");
  EXPECT_EQ(api.call(Method::kPut, "/v2/images/" + create() + "/file", nullptr, kOctets, &body).status, 503);
}

TEST_F(ImageTest, DeletedBytesGoWhenTheClusterIsBack) {
  const std::string first = create();
  ASSERT_EQ(upload(first, "bytes"), 204);
  blocks_.fail_after(0);
  api_->remove("/v2/images/" + first, 204);
  api_->get("/v2/images/" + first, 404);
  blocks_.heal();
  EXPECT_TRUE(in_pool(first));
  api_->remove("/v2/images/" + create(), 204);
  EXPECT_FALSE(in_pool(first));
  api_->post("/v2/images", {{"id", first}}, 409);  // an id is never used twice
}

TEST_F(ImageTest, ProtectedImagesStay) {
  const std::string id = create({{"protected", true}});
  api_->remove("/v2/images/" + id, 403);
  patch(id, Json::array({{{"op", "replace"}, {"path", "/protected"}, {"value", false}}}), 200);
  api_->remove("/v2/images/" + id, 204);
}

TEST_F(ImageTest, RefusesBadFields) {
  api_->post("/v2/images", {{"disk_format", "wrong"}}, 400);
  api_->post("/v2/images", {{"container_format", "wrong"}}, 400);
  api_->post("/v2/images", {{"name", std::string(256, 'n')}}, 400);
  api_->post("/v2/images", {{"min_disk", -1}}, 400);
  api_->post("/v2/images", {{"own", 5}}, 400);
  api_->post("/v2/images", {{"id", "no-uuid"}}, 400);
  api_->post("/v2/images", {{"status", "active"}}, 403);
  api_->post("/v2/images", {{"visibility", "public"}}, 403);
  api_->post("/v2/images", {{"owner", "p2"}}, 403);
  EXPECT_TRUE(names("").empty());
}

TEST_F(ImageTest, PatchesFieldsAndProperties) {
  const std::string id = create({{"color", "red"}});
  const Json shown = patch(id,
                           Json::array({{{"op", "replace"}, {"path", "/name"}, {"value", "new"}},
                                        {{"op", "add"}, {"path", "/a~1b"}, {"value", "c"}},
                                        {{"op", "remove"}, {"path", "/color"}}}),
                           200);
  EXPECT_EQ(shown["name"], "new");
  EXPECT_EQ(shown["a/b"], "c");
  EXPECT_FALSE(shown.contains("color"));
  patch(id, Json::array({{{"op", "remove"}, {"path", "/color"}}}), 409);
  patch(id, Json::array({{{"op", "replace"}, {"path", "/status"}, {"value", "active"}}}), 403);
  patch(id, Json::array({{{"op", "move"}, {"path", "/name"}, {"value", "x"}}}), 400);
  patch(id, Json::array({{{"op", "replace"}, {"path", "name"}, {"value", "x"}}}), 400);
  // All or nothing.
  patch(id,
        Json::array(
            {{{"op", "replace"}, {"path", "/name"}, {"value", "x"}}, {{"op", "remove"}, {"path", "/no"}}}),
        409);
  EXPECT_EQ(image(id)["name"], "new");
  api_->expect(415, Method::kPatch, "/v2/images/" + id, Json::object(),
               {{"Content-Type", "application/json"}});
}

TEST_F(ImageTest, WhoSeesWhat) {
  const std::string shared = create({{"name", "shared"}});
  create({{"name", "private"}, {"visibility", "private"}});
  create({{"name", "community"}, {"visibility", "community"}});
  api_->be("admin", true);
  create({{"name", "public"}, {"visibility", "public"}});
  api_->be("p2");
  EXPECT_EQ(names(""), std::vector<std::string>{"public"});
  EXPECT_EQ(names("?visibility=community"), std::vector<std::string>{"community"});
  api_->get("/v2/images/" + shared, 404);
  api_->be("p1");
  EXPECT_EQ(names("").size(), 4U);
  api_->post("/v2/images/" + shared + "/members", {{"member", "p2"}}, 200);
  api_->post("/v2/images/" + shared + "/members", {{"member", "p2"}}, 409);
  api_->put("/v2/images/" + shared + "/members/p2", {{"status", "accepted"}}, 403);
  api_->be("p2");
  EXPECT_EQ(names("").size(), 1U) << "not before it is accepted";
  EXPECT_EQ(image(shared)["name"], "shared");
  api_->put("/v2/images/" + shared + "/members/p2", {{"status", "accepted"}});
  EXPECT_EQ(names("").size(), 2U);
  api_->remove("/v2/images/" + shared, 403);
  EXPECT_EQ(upload(shared, "x"), 403);
}

TEST_F(ImageTest, PagesSortsAndFilters) {
  for (const char* name : {"a", "b", "c", "d"})
    create({{"name", name}, {"kind", name[0] < 'c' ? "low" : "high"}});
  EXPECT_EQ(names(""), (std::vector<std::string>{"d", "c", "b", "a"}));
  EXPECT_EQ(names("?sort=name:asc"), (std::vector<std::string>{"a", "b", "c", "d"}));
  EXPECT_EQ(names("?sort_key=name&sort_dir=desc"), (std::vector<std::string>{"d", "c", "b", "a"}));
  const Json page = api_->get("/v2/images?sort=name:asc&limit=3");
  EXPECT_EQ(page["images"].size(), 3U);
  const Json rest = api_->get(page["next"].get<std::string>());
  ASSERT_EQ(rest["images"].size(), 1U);
  EXPECT_EQ(rest["images"][0]["name"], "d");
  EXPECT_FALSE(rest.contains("next"));
  EXPECT_EQ(names("?name=b"), std::vector<std::string>{"b"});
  EXPECT_EQ(names("?name=in:a,c&sort=name:asc"), (std::vector<std::string>{"a", "c"}));
  EXPECT_EQ(names("?kind=low").size(), 2U);
  EXPECT_EQ(names("?status=active").size(), 0U);
  EXPECT_EQ(names("?size_min=1").size(), 0U);
  api_->get("/v2/images?limit=-1", 400);
  api_->get("/v2/images?marker=nobody", 400);
  api_->get("/v2/images?sort_key=secret", 400);
  api_->get("/v2/images/", 404);
}

TEST_F(ImageTest, TagsAreASet) {
  const std::string id = create({{"tags", {"b", "a", "a"}}});
  EXPECT_EQ(image(id)["tags"], Json({"a", "b"}));
  api_->expect(204, Method::kPut, "/v2/images/" + id + "/tags/c");
  api_->expect(204, Method::kDelete, "/v2/images/" + id + "/tags/a");
  api_->remove("/v2/images/" + id + "/tags/a", 404);
  EXPECT_EQ(image(id)["tags"], Json({"b", "c"}));
  EXPECT_EQ(names("?tag=c").size(), 1U);
}

TEST_F(ImageTest, DeactivatedImagesAreNotGivenOut) {
  const std::string id = create();
  ASSERT_EQ(upload(id, "x"), 204);
  api_->post("/v2/images/" + id + "/actions/deactivate", nullptr, 204);
  api_->get("/v2/images/" + id + "/file", 403);
  api_->post("/v2/images/" + id + "/actions/reactivate", nullptr, 204);
  EXPECT_EQ(image(id)["status"], "active");
}

TEST_F(ImageTest, BytesThatComeAfterADeletionGoToo) {
  const auto end = [&](bool good, const std::string& id) {
    return database_->write([&](store::Tx& tx) {
      return good ? finish_image(tx, id, 7, clock_.now_us()) : fail_image(tx, id, {}, clock_.now_us());
    });
  };
  for (const bool good : {true, false}) {
    const std::string id = record("late");
    api_->expect(204, Method::kDelete, "/v2/images/" + id);
    ASSERT_TRUE(blocks_.create({"images", id}, 1 << 20).ok());
    empty_trash(*database_, &blocks_);
    EXPECT_TRUE(in_pool(id)) << "nobody knows of them yet";
    ASSERT_TRUE(end(good, id).ok());
    empty_trash(*database_, &blocks_);
    EXPECT_FALSE(in_pool(id));
    api_->get("/v2/images/" + id, 404);
  }
}

TEST_F(ImageTest, WhatAFailedUploadLeftGoes) {
  const storage::ImageRef volume{"volumes", "v"};
  ASSERT_TRUE(blocks_.create(volume, 1 << 20).ok());
  const auto snapshots = [&] { return blocks_.info(volume)->snapshots.size(); };
  for (const bool deleted : {false, true}) {
    const std::string id = record("lost");
    if (deleted) {
      api_->expect(204, Method::kDelete, "/v2/images/" + id);
      blocks_.fail_after(0);
      empty_trash(*database_, &blocks_);
      blocks_.heal();
    }
    ASSERT_TRUE(blocks_.create({"images", id}, 1 << 20).ok());
    ASSERT_TRUE(blocks_.create_snapshot(storage::clone_snapshot(volume, {"images", id})).ok());
    ASSERT_EQ(snapshots(), 1U);
    ASSERT_TRUE(
        database_->write([&](store::Tx& tx) { return fail_image(tx, id, volume, clock_.now_us()); }).ok());
    if (!deleted) {
      EXPECT_EQ(image(id)["status"], "killed");
    }
    empty_trash(*database_, &blocks_);
    EXPECT_FALSE(in_pool(id));
    EXPECT_EQ(snapshots(), 0U);
  }
}

TEST_F(ImageTest, AFailureThatComesLateHarmsNoWholeImage) {
  const std::string id = create();
  ASSERT_EQ(upload(id, "x"), 204);
  for (int repeat = 0; repeat < 2; ++repeat) {
    ASSERT_TRUE(database_
                    ->write([&](store::Tx& tx) -> Status {
                      HANOK_CHECK(fail_image(tx, id, {}, clock_.now_us()));
                      return finish_image(tx, id, 7, clock_.now_us());
                    })
                    .ok());
    empty_trash(*database_, &blocks_);
  }
  EXPECT_EQ(image(id)["status"], "active");
  EXPECT_EQ(image(id)["size"], 1);
  EXPECT_TRUE(in_pool(id));
}

TEST_F(ImageTest, OthersWriteBytesToo) {
  const std::string id = record("snapshot", {{"min_disk", 3}, {"instance_uuid", "s"}});
  EXPECT_EQ(image(id)["min_disk"], 3);
  EXPECT_EQ(image(id)["instance_uuid"], "s");
  ASSERT_TRUE(database_->write([&](store::Tx& tx) { return finish_image(tx, id, 7, clock_.now_us()); }).ok());
  EXPECT_EQ(image(id)["status"], "active");
  EXPECT_EQ(image(id)["size"], 7);
  auto view = database_->read([&](store::Tx& tx) { return find_image(tx, id, "p2", false); });
  EXPECT_FALSE(view.ok());
}

TEST(Qcow2, TellsItsVirtualSize) {
  std::string header(64, '\0');
  header.replace(0, 4, "QFI\xfb");
  header[28] = 0x40;
  EXPECT_EQ(qcow2_virtual_size(header), 0x40000000U);
  EXPECT_FALSE(qcow2_virtual_size("QFI").has_value());
  EXPECT_FALSE(qcow2_virtual_size(std::string(64, 'x')).has_value());
}

}  // namespace
}  // namespace hanok::image

// The volume API as its clients see it.
#include "tests/control/volume/fixture.h"

namespace hanok::volume {
namespace {

using http::Method;

TEST_F(VolumeTest, IsCreatedAndShown) {
  const std::string id = create({{"name", "data"}, {"metadata", {{"k", "v"}}}});
  const Json shown = show(id);
  EXPECT_EQ(shown["status"], "creating");
  EXPECT_EQ(shown["size"], 1);
  EXPECT_EQ(shown["volume_type"], "rbd");
  EXPECT_EQ(shown["bootable"], "false");
  EXPECT_EQ(shown["metadata"], Json({{"k", "v"}}));
  EXPECT_FALSE(shown.contains("group_id")) << "3.0 has none";
  EXPECT_EQ(api->get("/v3/volumes/" + id)["volume"], shown) << "the project in the path is optional";
}

TEST_F(VolumeTest, RefusesBadRequestsAndChangesNothing) {
  for (const Json& size : {Json(0), Json(-1), Json("x"), Json(), Json(1.5), Json(1 << 30)})
    create({{"size", size}}, 400);
  create({{"volume_type", "none-such"}}, 404);
  create({{"snapshot_id", "00000000-0000-4000-8000-000000000000"}}, 404);
  create({{"source_volid", "00000000-0000-4000-8000-000000000000"}}, 404);
  create({{"imageRef", "00000000-0000-4000-8000-000000000000"}}, 400);
  create({{"availability_zone", "mars"}}, 400);
  create({{"name", std::string(256, 'n')}}, 400);
  create({{"unknown", 1}}, 400);
  create({{"metadata", {{"k", 1}}}}, 400);
  api->post("/v3/p1/volumes", {{"no", 1}}, 400);
  EXPECT_EQ(api->get("/v3/p1/volumes")["volumes"].size(), 0U);
}

TEST_F(VolumeTest, OtherProjectsSeeNothing) {
  const std::string id = ready();
  api->be("p2");
  api->get("/v3/p2/volumes/" + id, 404);
  api->remove("/v3/p2/volumes/" + id, 404);
  api->put("/v3/p2/volumes/" + id, {{"volume", {{"name", "x"}}}}, 404);
  api->get("/v3/p1/volumes", 403);
  EXPECT_EQ(api->get("/v3/p2/volumes/detail")["volumes"].size(), 0U);
  api->post("/v3/snapshots", {{"snapshot", {{"volume_id", id}}}}, 404);
  api->be("admin", true);
  EXPECT_EQ(api->get("/v3/admin/volumes/detail?all_tenants=1")["volumes"].size(), 1U);
}

TEST_F(VolumeTest, ListsPageSortAndFilter) {
  std::vector<std::string> ids;
  for (const char* name : {"a", "b", "c"})
    ids.push_back(create({{"name", name}, {"metadata", {{"m", name}}}}));
  const auto names = [&](const std::string& query) {
    std::string out;
    const Json body = api->get("/v3/p1/volumes/detail" + query);
    for (const auto& one : body["volumes"]) out += one["name"].get<std::string>();
    return out;
  };
  EXPECT_EQ(names(""), "cba");
  EXPECT_EQ(names("?sort=name:asc"), "abc");
  EXPECT_EQ(names("?sort_key=created_at&sort_dir=asc"), "abc");
  EXPECT_EQ(names("?limit=2"), "cb");
  EXPECT_EQ(names("?limit=2&marker=" + ids[1]), "a");
  EXPECT_EQ(names("?sort=name:asc&limit=1&offset=1"), "b");
  EXPECT_EQ(names("?name=b"), "b");
  EXPECT_EQ(names("?status=available"), "");
  EXPECT_EQ(names("?metadata=%7B'm'%3A%20'c'%7D"), "c");
  const Json page = api->get("/v3/p1/volumes?limit=2");
  EXPECT_EQ(page["volumes_links"][0]["rel"], "next");
  api->get("/v3/p1/volumes?limit=-1", 400);
  api->get("/v3/p1/volumes?sort=secret", 400);
  api->get("/v3/p1/volumes?marker=nobody", 404);
}

TEST_F(VolumeTest, MetadataIsReadAndChangedByItem) {
  const std::string base = "/v3/p1/volumes/" + ready() + "/metadata";
  EXPECT_EQ(api->post(base, {{"metadata", {{"a", "1"}, {"b", "2"}}}}, 200)["metadata"].size(), 2U);
  EXPECT_EQ(api->put(base, {{"metadata", {{"c", "3"}}}})["metadata"], Json({{"c", "3"}}));
  EXPECT_EQ(api->put(base + "/c", {{"meta", {{"c", "4"}}}})["meta"], Json({{"c", "4"}}));
  api->put(base + "/c", {{"meta", {{"d", "4"}}}}, 400);
  EXPECT_EQ(api->get(base + "/c")["meta"], Json({{"c", "4"}}));
  api->remove(base + "/c", 200);
  api->get(base + "/c", 404);
  api->remove(base + "/c", 404);
}

TEST_F(VolumeTest, QuotaIsEnforced) {
  api->be("admin", true);
  api->put("/v3/os-quota-sets/p1", {{"quota_set", {{"volumes", 2}, {"gigabytes", 5}, {"snapshots", 1}}}});
  api->put("/v3/os-quota-sets/p1", {{"quota_set", {{"volumes", -2}}}}, 400);
  api->put("/v3/os-quota-sets/p1", {{"quota_set", {{"nonsense", 2}}}}, 400);
  api->be("p1");
  api->put("/v3/os-quota-sets/p1", {{"quota_set", {{"volumes", 9}}}}, 403);
  const std::string id = ready({{"size", 2}});
  create({{"size", 4}}, 413);
  create({{"size", 1}});
  create({{"size", 1}}, 413);
  action(id, "os-extend", {{"new_size", 6}}, 413);
  snapshot(id);
  api->post("/v3/snapshots", {{"snapshot", {{"volume_id", id}}}}, 413);
  const Json usage = api->get("/v3/os-quota-sets/p1?usage=True")["quota_set"];
  EXPECT_EQ(usage["volumes"]["in_use"], 2);
  EXPECT_EQ(usage["gigabytes"]["in_use"], 5);
  EXPECT_EQ(api->get("/v3/limits")["limits"]["absolute"]["totalVolumesUsed"], 2);
}

TEST_F(VolumeTest, TypesAreManagedByAdministrators) {
  api->post("/v3/types", {{"volume_type", {{"name", "fast"}}}}, 403);
  api->be("admin", true);
  const std::string type = api->post(
      "/v3/types", {{"volume_type", {{"name", "fast"}, {"is_public", false}, {"extra_specs", {{"k", "v"}}}}}},
      200)["volume_type"]["id"];
  api->post("/v3/types", {{"volume_type", {{"name", "fast"}}}}, 409);
  api->be("p1");
  create({{"volume_type", "fast"}}, 404);
  api->be("admin", true);
  api->post("/v3/types/" + type + "/action", {{"addProjectAccess", {{"project", "p1"}}}}, 202);
  api->be("p1");
  EXPECT_EQ(show(create({{"volume_type", "fast"}}))["volume_type"], "fast");
  api->be("admin", true);
  api->remove("/v3/types/" + type, 400);  // in use
  EXPECT_EQ(api->get("/v3/types/" + type + "/extra_specs")["extra_specs"], Json({{"k", "v"}}));
  api->remove("/v3/types/" + type + "/extra_specs/k", 202);
  api->get("/v3/types/" + type + "/extra_specs/k", 404);
  EXPECT_EQ(api->get("/v3/types/default")["volume_type"]["name"], "rbd");
  const Json pigeon = {{"hanok:transport", "pigeon"}};
  api->post("/v3/types/" + type + "/extra_specs", {{"extra_specs", pigeon}}, 400);
  api->put("/v3/types/" + type + "/extra_specs/hanok:transport", pigeon, 400);
  api->post("/v3/types", {{"volume_type", {{"name", "bird"}, {"extra_specs", pigeon}}}}, 400);
  EXPECT_TRUE(api->get("/v3/types/" + type + "/extra_specs")["extra_specs"].empty());
}

TEST_F(VolumeTest, TransfersChangeTheOwner) {
  const std::string id = ready();
  const Json made = api->post("/v3/os-volume-transfer", {{"transfer", {{"volume_id", id}}}}, 202)["transfer"];
  EXPECT_EQ(status(id), "awaiting-transfer");
  const std::string path = "/v3/os-volume-transfer/" + made["id"].get<std::string>() + "/accept";
  api->be("p2");
  api->post(path, {{"accept", {{"auth_key", "wrong"}}}}, 400);
  api->post(path, {{"accept", {{"auth_key", made["auth_key"]}}}}, 202);
  EXPECT_EQ(api->get("/v3/p2/volumes/" + id)["volume"]["status"], "available");
  auto kept = database->read([](store::Tx& tx) { return tx.query("SELECT key_hash FROM volume_transfers"); });
  EXPECT_TRUE(kept->empty());
}

TEST_F(VolumeTest, AttachmentsOfOtherClients) {
  const std::string id = ready();
  const http::Headers newer = {{"OpenStack-API-Version", "volume 3.44"}};
  const Json body = {{"attachment", {{"volume_uuid", id}, {"connector", {{"host", "h"}}}}}};
  api->expect(404, Method::kPost, "/v3/attachments", body);
  const Json made = api->expect(200, Method::kPost, "/v3/attachments", body, newer)["attachment"];
  EXPECT_EQ(made["connection_info"]["name"], "volumes/volume-" + id);
  EXPECT_EQ(status(id), "attaching");
  const std::string path = "/v3/attachments/" + made["id"].get<std::string>();
  api->expect(204, Method::kPost, path + "/action", {{"os-complete", nullptr}}, newer);
  EXPECT_EQ(status(id), "in-use");
  api->remove("/v3/p1/volumes/" + id, 400);
  api->expect(200, Method::kDelete, path, nullptr, newer);
  EXPECT_EQ(status(id), "available");
}

TEST_F(VolumeTest, VersionsAreNegotiated) {
  EXPECT_EQ(api->call(Method::kGet, "/").status, 300);
  EXPECT_EQ(api->get("/v3")["versions"][0]["version"], "3.60");
  api->expect(406, Method::kGet, "/v3/volumes", nullptr, {{"OpenStack-API-Version", "volume 3.61"}});
  api->expect(400, Method::kGet, "/v3/volumes", nullptr, {{"OpenStack-API-Version", "volume x"}});
}

TEST_F(VolumeTest, UnknownPlacesAreNotFound) {
  api->get("/v3/p1/volumes/", 404);
  api->remove("/v3/p1/volumes/", 404);
  api->put("/v3/p1/volumes/", {{"volume", {{"name", "x"}}}}, 404);
  api->get("/v3/p1/volumes/nothing", 404);
  api->get("/v3/p1/groups", 404);
}

}  // namespace
}  // namespace hanok::volume

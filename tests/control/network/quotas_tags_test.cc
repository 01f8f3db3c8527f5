#include "tests/control/network/fixture.h"

namespace hanok::network {
namespace {

using http::Method;

class QuotasAndTags : public NetworkTest {};

TEST_F(QuotasAndTags, quota_stops_the_next_one) {
  be("operator", true);
  EXPECT_EQ(put("/v2.0/quotas/alice", {{"quota", {{"network", 1}, {"port", -1}}}})["quota"]["network"], 1);
  EXPECT_ERROR(refuse_put("/v2.0/quotas/alice", {{"quota", {{"network", -2}}}}), kBadRequest,
               "HTTPBadRequest");
  EXPECT_ERROR(refuse_put("/v2.0/quotas/alice", nullptr), kBadRequest, "");
  EXPECT_ERROR(refuse_put("/v2.0/quotas/alice", {{"quota", {{"pigeon", 2}}}}), kBadRequest, "HTTPBadRequest");
  be("alice");
  network();
  EXPECT_ERROR(refuse_post("/v2.0/networks", {{"network", Json::object()}}), kConflict, "OverQuota");
  const Json details = get("/v2.0/quotas/alice/details")["quota"]["network"];
  EXPECT_EQ(details["used"], 1);
  EXPECT_EQ(details["limit"], 1);
  EXPECT_ERROR(refuse_put("/v2.0/quotas/alice", {{"quota", {{"network", 5}}}}), kForbidden, "");
  EXPECT_ERROR(refuse_get("/v2.0/quotas/bob"), kForbidden, "PolicyNotAuthorized");
  be("operator", true);
  EXPECT_EQ(get("/v2.0/quotas")["quotas"].size(), 1U);
  remove("/v2.0/quotas/alice");
  EXPECT_EQ(get("/v2.0/quotas/alice")["quota"]["network"], 100);
  EXPECT_EQ(get("/v2.0/quotas/alice/default")["quota"]["router"], 10);
}

TEST_F(QuotasAndTags, tags_of_own_resources) {
  const std::string id = network(), path = "/v2.0/networks/" + id;
  EXPECT_EQ(put(path + "/tags", {{"tags", {"red", "blue"}}})["tags"], Json::array({"blue", "red"}));
  call(Method::kPut, path + "/tags/green", nullptr, 201);
  call(Method::kGet, path + "/tags/green", nullptr, 204);
  EXPECT_EQ(get(path)["network"]["tags"].size(), 3U);
  network("other");
  EXPECT_EQ(get("/v2.0/networks?tags=red,blue")["networks"].size(), 1U);
  EXPECT_EQ(get("/v2.0/networks?tags-any=red,pink")["networks"].size(), 1U);
  EXPECT_EQ(get("/v2.0/networks?not-tags=red")["networks"].size(), 1U);
  remove(path + "/tags/green");
  EXPECT_ERROR(refuse_delete(path + "/tags/green"), kNotFound, "TagNotFound");
  EXPECT_ERROR(refuse_get(path + "/tags/green"), kNotFound, "TagNotFound");
  EXPECT_ERROR(refuse_put(path + "/tags", {{"tags", {3}}}), kBadRequest, "HTTPBadRequest");
  EXPECT_ERROR(refuse_put(path + "/tags", Json::object()), kBadRequest, "InvalidInput");
  EXPECT_ERROR(refuse_put(path + "/tags", nullptr), kBadRequest, "InvalidInput");
  EXPECT_ERROR(refuse_put(path + "/tags", {{"tags", 3}}), kBadRequest, "");
  EXPECT_ERROR(refuse_put(path + "/tags/" + std::string(61, 'x'), nullptr), kBadRequest, "HTTPBadRequest");
  EXPECT_ERROR(refuse_get("/v2.0/pigeons/" + id + "/tags"), kNotFound, "HTTPNotFound");
  be("bob");
  EXPECT_ERROR(refuse_get(path + "/tags"), kNotFound, "TagResourceNotFound");
  be("alice");
  remove(path + "/tags");
  EXPECT_TRUE(get(path + "/tags")["tags"].empty());
}

TEST_F(QuotasAndTags, discovery_and_extensions_and_agents) {
  EXPECT_EQ(get("/")["versions"][0]["id"], "v2.0");
  EXPECT_EQ(get("/v2.0/")["resources"][0]["name"], "network");
  EXPECT_EQ(get("/v2.0/extensions/router")["extension"]["alias"], "router");
  EXPECT_ERROR(refuse_get("/v2.0/extensions/pigeon"), kNotFound, "ExtensionNotFound");
  announce_host("node1");
  EXPECT_ERROR(refuse_get("/v2.0/agents"), kForbidden, "");
  be("operator", true);
  const Json agents = get("/v2.0/agents?host=node1")["agents"];
  ASSERT_EQ(agents.size(), 1U);
  EXPECT_EQ(agents[0]["alive"], true);
  EXPECT_EQ(get("/v2.0/agents/" + agents[0]["id"].get<std::string>())["agent"], agents[0]);
  EXPECT_TRUE(get("/v2.0/agents?host=node2")["agents"].empty());
  EXPECT_ERROR(refuse_get("/v2.0/agents/x"), kNotFound, "AgentNotFound");
}

}  // namespace
}  // namespace hanok::network

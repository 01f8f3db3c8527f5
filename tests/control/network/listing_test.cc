#include "tests/control/network/fixture.h"

namespace hanok::network {
namespace {

using testing::ElementsAre;

class Lists : public NetworkTest {};

std::vector<std::string> names(const Json& items) {
  std::vector<std::string> out;
  for (const Json& item : items) out.push_back(item["name"]);
  return out;
}

TEST_F(Lists, filter_by_fields_of_every_kind) {
  const std::string a = network("a"), b = network("b");
  put("/v2.0/networks/" + b, {{"network", {{"admin_state_up", false}}}});
  const std::string sub = subnet(a, "10.0.0.0/24");
  EXPECT_THAT(names(get("/v2.0/networks?name=b")["networks"]), ElementsAre("b"));
  EXPECT_THAT(names(get("/v2.0/networks?admin_state_up=False")["networks"]), ElementsAre("b"));
  EXPECT_EQ(get("/v2.0/networks?id=" + a + "&id=" + b)["networks"].size(), 2U);
  EXPECT_EQ(get("/v2.0/networks?tenant_id=alice")["networks"].size(), 2U);
  EXPECT_EQ(get("/v2.0/networks?tenant_id=bob")["networks"].size(), 0U);
  EXPECT_THAT(names(get("/v2.0/networks?subnets=" + sub)["networks"]), ElementsAre("a"));
  EXPECT_EQ(get("/v2.0/subnets?ip_version=4")["subnets"].size(), 1U);
  EXPECT_EQ(get("/v2.0/subnets?ip_version=6")["subnets"].size(), 0U);
  EXPECT_EQ(get("/v2.0/networks?unknown=1")["networks"].size(), 2U);
  EXPECT_ERROR(refuse_get("/v2.0/subnets?ip_version=x"), kBadRequest, "InvalidInput");
  EXPECT_ERROR(refuse_get("/v2.0/networks?shared=maybe"), kBadRequest, "InvalidInput");
}

TEST_F(Lists, filter_ports_by_address) {
  const std::string net = network(), sub = subnet(net, "10.0.0.0/24");
  port(net);
  port(net);
  EXPECT_EQ(get("/v2.0/ports?fixed_ips=ip_address=10.0.0.3")["ports"].size(), 1U);
  EXPECT_EQ(get("/v2.0/ports?fixed_ips=subnet_id=" + sub)["ports"].size(), 2U);
  EXPECT_EQ(get("/v2.0/ports?fixed_ips=subnet_id=" + sub + "&fixed_ips=ip_address=10.0.0.2")["ports"].size(),
            1U);
  EXPECT_EQ(get("/v2.0/ports?fixed_ips=ip_address_substr=0.0.")["ports"].size(), 2U);
  EXPECT_EQ(get("/v2.0/ports?fixed_ips=ip_address=10.0.0.9")["ports"].size(), 0U);
}

TEST_F(Lists, give_only_the_fields_asked_for) {
  network("a");
  EXPECT_EQ(get("/v2.0/networks?fields=name&fields=shared")["networks"],
            Json::array({{{"name", "a"}, {"shared", false}}}));
  const std::string id = network("b");
  EXPECT_EQ(get("/v2.0/networks/" + id + "?fields=name")["network"], (Json{{"name", "b"}}));
}

TEST_F(Lists, sort_by_several_keys) {
  for (const char* name : {"b", "c", "a"}) network(name);
  EXPECT_THAT(names(get("/v2.0/networks?sort_key=name&sort_dir=asc")["networks"]),
              ElementsAre("a", "b", "c"));
  EXPECT_THAT(names(get("/v2.0/networks?sort_key=mtu&sort_dir=asc&sort_key=name&sort_dir=desc")["networks"]),
              ElementsAre("c", "b", "a"));
  EXPECT_ERROR(refuse_get("/v2.0/networks?sort_key=colour"), kBadRequest, "HTTPBadRequest");
  EXPECT_ERROR(refuse_get("/v2.0/networks?sort_key=subnets"), kBadRequest, "HTTPBadRequest");
  EXPECT_ERROR(refuse_get("/v2.0/networks?sort_key=name&sort_dir=up"), kBadRequest, "HTTPBadRequest");
  EXPECT_ERROR(refuse_get("/v2.0/networks?sort_key=name&sort_key=mtu&sort_dir=asc"), kBadRequest,
               "HTTPBadRequest");
}

TEST_F(Lists, pages_follow_their_links) {
  for (const char* name : {"e", "a", "c", "b", "d"}) network(name);
  for (const std::string sort :
       {"sort_key=name&sort_dir=asc", "sort_key=mtu&sort_dir=desc&sort_key=name&sort_dir=asc"}) {
    std::vector<std::string> seen;
    std::string target = "/v2.0/networks?limit=2&" + sort;
    for (int page = 0; page < 5 && !target.empty(); ++page) {
      const Json body = get(target);
      for (const std::string& name : names(body["networks"])) seen.push_back(name);
      target.clear();
      for (const Json& link : body.value("networks_links", Json(Json::array()))) {
        if (link["rel"] == "next")
          target = link["href"].get<std::string>().substr(std::string("http://api").size());
      }
    }
    EXPECT_THAT(seen, ElementsAre("a", "b", "c", "d", "e"));
  }
}

TEST_F(Lists, pages_go_backwards_too) {
  std::string d;
  for (const char* name : {"a", "b", "c", "d"}) d = network(name);
  EXPECT_THAT(names(get("/v2.0/networks?sort_key=name&sort_dir=asc&limit=2&page_reverse=True&marker=" +
                        d)["networks"]),
              ElementsAre("b", "c"));
  EXPECT_ERROR(refuse_get("/v2.0/networks?marker=7a3d6a1e-0000-4000-8000-000000000000"), kNotFound,
               "NetworkNotFound");
  EXPECT_ERROR(refuse_get("/v2.0/networks?limit=x"), kBadRequest, "HTTPBadRequest");
  EXPECT_ERROR(refuse_get("/v2.0/networks?limit=-1"), kBadRequest, "HTTPBadRequest");
}

}  // namespace
}  // namespace hanok::network

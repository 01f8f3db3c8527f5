#include "control/compute/server_filter.h"
#include "tests/control/compute/fixture.h"

namespace hanok::compute {
namespace {

class ServerList : public ComputeTest {
 protected:
  void SetUp() override {
    host();
    first_ = active("web-1");
    second_ = active("web-2");
    third_ = boot("db");
  }
  std::vector<std::string> names(const std::string& query) {
    std::vector<std::string> out;
    const Json body = get("/v2.1/servers/detail" + query);
    for (const auto& server : body["servers"]) out.push_back(server["name"]);
    return out;
  }
  std::string first_, second_, third_;
};
using Names = std::vector<std::string>;

TEST_F(ServerList, NewestFirstByPages) {
  EXPECT_EQ(names(""), (Names{"db", "web-2", "web-1"}));
  EXPECT_EQ(names("?limit=2"), (Names{"db", "web-2"}));
  const Json page = get("/v2.1/servers?limit=2&name=e");
  EXPECT_EQ(page["servers_links"][0]["href"], "http://api/v2.1/servers?limit=2&name=e&marker=" + first_);
  EXPECT_EQ(names("?limit=2&marker=" + second_), (Names{"web-1"}));
  EXPECT_FALSE(get("/v2.1/servers").contains("servers_links"));
  EXPECT_CODE(refuse_get("/v2.1/servers?marker=nope"), kBadRequest);
  EXPECT_CODE(refuse_get("/v2.1/servers?limit=-1"), kBadRequest);
  EXPECT_CODE(refuse_get("/v2.1/servers?limit=testing"), kBadRequest);
}

TEST_F(ServerList, SortedByWhatIsAskedFor) {
  EXPECT_EQ(names("?sort_key=display_name&sort_dir=asc"), (Names{"db", "web-1", "web-2"}));
  EXPECT_EQ(names("?sort_key=display_name&sort_dir=asc&limit=1&marker=" + third_), (Names{"web-1"}));
  EXPECT_CODE(refuse_get("/v2.1/servers?sort_key=nonsense"), kBadRequest);
  EXPECT_CODE(refuse_get("/v2.1/servers?sort_dir=sideways"), kBadRequest);
}

TEST_F(ServerList, FiltersByWhatServersAre) {
  EXPECT_EQ(names("?name=web"), (Names{"web-2", "web-1"}));
  EXPECT_EQ(names("?name=%5Eweb-%5B13%5D"), (Names{"web-1"}));
  EXPECT_EQ(names("?name=web.*"), (Names{"web-2", "web-1"}));
  EXPECT_EQ(names("?name=none"), Names{});
  EXPECT_EQ(names("?status=ACTIVE"), (Names{"web-2", "web-1"}));
  EXPECT_EQ(names("?status=build"), (Names{"db"}));
  EXPECT_EQ(names("?status=non_existing_status"), Names{});
  EXPECT_EQ(names("?image=non_existing_image"), Names{});
  EXPECT_EQ(names("?image=" + image_id).size(), 3U);
  EXPECT_EQ(names("?flavor=1").size(), 3U);
  EXPECT_EQ(names("?flavor=non_existing_flavor"), Names{});
  const std::string ip = server(first_)["addresses"]["net"][0]["addr"];
  EXPECT_EQ(names("?ip=%5E" + ip + "$"), (Names{"web-1"}));
  EXPECT_EQ(names("?ip=10.0.0").size(), 3U);
  minor = 38;
  EXPECT_CODE(refuse_get("/v2.1/servers?status=non_existing_status"), kBadRequest);
}

TEST_F(ServerList, WhatChangedSince) {
  EXPECT_EQ(names("?changes-since=2051-01-01T12:34:00Z"), Names{});
  EXPECT_EQ(names("?changes-since=2020-01-01T00:00:00Z").size(), 3U);
  EXPECT_CODE(refuse_get("/v2.1/servers?changes-since=2011/01/01"), kBadRequest);
  remove("/v2.1/servers/" + third_);
  report(third_, {{"state", "deleted"}});
  EXPECT_EQ(names("").size(), 2U);
  EXPECT_EQ(names("?changes-since=2020-01-01T00:00:00Z").size(), 3U) << "deleted ones are shown as such";
}

TEST_F(ServerList, Tags) {
  minor = 26;
  put("/v2.1/servers/" + first_ + "/tags", {{"tags", Json::array({"a", "b"})}});
  call(http::Method::kPut, "/v2.1/servers/" + second_ + "/tags/a", nullptr, 201);
  call(http::Method::kPut, "/v2.1/servers/" + second_ + "/tags/a", nullptr, 204);
  EXPECT_EQ(names("?tags=a"), (Names{"web-2", "web-1"}));
  EXPECT_EQ(names("?tags=a,b"), (Names{"web-1"}));
  EXPECT_EQ(names("?not-tags-any=a,b"), (Names{"db"}));
  call(http::Method::kGet, "/v2.1/servers/" + first_ + "/tags/b", nullptr, 204);
  remove("/v2.1/servers/" + first_ + "/tags/b");
  EXPECT_CODE(refuse_get("/v2.1/servers/" + first_ + "/tags/b"), kNotFound);
  remove("/v2.1/servers/" + first_ + "/tags");
  EXPECT_EQ(get("/v2.1/servers/" + first_ + "/tags")["tags"].size(), 0U);
  EXPECT_CODE(
      refuse(http::Method::kPut, "/v2.1/servers/" + first_ + "/tags", {{"tags", Json::array({"a/b"})}}),
      kBadRequest);
}

TEST(Patterns, WhatCouldTakeForeverIsRefused) {
  EXPECT_TRUE(Pattern::make("web-[0-9]+").ok());
  EXPECT_TRUE(Pattern::make("a\\{b").ok());
  EXPECT_FALSE(Pattern::make("a{1,255}{1,255}").ok());
  EXPECT_FALSE(Pattern::make("(a)\\1").ok());
  EXPECT_FALSE(Pattern::make("(").ok());
  EXPECT_FALSE(Pattern::make(std::string(256, 'a')).ok());
}

}  // namespace
}  // namespace hanok::compute

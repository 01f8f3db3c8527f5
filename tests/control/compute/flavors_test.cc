#include "tests/control/compute/fixture.h"

namespace hanok::compute {
namespace {

using Flavors = ComputeTest;

TEST_F(Flavors, AnAdministratorMakesAndDeletesThem) {
  flavor("7", 512, 2, 5);
  const Json shown = get("/v2.1/flavors/7")["flavor"];
  EXPECT_EQ(shown["ram"], 512);
  EXPECT_EQ(shown["vcpus"], 2);
  EXPECT_EQ(shown["disk"], 5);
  EXPECT_EQ(shown["swap"], "");
  EXPECT_EQ(shown["rxtx_factor"], 1.0);
  EXPECT_FALSE(shown.contains("description"));
  minor = 75;
  EXPECT_EQ(get("/v2.1/flavors/7")["flavor"]["swap"], 0);
  EXPECT_TRUE(get("/v2.1/flavors/7")["flavor"]["extra_specs"].is_object());
  EXPECT_CODE(refuse(http::Method::kDelete, "/v2.1/flavors/7"), kForbidden);
  be("admin", true);
  remove("/v2.1/flavors/7", 202);
  EXPECT_CODE(refuse_get("/v2.1/flavors/7"), kNotFound);
  EXPECT_CODE(refuse(http::Method::kDelete, "/v2.1/flavors/7"), kNotFound);
}

TEST_F(Flavors, WrongOnesAreRefused) {
  be("admin", true);
  const Json good = {{"name", "x"}, {"ram", 1}, {"vcpus", 1}, {"disk", 0}};
  for (const auto& [key, value] : std::vector<std::pair<std::string, Json>>{{"name", ""},
                                                                            {"name", std::string(256, 'x')},
                                                                            {"ram", 0},
                                                                            {"ram", "much"},
                                                                            {"vcpus", -1},
                                                                            {"disk", -1},
                                                                            {"rxtx_factor", 0},
                                                                            {"id", "a/b"},
                                                                            {"colour", "red"}}) {
    Json body = good;
    body[key] = value;
    EXPECT_CODE(refuse_post("/v2.1/flavors", {{"flavor", body}}), kBadRequest);
  }
  EXPECT_CODE(refuse_post("/v2.1/flavors", {{"flavor", 3}}), kBadRequest);
  EXPECT_CODE(refuse_post("/v2.1/flavors", Json::array()), kBadRequest);
  EXPECT_EQ(count("flavors"), 0);
  post("/v2.1/flavors", {{"flavor", good}});
  EXPECT_CODE(refuse_post("/v2.1/flavors", {{"flavor", good}}), kConflict);
}

TEST_F(Flavors, ListsPageAndFilter) {
  flavor("1", 64, 1, 1);
  flavor("2", 128, 1, 2);
  flavor("3", 256, 1, 3);
  EXPECT_EQ(get("/v2.1/flavors")["flavors"].size(), 3U);
  EXPECT_EQ(get("/v2.1/flavors?minRam=100")["flavors"].size(), 2U);
  EXPECT_EQ(get("/v2.1/flavors/detail?minDisk=3")["flavors"][0]["id"], "3");
  const Json page = get("/v2.1/flavors?limit=2");
  EXPECT_EQ(page["flavors"].size(), 2U);
  EXPECT_EQ(page["flavors_links"][0]["href"], "http://api/v2.1/flavors?limit=2&marker=2");
  EXPECT_EQ(get("/v2.1/flavors?limit=2&marker=2")["flavors"][0]["id"], "3");
  EXPECT_CODE(refuse_get("/v2.1/flavors?marker=9"), kBadRequest);
  EXPECT_CODE(refuse_get("/v2.1/flavors?limit=-1"), kBadRequest);
  EXPECT_CODE(refuse_get("/v2.1/flavors?minRam=much"), kBadRequest);
}

TEST_F(Flavors, PrivateOnesAreForProjectsThatWereGivenAccess) {
  be("admin", true);
  post("/v2.1/flavors", {{"flavor",
                          {{"id", "p"},
                           {"name", "private"},
                           {"ram", 64},
                           {"vcpus", 1},
                           {"disk", 1},
                           {"os-flavor-access:is_public", false}}}});
  be("alice");
  EXPECT_CODE(refuse_get("/v2.1/flavors/p"), kNotFound);
  EXPECT_EQ(get("/v2.1/flavors")["flavors"].size(), 0U);
  be("admin", true);
  post("/v2.1/flavors/p/action", {{"addTenantAccess", {{"tenant", "alice"}}}});
  EXPECT_CODE(refuse_post("/v2.1/flavors/p/action", {{"addTenantAccess", {{"tenant", "alice"}}}}), kConflict);
  be("alice");
  get("/v2.1/flavors/p");
  be("admin", true);
  post("/v2.1/flavors/p/action", {{"removeTenantAccess", {{"tenant", "alice"}}}});
  EXPECT_CODE(refuse_post("/v2.1/flavors/p/action", {{"removeTenantAccess", {{"tenant", "alice"}}}}),
              kNotFound);
}

TEST_F(Flavors, ExtraSpecs) {
  flavor("1");
  be("admin", true);
  post("/v2.1/flavors/1/os-extra_specs", {{"extra_specs", {{"hw:a", "1"}, {"b", "2"}}}});
  EXPECT_EQ(get("/v2.1/flavors/1/os-extra_specs")["extra_specs"], (Json{{"hw:a", "1"}, {"b", "2"}}));
  EXPECT_EQ(put("/v2.1/flavors/1/os-extra_specs/b", {{"b", "3"}}), (Json{{"b", "3"}}));
  EXPECT_CODE(refuse(http::Method::kPut, "/v2.1/flavors/1/os-extra_specs/b", {{"c", "3"}}), kBadRequest);
  EXPECT_CODE(refuse_post("/v2.1/flavors/1/os-extra_specs", {{"extra_specs", {{"a/b", "1"}}}}), kBadRequest);
  EXPECT_CODE(
      refuse_post("/v2.1/flavors/1/os-extra_specs", {{"extra_specs", {{"hanok:transport", "pigeon"}}}}),
      kBadRequest);
  post("/v2.1/flavors/1/os-extra_specs", {{"extra_specs", {{"hanok:transport", "vhost-user"}}}});
  remove("/v2.1/flavors/1/os-extra_specs/hanok:transport", 200);
  remove("/v2.1/flavors/1/os-extra_specs/b", 200);
  EXPECT_CODE(refuse_get("/v2.1/flavors/1/os-extra_specs/b"), kNotFound);
}

}  // namespace
}  // namespace hanok::compute

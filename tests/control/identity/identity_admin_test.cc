#include "tests/control/identity/fixture.h"

namespace hanok::identity {
namespace {

using http::Method;

TEST_F(IdentityTest, projects_are_made_filtered_and_deleted) {
  const std::string id =
      create("projects", "project", {{"name", "p"}, {"description", "d"}, {"tags", {"a"}}});
  const Reply shown = get("/v3/projects/" + id, admin_);
  EXPECT_EQ(shown.body["project"]["parent_id"], "default");
  EXPECT_EQ(shown.body["project"]["tags"], Json::array({"a"}));
  EXPECT_EQ(get("/v3/projects?name=p&domain_id=default", admin_).body["projects"].size(), 1U);
  EXPECT_EQ(get("/v3/projects?enabled=false", admin_).body["projects"].size(), 0U);
  EXPECT_EQ(post("/v3/projects", {{"project", {{"name", "p"}}}}, admin_).status, 409);
  const std::string child = create("projects", "project", {{"name", "child"}, {"parent_id", id}});
  EXPECT_EQ(remove("/v3/projects/" + id, admin_).status, 403);
  EXPECT_EQ(remove("/v3/projects/" + child, admin_).status, 204);
  EXPECT_EQ(remove("/v3/projects/" + id, admin_).status, 204);
  EXPECT_EQ(remove("/v3/projects/" + id, admin_).status, 404);
}

TEST_F(IdentityTest, lists_come_in_pages) {
  for (int i = 0; i < 5; ++i) create("projects", "project", {{"name", "p" + std::to_string(i)}});
  std::set<std::string> seen;
  std::string target = "/v3/projects?limit=2";
  int pages = 0;
  while (true) {
    const Reply page = get(target, admin_);
    ASSERT_EQ(page.status, 200);
    for (const Json& project : page.body["projects"]) EXPECT_TRUE(seen.insert(project["id"]).second);
    ++pages;
    const Json& next = page.body["links"]["next"];
    if (next.is_null()) break;
    target = next.get<std::string>().substr(std::string("http://127.0.0.1:5000").size());
  }
  EXPECT_EQ(seen.size(), 7U);  // with admin and service
  EXPECT_EQ(pages, 4);
  for (const char* limit : {"0", "-1", "x", "99999999999999999999"}) {
    EXPECT_EQ(get(std::string("/v3/projects?limit=") + limit, admin_).status, 400) << limit;
  }
}

TEST_F(IdentityTest, a_domain_goes_only_when_disabled_and_takes_its_own_with_it) {
  const std::string id = create("domains", "domain", {{"name", "d"}});
  const std::string user = create("users", "user", {{"name", "u"}, {"domain_id", id}});
  const std::string project = create("projects", "project", {{"name", "p"}, {"domain_id", id}});
  EXPECT_EQ(remove("/v3/domains/" + id, admin_).status, 403);
  EXPECT_EQ(patch("/v3/domains/" + id, {{"domain", {{"enabled", false}}}}).status, 200);
  EXPECT_EQ(remove("/v3/domains/" + id, admin_).status, 204);
  EXPECT_EQ(get("/v3/users/" + user, admin_).status, 404);
  EXPECT_EQ(get("/v3/projects/" + project, admin_).status, 404);
  EXPECT_EQ(patch("/v3/domains/default", {{"domain", {{"enabled", false}}}}).status, 403);
}

TEST_F(IdentityTest, roles_are_granted_checked_listed_and_revoked) {
  make_member("ann", "reader");
  for (const std::string& place :
       {"/v3/projects/" + project_ + "/users/" + user_, std::string("/v3/domains/default/users/") + user_,
        "/v3/system/users/" + user_}) {
    const std::string role = place + "/roles/" + role_id("member");
    EXPECT_EQ(call(Method::kGet, role, nullptr, admin_).status, 404) << role;
    EXPECT_EQ(put(role).status, 204);
    EXPECT_EQ(put(role).status, 204);
    EXPECT_EQ(call(Method::kGet, role, nullptr, admin_).status, 204);
    const Json roles = get(place + "/roles", admin_).body["roles"];
    EXPECT_TRUE(
        std::any_of(roles.begin(), roles.end(), [](const Json& one) { return one["name"] == "member"; }));
    EXPECT_EQ(remove(role, admin_).status, 204);
    EXPECT_EQ(remove(role, admin_).status, 404);
    EXPECT_EQ(put(place + "/roles/none").status, 404);
  }
}

TEST_F(IdentityTest, a_group_gives_its_roles_to_its_members) {
  make_member("ann", "reader");
  const std::string group = create("groups", "group", {{"name", "g"}});
  const std::string project = create("projects", "project", {{"name", "shared"}});
  ASSERT_EQ(put("/v3/projects/" + project + "/groups/" + group + "/roles/" + role_id("member")).status, 204);
  EXPECT_EQ(password_login("ann", "ann-pw", "shared").status, 401);
  ASSERT_EQ(put("/v3/groups/" + group + "/users/" + user_).status, 204);
  EXPECT_EQ(get("/v3/groups/" + group + "/users", admin_).body["users"][0]["id"], user_);
  EXPECT_EQ(get("/v3/users/" + user_ + "/groups", admin_).body["groups"][0]["id"], group);
  const std::string text = token(password_login("ann", "ann-pw", "shared"));
  EXPECT_EQ(get("/v3/auth/projects", text).body["projects"].size(), 2U);
  ASSERT_EQ(remove("/v3/groups/" + group, admin_).status, 204);
  EXPECT_FALSE(identity_->authenticate(text).ok());
}

TEST_F(IdentityTest, role_assignments_by_filter_with_names_and_effective) {
  make_member("ann");
  const std::string base = "/v3/role_assignments?user.id=" + user_;
  const Json direct = get(base, admin_).body["role_assignments"];
  ASSERT_EQ(direct.size(), 1U);
  EXPECT_EQ(direct[0]["scope"]["project"]["id"], project_);
  EXPECT_EQ(direct[0]["user"]["id"], user_);
  const Json named = get(base + "&include_names", admin_).body["role_assignments"];
  EXPECT_EQ(named[0]["role"]["name"], "member");
  EXPECT_EQ(named[0]["user"]["domain"]["name"], "Default");
  EXPECT_EQ(named[0]["scope"]["project"]["name"], "ann-project");
  EXPECT_EQ(get(base + "&effective", admin_).body["role_assignments"].size(), 2U);
  EXPECT_EQ(get("/v3/role_assignments?scope.project.id=none", admin_).body["role_assignments"].size(), 0U);
  EXPECT_EQ(get("/v3/role_assignments?scope.system=all", admin_).body["role_assignments"].size(), 1U);
}

TEST_F(IdentityTest, a_deleted_role_is_gone_everywhere) {
  make_member("ann");
  const std::string id = create("roles", "role", {{"name", "auditor"}});
  EXPECT_EQ(post("/v3/roles", {{"role", {{"name", "auditor"}}}}, admin_).status, 409);
  grant(project_, user_, "auditor");
  ASSERT_EQ(remove("/v3/roles/" + id, admin_).status, 204);
  EXPECT_EQ(get("/v3/role_assignments?user.id=" + user_, admin_).body["role_assignments"].size(), 1U);
}

TEST_F(IdentityTest, the_catalog_is_the_same_in_all_places) {
  const Json endpoints = get("/v3/endpoints", admin_).body["endpoints"];
  EXPECT_EQ(endpoints.size(), 6U);
  const Json services = get("/v3/services?type=identity", admin_).body["services"];
  ASSERT_EQ(services.size(), 1U);
  const Json catalog = get("/v3/auth/catalog", admin_).body["catalog"];
  EXPECT_EQ(catalog[0]["id"], services[0]["id"]);
  EXPECT_EQ(catalog[0]["endpoints"][0]["id"], endpoints[0]["id"]);
  EXPECT_EQ(
      get("/v3/endpoints/" + endpoints[0]["id"].get<std::string>(), admin_).body["endpoint"]["interface"],
      "public");
  EXPECT_EQ(get("/v3/regions/RegionOne", admin_).body["region"]["id"], "RegionOne");
}

TEST_F(IdentityTest, unknown_places_and_methods) {
  EXPECT_EQ(get("/v3/nothing", admin_).body["error"]["code"], 404);
  const Reply wrong = call(Method::kPut, "/v3/users", nullptr, admin_);
  EXPECT_EQ(wrong.status, 405);
  EXPECT_NE(wrong.headers.at("Allow").find("GET"), std::string::npos);
}

}  // namespace
}  // namespace hanok::identity

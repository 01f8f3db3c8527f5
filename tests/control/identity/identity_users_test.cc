#include "tests/control/identity/fixture.h"

namespace hanok::identity {
namespace {

using http::Method;

TEST_F(IdentityTest, a_user_changes_its_password_and_the_old_tokens_are_void) {
  make_member("ann");
  const std::string text = member_token("ann");
  const std::string path = "/v3/users/" + user_ + "/password";
  EXPECT_EQ(post(path, {{"user", {{"password", "new"}, {"original_password", "wrong"}}}}).status, 401);
  EXPECT_EQ(post(path, {{"user", {{"password", ""}, {"original_password", "ann-pw"}}}}).status, 400);
  EXPECT_EQ(post(path, {{"user", {{"original_password", "ann-pw"}}}}).status, 400);
  ASSERT_TRUE(identity_->authenticate(text).ok());
  ASSERT_EQ(post(path, {{"user", {{"password", "new"}, {"original_password", "ann-pw"}}}}).status, 204);
  EXPECT_FALSE(identity_->authenticate(text).ok());
  EXPECT_EQ(password_login("ann", "ann-pw", "ann-project").status, 401);
  // At once, in the same second: the new token must not fall under the revocation.
  EXPECT_TRUE(identity_->authenticate(token(password_login("ann", "new", "ann-project"))).ok());
}

TEST_F(IdentityTest, the_last_passwords_are_not_taken_again) {
  make_member("ann");
  const std::string path = "/v3/users/" + user_ + "/password";
  const auto change = [&](const char* from, const char* to) {
    return post(path, {{"user", {{"password", to}, {"original_password", from}}}}).status;
  };
  EXPECT_EQ(change("ann-pw", "one"), 204);
  EXPECT_EQ(change("one", "one"), 400);
  EXPECT_EQ(change("one", "ann-pw"), 400);
  EXPECT_EQ(change("one", "two"), 204);
  EXPECT_EQ(change("two", "three"), 204);
  EXPECT_EQ(change("three", "ann-pw"), 204);  // long enough ago
}

TEST_F(IdentityTest, wrong_passwords_lock_the_account_for_a_while) {
  make_member("ann");
  for (int i = 0; i < 5; ++i) EXPECT_EQ(password_login("ann", "wrong").status, 401);
  EXPECT_EQ(password_login("ann", "ann-pw").status, 401);
  clock_.advance_us(4'000'000);
  EXPECT_EQ(password_login("ann", "ann-pw").status, 401);
  clock_.advance_us(2'000'000);
  EXPECT_EQ(password_login("ann", "ann-pw").status, 201);
  EXPECT_EQ(password_login("ann", "wrong").status, 401);  // counts from the start again
  EXPECT_EQ(password_login("ann", "ann-pw").status, 201);
}

TEST_F(IdentityTest, users_are_made_shown_changed_and_deleted) {
  const std::string id =
      create("users", "user", {{"name", "bob"}, {"email", "bob@example.org"}, {"password", "pw"}});
  Reply shown = get("/v3/users/" + id, admin_);
  EXPECT_EQ(shown.body["user"]["email"], "bob@example.org");
  EXPECT_EQ(shown.body["user"]["domain_id"], "default");
  EXPECT_EQ(shown.body["user"]["links"]["self"], "http://127.0.0.1:5000/v3/users/" + id);
  EXPECT_EQ(shown.body.dump().find("password_hash"), std::string::npos);
  EXPECT_EQ(post("/v3/users", {{"user", {{"name", "bob"}}}}, admin_).status, 409);
  EXPECT_EQ(patch("/v3/users/" + id, {{"user", {{"name", "rob"}, {"email", nullptr}}}}).status, 200);
  EXPECT_FALSE(get("/v3/users/" + id, admin_).body["user"].contains("email"));
  EXPECT_EQ(get("/v3/users?name=rob", admin_).body["users"].size(), 1U);
  EXPECT_EQ(get("/v3/users?name=bob", admin_).body["users"].size(), 0U);
  EXPECT_EQ(remove("/v3/users/" + id, admin_).status, 204);
  EXPECT_EQ(get("/v3/users/" + id, admin_).status, 404);
}

TEST_F(IdentityTest, members_see_themselves_and_nothing_else) {
  make_member("ann");
  const std::string ann = member_token("ann");
  EXPECT_EQ(get("/v3/users/" + user_, ann).status, 200);
  EXPECT_EQ(get("/v3/users/" + user_ + "/projects", ann).body["projects"].size(), 1U);
  EXPECT_EQ(get("/v3/projects/" + project_, ann).status, 200);
  EXPECT_EQ(get("/v3/domains/default", ann).status, 200);
  EXPECT_EQ(get("/v3/auth/projects", ann).body["projects"][0]["id"], project_);
  const std::string other = create("users", "user", {{"name", "other"}});
  const std::string project = create("projects", "project", {{"name", "other"}});
  for (const std::string& path :
       {"/v3/users/" + other, "/v3/users/" + other + "/projects", "/v3/projects/" + project,
        std::string("/v3/users"), std::string("/v3/projects"), std::string("/v3/roles"),
        std::string("/v3/role_assignments"), std::string("/v3/services")}) {
    EXPECT_EQ(get(path, ann).status, 403) << path;
  }
  EXPECT_EQ(post("/v3/users", {{"user", {{"name", "x"}}}}, ann).status, 403);
  EXPECT_EQ(remove("/v3/users/" + user_, ann).status, 403);
  EXPECT_EQ(call(Method::kPut, "/v3/projects/" + project_ + "/users/" + user_ + "/roles/" + role_id("admin"),
                 nullptr, ann)
                .status,
            403);
}

TEST_F(IdentityTest, bad_fields_are_400_and_change_nothing) {
  const std::size_t before = get("/v3/users", admin_).body["users"].size();
  Json many = {{"name", "x"}};
  for (int i = 0; i < 40; ++i) many["extra" + std::to_string(i)] = i;
  for (const Json& user :
       {Json::object(), Json{{"name", ""}}, Json{{"name", "  "}}, Json{{"name", 7}},
        Json{{"name", std::string(10'000, 'x')}}, Json{{"name", "x"}, {"enabled", "perhaps"}},
        Json{{"name", "x"}, {"password", std::string(5000, 'p')}}, Json{{"name", "x"}, {"password", 1}},
        Json{{"name", "x"}, {"description", Json::array()}}, many}) {
    EXPECT_EQ(post("/v3/users", {{"user", user}}, admin_).status, 400) << user.dump().substr(0, 80);
  }
  EXPECT_EQ(post("/v3/users", {{"user", {{"name", "x"}, {"domain_id", "none"}}}}, admin_).status, 404);
  EXPECT_EQ(get("/v3/users", admin_).body["users"].size(), before);
}

}  // namespace
}  // namespace hanok::identity

#include "tests/control/identity/fixture.h"

namespace hanok::identity {
namespace {

using http::Method;

TEST_F(IdentityTest, discovery_names_v3) {
  const Reply root = call(Method::kGet, "/");
  EXPECT_EQ(root.status, 300);
  EXPECT_EQ(root.body["versions"]["values"][0]["links"][0]["href"], "http://127.0.0.1:5000/v3/");
  EXPECT_EQ(call(Method::kGet, "/v3/").body["version"]["status"], "stable");
}

TEST_F(IdentityTest, the_admin_password_is_random_private_and_survives_a_restart) {
  EXPECT_GE(admin_password_.size(), 24U);
  const std::string before = admin_password_;
  start();
  EXPECT_EQ(admin_password_, before);
  EXPECT_EQ(get("/v3/users", admin_).status, 200);
}

TEST_F(IdentityTest, a_project_token_says_who_where_and_what) {
  make_member("ann");
  const Reply reply = password_login("ann", "ann-pw", "ann-project");
  const Json& shown = reply.body["token"];
  EXPECT_EQ(shown["methods"], Json::array({"password"}));
  EXPECT_EQ(shown["user"]["name"], "ann");
  EXPECT_EQ(shown["user"]["domain"], (Json{{"id", "default"}, {"name", "Default"}}));
  EXPECT_EQ(shown["project"]["id"], project_);
  EXPECT_GT(shown["expires_at"], shown["issued_at"]);
  std::vector<std::string> roles;
  for (const Json& role : shown["roles"]) roles.push_back(role["name"]);
  EXPECT_THAT(roles, testing::ElementsAre("member", "reader"));  // member implies reader
  EXPECT_EQ(shown["catalog"][1]["endpoints"][0]["url"], "http://127.0.0.1:8776/v3/" + project_);
}

TEST_F(IdentityTest, a_token_shows_the_same_when_it_is_read_back) {
  make_member("ann");
  const Reply made = password_login("ann", "ann-pw", "ann-project");
  const std::string text = token(made);
  const Reply read = call(Method::kGet, "/v3/auth/tokens", nullptr, text, text);
  EXPECT_EQ(read.status, 200);
  EXPECT_EQ(read.body, made.body);
}

TEST_F(IdentityTest, who_is_wrong_gets_one_answer) {
  make_member("ann");
  const std::string off = create("users", "user", {{"name", "off"}, {"password", "pw"}, {"enabled", false}});
  for (const auto& [name, password, project] : {std::array<const char*, 3>{"ann", "wrong", "ann-project"},
                                                {"nobody", "x", ""},
                                                {"off", "pw", ""},
                                                {"ann", "ann-pw", "admin"},
                                                {"ann", "ann-pw", "no-such-project"},
                                                {"ann", "", "ann-project"}}) {
    const Reply reply = password_login(name, password, project);
    EXPECT_EQ(reply.status, 401) << name << " " << project;
    EXPECT_EQ(reply.body["error"]["message"], "The request you have made requires authentication.");
    EXPECT_EQ(reply.body["error"]["code"], 401);
    EXPECT_EQ(reply.headers.count("X-Subject-Token"), 0U);
  }
}

TEST_F(IdentityTest, malformed_requests_are_400) {
  const Json good_user = {{"name", "admin"}, {"domain", {{"id", "default"}}}, {"password", admin_password_}};
  const auto identity = [&](const Json& user) {
    return Json{{"methods", {"password"}}, {"password", {{"user", user}}}};
  };
  for (const Json& body :
       {Json::object(), Json{{"auth", "x"}}, Json{{"auth", {{"identity", Json::object()}}}},
        Json{{"auth", {{"identity", {{"methods", Json::array()}}}}}},
        Json{{"auth", {{"identity", {{"methods", {7}}}}}}},
        Json{{"auth", {{"identity", {{"methods", {"password"}}}}}}},
        Json{{"auth", {{"identity", identity({{"name", "admin"}, {"password", "x"}})}}}},
        Json{{"auth", {{"identity", identity({{"name", 5}, {"password", "x"}})}}}},
        Json{{"auth", {{"identity", identity(good_user)}, {"scope", 7}}}},
        Json{{"auth", {{"identity", identity(good_user)}, {"scope", Json::object()}}}},
        Json{{"auth", {{"identity", identity(good_user)}, {"scope", {{"project", {{"name", "admin"}}}}}}}}}) {
    EXPECT_EQ(post("/v3/auth/tokens", body).status, 400) << body.dump();
  }
  EXPECT_EQ(login({{"methods", {"magic"}}}).status, 401);
}

TEST_F(IdentityTest, a_token_ends_at_its_time) {
  make_member("ann");
  const std::string text = member_token("ann");
  clock_.advance_us(3599'000'000);
  EXPECT_TRUE(identity_->authenticate(text).ok());
  clock_.advance_us(2'000'000);
  EXPECT_EQ(identity_->authenticate(text).error().code, ErrorCode::kUnauthorized);
}

TEST_F(IdentityTest, a_token_made_from_a_token_ends_with_it) {
  make_member("ann");
  const std::string first = member_token("ann");
  clock_.advance_us(1800'000'000);
  const std::string second =
      token(login({{"methods", {"token"}}, {"token", {{"id", first}}}}, {{"project", {{"id", project_}}}}));
  EXPECT_TRUE(identity_->authenticate(second).ok());
  clock_.advance_us(1801'000'000);
  EXPECT_FALSE(identity_->authenticate(second).ok());
}

TEST_F(IdentityTest, a_deleted_token_is_void_at_once_with_those_made_from_it) {
  make_member("ann");
  const std::string first = member_token("ann");
  const std::string other = member_token("ann");
  const std::string second =
      token(login({{"methods", {"token"}}, {"token", {{"id", first}}}}, {{"project", {{"id", project_}}}}));
  ASSERT_TRUE(identity_->authenticate(first).ok());  // also seen lately, so cached
  EXPECT_EQ(call(Method::kDelete, "/v3/auth/tokens", nullptr, first, first).status, 204);
  EXPECT_FALSE(identity_->authenticate(first).ok());
  EXPECT_FALSE(identity_->authenticate(second).ok());
  EXPECT_TRUE(identity_->authenticate(other).ok());
  EXPECT_EQ(call(Method::kGet, "/v3/auth/tokens", nullptr, other, first).status, 404);
  EXPECT_EQ(login({{"methods", {"token"}}, {"token", {{"id", first}}}}).status, 404);
  start();  // a restart forgets nothing
  EXPECT_FALSE(identity_->authenticate(first).ok());
}

TEST_F(IdentityTest, revocations_are_forgotten_when_their_tokens_have_expired) {
  make_member("ann");
  const std::string text = member_token("ann");
  ASSERT_EQ(call(Method::kDelete, "/v3/auth/tokens", nullptr, text, text).status, 204);
  const auto rows = [&] {
    auto found = database_->read([](store::Tx& tx) { return tx.query("SELECT * FROM revocations"); });
    return found->size();
  };
  ASSERT_TRUE(identity_->maintain().ok());
  EXPECT_EQ(rows(), 1U);
  clock_.advance_us(3700'000'000);
  ASSERT_TRUE(identity_->maintain().ok());
  EXPECT_EQ(rows(), 0U);
}

TEST_F(IdentityTest, losing_the_role_the_project_or_the_user_ends_the_token_at_once) {
  make_member("ann");
  const std::string text = member_token("ann");
  const std::string grant_path =
      "/v3/projects/" + project_ + "/users/" + user_ + "/roles/" + role_id("member");
  ASSERT_TRUE(identity_->authenticate(text).ok());
  ASSERT_EQ(remove(grant_path, admin_).status, 204);
  EXPECT_FALSE(identity_->authenticate(text).ok());
  ASSERT_EQ(put(grant_path).status, 204);
  EXPECT_TRUE(identity_->authenticate(text).ok());
  ASSERT_EQ(patch("/v3/projects/" + project_, {{"project", {{"enabled", false}}}}).status, 200);
  EXPECT_FALSE(identity_->authenticate(text).ok());
  ASSERT_EQ(patch("/v3/projects/" + project_, {{"project", {{"enabled", true}}}}).status, 200);
  ASSERT_EQ(remove("/v3/users/" + user_, admin_).status, 204);
  EXPECT_FALSE(identity_->authenticate(text).ok());
}

TEST_F(IdentityTest, a_user_sees_only_its_own_tokens) {
  make_member("ann");
  const std::string ann = member_token("ann");
  EXPECT_EQ(call(Method::kGet, "/v3/auth/tokens", nullptr, ann, admin_).status, 403);
  EXPECT_EQ(call(Method::kGet, "/v3/auth/tokens", nullptr, admin_, ann).status, 200);
  EXPECT_EQ(call(Method::kGet, "/v3/auth/tokens", nullptr, ann, "").status, 404);
  EXPECT_EQ(call(Method::kGet, "/v3/auth/tokens", nullptr, "", ann).status, 401);
}

TEST_F(IdentityTest, without_a_scope_the_default_project_is_taken) {
  make_member("ann");
  EXPECT_FALSE(password_login("ann", "ann-pw").body["token"].contains("project"));
  ASSERT_EQ(patch("/v3/users/" + user_, {{"user", {{"default_project_id", project_}}}}).status, 200);
  EXPECT_EQ(password_login("ann", "ann-pw").body["token"]["project"]["id"], project_);
  const Json user = {{"id", user_}, {"password", "ann-pw"}};
  const Reply unscoped = login({{"methods", {"password"}}, {"password", {{"user", user}}}}, "unscoped");
  EXPECT_EQ(unscoped.status, 201);
  EXPECT_FALSE(unscoped.body["token"].contains("project"));
}

TEST_F(IdentityTest, domain_and_system_scopes) {
  const Json user = {{"name", "admin"}, {"domain", {{"id", "default"}}}, {"password", admin_password_}};
  const Json identity = {{"methods", {"password"}}, {"password", {{"user", user}}}};
  const Reply domain = login(identity, {{"domain", {{"name", "Default"}}}});
  EXPECT_EQ(domain.body["token"]["domain"]["id"], "default");
  const Reply system = login(identity, {{"system", {{"all", true}}}});
  EXPECT_EQ(system.body["token"]["system"], (Json{{"all", true}}));
  EXPECT_EQ(get("/v3/users", token(system)).status, 200);
  EXPECT_EQ(login(identity, {{"system", {{"all", false}}}}).status, 400);
}

TEST_F(IdentityTest, garbage_tokens_are_401) {
  for (const std::string& text :
       {std::string("x"), std::string(300, 'A'), std::string(5000, 'A'), "gAAAAA" + admin_}) {
    EXPECT_EQ(get("/v3/auth/projects", text).status, 401);
  }
}

}  // namespace
}  // namespace hanok::identity

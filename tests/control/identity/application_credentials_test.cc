#include "tests/control/identity/fixture.h"

namespace hanok::identity {
namespace {

class ApplicationCredentialTest : public IdentityTest {
 protected:
  void SetUp() override {
    IdentityTest::SetUp();
    make_member("ann");
    ann_ = member_token("ann");
    path_ = "/v3/users/" + user_ + "/application_credentials";
  }
  Json make(const Json& fields) {
    const Reply reply = post(path_, {{"application_credential", fields}}, ann_);
    EXPECT_EQ(reply.status, 201) << reply.body.dump();
    return reply.body["application_credential"];
  }
  Reply enter(const Json& credential) {
    return login({{"methods", {"application_credential"}},
                  {"application_credential", {{"id", credential["id"]}, {"secret", credential["secret"]}}}});
  }

  std::string ann_, path_;
};

TEST_F(ApplicationCredentialTest, gives_its_project_and_shows_its_secret_once) {
  const Json made = make({{"name", "robot"}});
  const std::string id = made["id"];
  const Json shown = get(path_ + "/" + id, ann_).body["application_credential"];
  EXPECT_FALSE(shown.contains("secret"));
  EXPECT_EQ(shown["project_id"], project_);
  EXPECT_EQ(get(path_ + "?name=robot", ann_).body["application_credentials"].size(), 1U);
  EXPECT_EQ(get(path_ + "?name=other", ann_).body["application_credentials"].size(), 0U);
  const Reply entered = enter(made);
  EXPECT_EQ(entered.body["token"]["project"]["id"], project_);
  const std::string text = token(entered);
  EXPECT_TRUE(identity_->authenticate(text).ok());
  ASSERT_EQ(remove(path_ + "/" + id, ann_).status, 204);
  EXPECT_FALSE(identity_->authenticate(text).ok());
  EXPECT_EQ(enter(made).status, 401);
}

TEST_F(ApplicationCredentialTest, gives_no_more_than_was_asked_and_is_still_there) {
  const Json made = make({{"name", "robot"}, {"roles", {{{"name", "reader"}}}}});
  const std::string text = token(enter(made));
  EXPECT_THAT(identity_->authenticate(text)->roles, testing::ElementsAre("reader"));
  EXPECT_EQ(post(path_, {{"application_credential", {{"name", "x"}, {"roles", {{{"name", "admin"}}}}}}}, ann_)
                .status,
            400);
  ASSERT_EQ(
      remove("/v3/projects/" + project_ + "/users/" + user_ + "/roles/" + role_id("member"), admin_).status,
      204);
  EXPECT_FALSE(identity_->authenticate(text).ok());
}

TEST_F(ApplicationCredentialTest, ends_at_its_time) {
  const std::int64_t end_us = clock_.now_us() + 60'000'000 + 5;
  const Json made = make({{"name", "robot"}, {"expires_at", iso8601_micro(end_us)}});
  EXPECT_EQ(made["expires_at"], iso8601_micro(end_us));
  const std::string text = token(enter(made));
  ASSERT_TRUE(identity_->authenticate(text).ok());
  clock_.advance_us(61'000'000);
  EXPECT_FALSE(identity_->authenticate(text).ok());
  EXPECT_EQ(enter(made).status, 401);
  EXPECT_EQ(
      post(path_, {{"application_credential", {{"name", "x"}, {"expires_at", "2001-01-01T00:00:00"}}}}, ann_)
          .status,
      400);
}

TEST_F(ApplicationCredentialTest, a_restricted_one_makes_no_others) {
  const std::string restricted = token(enter(make({{"name", "robot"}})));
  EXPECT_EQ(post(path_, {{"application_credential", {{"name", "x"}}}}, restricted).status, 403);
  const std::string free = token(enter(make({{"name", "free"}, {"unrestricted", true}})));
  EXPECT_EQ(post(path_, {{"application_credential", {{"name", "x"}}}}, free).status, 201);
  EXPECT_EQ(login({{"methods", {"token"}}, {"token", {{"id", restricted}}}}).status, 403);
}

TEST_F(ApplicationCredentialTest, others_neither_make_nor_see_it) {
  const std::string id = make({{"name", "robot"}})["id"];
  const std::string path = path_;
  EXPECT_EQ(post(path, {{"application_credential", {{"name", "x"}}}}, admin_).status, 403);
  make_member("bob");
  const std::string bob = member_token("bob");
  EXPECT_EQ(get(path + "/" + id, bob).status, 403);
  EXPECT_EQ(get(path, bob).status, 403);
  EXPECT_EQ(get("/v3/users/" + user_ + "/application_credentials/" + id, bob).status, 404);
}

TEST_F(ApplicationCredentialTest, wrong_requests) {
  make({{"name", "robot"}});
  EXPECT_EQ(post(path_, {{"application_credential", {{"name", "robot"}}}}, ann_).status, 409);
  EXPECT_EQ(post(path_, {{"application_credential", Json::object()}}, ann_).status, 400);
  const Json rule = {{"path", "/v2.1/servers"}, {"method", "GET"}, {"service", "compute"}};
  EXPECT_EQ(post(path_, {{"application_credential", {{"name", "x"}, {"access_rules", {rule}}}}}, ann_).status,
            400);
  EXPECT_EQ(enter({{"id", "none"}, {"secret", "x"}}).status, 401);
}

}  // namespace
}  // namespace hanok::identity

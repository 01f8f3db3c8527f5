#pragma once
// An identity service without sockets: requests go straight to its dispatcher.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "common/secret.h"
#include "control/http/dispatcher.h"
#include "control/identity/identity.h"

namespace hanok::identity {

struct Reply {
  int status = 0;
  Json body;
  http::Headers headers;
};

class IdentityTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = "/tmp/hanok-identity-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    auto database = store::open_database(folder_ + "/db", {identity_module()});
    ASSERT_TRUE(database.ok()) << database.error().message;
    database_ = std::move(database).value();
    start();
    admin_ = token(password_login("admin", admin_password_, "admin"));
    ASSERT_FALSE(admin_.empty());
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  // As at a start of the program; again: as after a restart.
  void start() {
    Settings settings;
    settings.fernet_keys = folder_ + "/keys";
    settings.admin_password_file = folder_ + "/admin.password";
    settings.bcrypt_cost = 4;
    settings.catalog = {{"identity", "keystone", "http://127.0.0.1:5000/v3"},
                        {"block-storage", "cinder", "http://127.0.0.1:8776/v3/$(project_id)s"}};
    auto identity = make_identity(*database_, clock_, settings);
    ASSERT_TRUE(identity.ok()) << identity.error().message;
    identity_ = std::move(identity).value();
    dispatcher_ = std::make_unique<http::Dispatcher>(identity_->service(), *identity_);
    auto password = read_file(settings.admin_password_file);
    ASSERT_TRUE(password.ok());
    admin_password_ = password->substr(0, password->find('\n'));
  }

  Reply call(http::Method method, const std::string& target, const Json& body = nullptr,
             const std::string& auth_token = "", const std::string& subject = "") {
    http::Request request;
    request.method = method;
    request.base_url = "http://127.0.0.1:5000";
    request.request_id = "req-1";
    if (!auth_token.empty()) request.headers["X-Auth-Token"] = auth_token;
    if (!subject.empty()) request.headers["X-Subject-Token"] = subject;
    const auto plan = dispatcher_->plan(target, request);
    http::Response response = dispatcher_->answer(plan, request, body.is_null() ? "" : dump_json(body));
    return {response.status, std::move(response.body), std::move(response.headers)};
  }
  Reply get(const std::string& target, const std::string& auth_token) {
    return call(http::Method::kGet, target, nullptr, auth_token);
  }
  Reply post(const std::string& target, const Json& body, const std::string& auth_token = "") {
    return call(http::Method::kPost, target, body, auth_token);
  }
  Reply patch(const std::string& target, const Json& body) {
    return call(http::Method::kPatch, target, body, admin_);
  }
  Reply put(const std::string& target) { return call(http::Method::kPut, target, nullptr, admin_); }
  Reply remove(const std::string& target, const std::string& auth_token) {
    return call(http::Method::kDelete, target, nullptr, auth_token);
  }

  Reply login(const Json& identity, const Json& scope = nullptr) {
    Json auth = {{"identity", identity}};
    if (!scope.is_null()) auth["scope"] = scope;
    return post("/v3/auth/tokens", {{"auth", auth}});
  }
  // Without a project: no scope is asked for.
  Reply password_login(const std::string& name, const std::string& password,
                       const std::string& project = "") {
    const Json domain = {{"id", "default"}};
    Json scope;
    if (!project.empty()) scope = {{"project", {{"name", project}, {"domain", domain}}}};
    return login({{"methods", {"password"}},
                  {"password", {{"user", {{"name", name}, {"domain", domain}, {"password", password}}}}}},
                 scope);
  }
  static std::string token(const Reply& reply) {
    EXPECT_EQ(reply.status, 201) << reply.body.dump();
    const auto it = reply.headers.find("X-Subject-Token");
    return it == reply.headers.end() ? std::string() : it->second;
  }

  std::string create(const std::string& collection, const std::string& kind, const Json& fields) {
    const Reply reply = post("/v3/" + collection, {{kind, fields}}, admin_);
    EXPECT_EQ(reply.status, 201) << reply.body.dump();
    return reply.status == 201 ? reply.body[kind]["id"].get<std::string>() : "";
  }
  std::string role_id(const std::string& name) {
    return get("/v3/roles?name=" + name, admin_).body["roles"][0]["id"].get<std::string>();
  }
  void grant(const std::string& project, const std::string& user, const std::string& role) {
    EXPECT_EQ(put("/v3/projects/" + project + "/users/" + user + "/roles/" + role_id(role)).status, 204);
  }
  // A user with a role on a new project of the name `<name>-project`.
  void make_member(const std::string& name, const std::string& role = "member") {
    project_ = create("projects", "project", {{"name", name + "-project"}});
    user_ = create("users", "user", {{"name", name}, {"password", name + "-pw"}});
    grant(project_, user_, role);
  }
  std::string member_token(const std::string& name) {
    return token(password_login(name, name + "-pw", name + "-project"));
  }

  std::string folder_, admin_, admin_password_, project_, user_;
  ManualClock clock_;
  std::unique_ptr<store::Database> database_;
  std::unique_ptr<Identity> identity_;
  std::unique_ptr<http::Dispatcher> dispatcher_;
};

}  // namespace hanok::identity

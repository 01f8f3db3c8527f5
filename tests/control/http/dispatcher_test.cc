#include "control/http/dispatcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

namespace hanok::http {
namespace {

// Tokens are role names here.
class RoleAuthenticator final : public Authenticator {
 public:
  Result<Caller> authenticate(std::string_view token) override {
    if (token == "wrong") return unauthorized("no");
    Caller out;
    out.roles = {std::string(token)};
    out.is_admin = token == "admin";
    return out;
  }
};

class DispatcherTest : public testing::Test {
 protected:
  DispatcherTest() { make(Envelope::kCompute); }

  void make(Envelope envelope) {
    const Handler echo = [this](Request& request) -> Result<Response> {
      ++handled_;
      return ok({{"body", request.json}, {"minor", request.minor_version}, {"params", request.params}});
    };
    Service service;
    service.name = "compute";
    service.envelope = envelope;
    service.microversion_type = "compute";
    service.major = 2;
    service.min_minor = 1;
    service.max_minor = 93;
    service.routes = {
        {Method::kGet, "/", Access::kPublic, echo},
        {Method::kGet, "/servers/detail", Access::kReader, echo},
        {Method::kGet, "/servers/{id}", Access::kReader, echo},
        {Method::kPost, "/servers", Access::kMember, echo},
        {Method::kPatch, "/images/{id}", Access::kMember, echo},
        {Method::kDelete, "/hosts/{id}", Access::kAdmin, echo},
        {Method::kGet, "/mine", Access::kToken, echo},
        {Method::kGet, "/bug", Access::kPublic,
         [](Request&) -> Result<Response> { throw std::runtime_error("secret detail"); }},
        {Method::kGet, "/failure", Access::kPublic,
         [](Request&) -> Result<Response> { return internal_error("secret detail"); }},
    };
    dispatcher_ = std::make_unique<Dispatcher>(service, authenticator_);
  }

  Response call(Method method, const std::string& target, const std::string& body = "",
                const Headers& headers = {}, const std::string& token = "admin") {
    Request request;
    request.method = method;
    request.headers = headers;
    if (!token.empty()) request.headers["X-Auth-Token"] = token;
    request.request_id = "req-7";
    const auto plan = dispatcher_->plan(target, request);
    return dispatcher_->answer(plan, request, body);
  }

  int handled_ = 0;
  RoleAuthenticator authenticator_;
  std::unique_ptr<Dispatcher> dispatcher_;
};

TEST_F(DispatcherTest, literal_segments_win_and_trailing_slashes_do_not_matter) {
  EXPECT_TRUE(call(Method::kGet, "/servers/detail").body["params"].empty());
  EXPECT_EQ(call(Method::kGet, "/servers/x/").body["params"]["id"], "x");
  EXPECT_EQ(call(Method::kGet, "/").status, 200);
}

TEST_F(DispatcherTest, head_goes_where_get_goes) {
  EXPECT_EQ(call(Method::kHead, "/servers/x").status, 200);
}

TEST_F(DispatcherTest, unknown_paths_and_methods) {
  EXPECT_EQ(call(Method::kGet, "/nothing").body["itemNotFound"]["code"], 404);
  const Response wrong = call(Method::kPut, "/servers");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.headers.at("Allow"), "POST");
  EXPECT_EQ(handled_, 0);
}

TEST_F(DispatcherTest, roles_decide_who_may) {
  struct Case {
    Method method;
    const char* target;
    std::vector<int> status;  // of: no token, wrong token, reader, member, admin
  };
  const std::vector<Case> cases = {
      {Method::kGet, "/", {200, 200, 200, 200, 200}},
      {Method::kGet, "/mine", {401, 401, 200, 200, 200}},
      {Method::kGet, "/servers/x", {401, 401, 200, 200, 200}},
      {Method::kPost, "/servers", {401, 401, 403, 200, 200}},
      {Method::kDelete, "/hosts/x", {401, 401, 403, 403, 200}},
  };
  const std::vector<std::string> tokens = {"", "wrong", "reader", "member", "admin"};
  for (const Case& each : cases) {
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      EXPECT_EQ(call(each.method, each.target, "", {}, tokens[i]).status, each.status[i])
          << each.target << " as '" << tokens[i] << "'";
    }
  }
  EXPECT_EQ(call(Method::kGet, "/mine", "", {}, std::string(5000, 'x')).status, 401);
}

TEST_F(DispatcherTest, bodies_must_be_objects_of_bounded_size_and_depth) {
  EXPECT_EQ(call(Method::kPost, "/servers", R"({"a": [1]})").body["body"]["a"][0], 1);
  EXPECT_EQ(handled_, 1);
  for (const std::string& body : {std::string("{"), std::string("[]"), std::string("7"), std::string("\"x\""),
                                  std::string("{\"a\":\xff}"), std::string(100, '['),
                                  "{\"a\":" + std::string(100, '[') + std::string(100, ']') + "}"}) {
    const Response response = call(Method::kPost, "/servers", body);
    EXPECT_EQ(response.status, 400) << body;
    EXPECT_EQ(response.body["badRequest"]["code"], 400);
  }
  EXPECT_EQ(call(Method::kPost, "/servers", "{\"a\":\"" + std::string(1U << 20U, 'x') + "\"}").status, 413);
  EXPECT_EQ(handled_, 1);
}

TEST_F(DispatcherTest, a_list_is_a_body_only_as_json_patch_of_images) {
  const Headers patch = {{"Content-Type", "application/openstack-images-v2.1-json-patch"}};
  EXPECT_EQ(call(Method::kPatch, "/images/x", "[]", patch).status, 200);
  EXPECT_EQ(call(Method::kPatch, "/images/x", "[]").status, 400);
}

TEST_F(DispatcherTest, microversions_are_negotiated_and_echoed) {
  const auto with = [&](const std::string& name, const std::string& value) {
    return call(Method::kGet, "/servers/x", "", {{name, value}});
  };
  EXPECT_EQ(call(Method::kGet, "/servers/x").headers.at("OpenStack-API-Version"), "compute 2.1");
  const Response seen = with("OpenStack-API-Version", "volume 3.1, compute 2.60");
  EXPECT_EQ(seen.body["minor"], 60);
  EXPECT_EQ(seen.headers.at("OpenStack-API-Version"), "compute 2.60");
  EXPECT_EQ(seen.headers.at("X-OpenStack-Nova-API-Version"), "2.60");
  EXPECT_NE(seen.headers.at("Vary").find("OpenStack-API-Version"), std::string::npos);
  EXPECT_EQ(with("X-OpenStack-Nova-API-Version", "2.73").body["minor"], 73);
  EXPECT_EQ(with("OpenStack-API-Version", "compute latest").body["minor"], 93);
  EXPECT_EQ(with("OpenStack-API-Version", "volume 3.60").body["minor"], 1);
  for (const char* outside : {"2.94", "2.0", "3.1", "1.5"}) {
    EXPECT_EQ(with("X-OpenStack-Nova-API-Version", outside).status, 406) << outside;
  }
  for (const char* malformed : {"2", "2.", ".1", "2.x", "2.01", "new", "2.1.1", "2.99999999999"}) {
    EXPECT_EQ(with("X-OpenStack-Nova-API-Version", malformed).status, 400) << malformed;
  }
}

// cinderclient's shell asks with its own newest version which ones there are.
TEST_F(DispatcherTest, version_documents_are_for_every_microversion) {
  for (const char* outside : {"compute 2.200", "compute 3.0", "compute new"}) {
    EXPECT_EQ(call(Method::kGet, "/", "", {{"OpenStack-API-Version", outside}}).status, 200) << outside;
  }
}

TEST_F(DispatcherTest, every_answer_has_the_request_id) {
  for (const char* target : {"/", "/nothing", "/bug"}) {
    EXPECT_EQ(call(Method::kGet, target).headers.at("X-Openstack-Request-Id"), "req-7") << target;
    EXPECT_EQ(call(Method::kGet, target).headers.at("X-Compute-Request-Id"), "req-7") << target;
  }
}

TEST_F(DispatcherTest, a_failure_inside_says_nothing_of_the_inside) {
  for (const char* target : {"/bug", "/failure"}) {
    const Response response = call(Method::kGet, target);
    EXPECT_EQ(response.status, 500);
    EXPECT_EQ(response.body.dump().find("secret"), std::string::npos);
    EXPECT_NE(response.body.dump().find("req-7"), std::string::npos);
  }
}

TEST_F(DispatcherTest, each_service_has_its_own_envelope) {
  const auto not_found_of = [&](Envelope envelope) {
    make(envelope);
    return call(Method::kGet, "/nothing").body;
  };
  EXPECT_EQ(not_found_of(Envelope::kIdentity)["error"]["title"], "Not Found");
  EXPECT_EQ(not_found_of(Envelope::kVolume)["itemNotFound"]["code"], 404);
  EXPECT_EQ(not_found_of(Envelope::kNetwork)["NeutronError"]["type"], "HTTPNotFound");
  EXPECT_EQ(not_found_of(Envelope::kImage)["title"], "Not Found");
}

}  // namespace
}  // namespace hanok::http

#pragma once
// One service's routes over a private database, called as the HTTP edge calls them, but for the envelope: a
// test sees the handler's own answer or its Error. Where the envelope matters: api_caller.h.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "common/clock.h"
#include "control/http/router.h"
#include "control/http/url.h"
#include "control/store/store.h"

namespace hanok {

class ServiceTest : public ::testing::Test {
 protected:
  explicit ServiceTest(const std::vector<store::Module>& modules) {
    auto opened = store::open_database(":memory:", modules);
    HANOK_ASSERT(opened.ok());
    database = std::move(*opened);
    be("alice");
  }

  // The service under test; its routes must find `database` and `clock` alive.
  void serve(http::Service service) {
    service_ = std::move(service);
    router_ = std::make_unique<http::Router>(service_.routes);
  }

  void be(const std::string& project, bool admin = false) {
    caller = {};
    caller.user_id = project + "-user";
    caller.project_id = project;
    caller.is_admin = admin;
    caller.roles = {admin ? "admin" : "member"};
  }

  // A call that is expected to succeed with `status`; gives the body.
  Json call(http::Method method, const std::string& target, const Json& body, int status) {
    auto reply = dispatch(method, target, body);
    if (!reply.ok()) {
      ADD_FAILURE() << http::method_name(method) << ' ' << target << ": " << reply.error().type << ": "
                    << reply.error().message;
      return nullptr;
    }
    EXPECT_EQ(reply->status, status) << target;
    last = std::move(*reply);
    return last.body;
  }
  Json get(const std::string& target) { return call(http::Method::kGet, target, nullptr, 200); }
  Json put(const std::string& target, const Json& body) {
    return call(http::Method::kPut, target, body, 200);
  }
  void remove(const std::string& target, int status = 204) {
    call(http::Method::kDelete, target, nullptr, status);
  }

  // A call that is expected to fail; gives the error. What it would have changed is unchanged (rolled back).
  Error refuse(http::Method method, const std::string& target, const Json& body = nullptr) {
    auto reply = dispatch(method, target, body);
    if (!reply.ok()) return reply.error();
    ADD_FAILURE() << http::method_name(method) << ' ' << target
                  << " was not refused: " << dump_json(reply->body);
    return internal_error("not refused");
  }
  Error refuse_post(const std::string& target, const Json& body) {
    return refuse(http::Method::kPost, target, body);
  }
  Error refuse_put(const std::string& target, const Json& body) {
    return refuse(http::Method::kPut, target, body);
  }
  Error refuse_delete(const std::string& target) { return refuse(http::Method::kDelete, target); }
  Error refuse_get(const std::string& target) { return refuse(http::Method::kGet, target); }

  ManualClock clock;
  std::unique_ptr<store::Database> database;
  http::Caller caller;
  int minor = 1;  // the microversion, where the service has one
  http::Response last;

 private:
  Result<http::Response> dispatch(http::Method method, const std::string& target, const Json& body) {
    clock.advance_us(1);  // no two calls at one moment: the order of creation is clear
    auto parsed = http::parse_target(target);
    if (!parsed.ok()) return parsed.take_error();
    http::Request request;
    request.method = method;
    request.path = parsed->path;
    request.query = parsed->query;
    request.json = body;
    request.base_url = "http://api";
    request.caller = caller;
    request.request_id = "req-" + std::to_string(clock.now_us());
    if (service_.max_minor >= 0) {
      request.minor_version = minor;
      request.service_version = std::to_string(service_.major) + "." + std::to_string(minor);
    }
    auto match = router_->match(method, parsed->segments);
    if (match.route == nullptr) return not_found("no route for " + request.path);
    request.params = std::move(match.params);
    if (match.route->access == http::Access::kAdmin && !caller.is_admin) {
      return forbidden("the route is for administrators");
    }
    return match.route->handler(request);
  }

  http::Service service_;
  std::unique_ptr<http::Router> router_;
};

}  // namespace hanok

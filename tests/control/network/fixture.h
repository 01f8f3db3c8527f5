#pragma once
// A network service over a private database, called as the HTTP edge calls it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "control/http/router.h"
#include "control/network/network.h"

namespace hanok::network {

class NetworkTest : public ::testing::Test {
 protected:
  NetworkTest();

  // A call that is expected to succeed with `status`; gives the body.
  Json call(http::Method method, const std::string& target, const Json& body, int status);
  Json get(const std::string& target) { return call(http::Method::kGet, target, nullptr, 200); }
  Json post(const std::string& target, const Json& body) {
    return call(http::Method::kPost, target, body, 201);
  }
  Json put(const std::string& target, const Json& body) {
    return call(http::Method::kPut, target, body, 200);
  }
  void remove(const std::string& target) { call(http::Method::kDelete, target, nullptr, 204); }
  // A call that is expected to fail; gives the error. What it would have changed is unchanged (rolled back).
  Error refuse(http::Method method, const std::string& target, const Json& body = nullptr);
  Error refuse_post(const std::string& target, const Json& body) {
    return refuse(http::Method::kPost, target, body);
  }
  Error refuse_put(const std::string& target, const Json& body) {
    return refuse(http::Method::kPut, target, body);
  }
  Error refuse_delete(const std::string& target) { return refuse(http::Method::kDelete, target); }
  Error refuse_get(const std::string& target) { return refuse(http::Method::kGet, target); }

  void be(const std::string& project, bool admin = false);

  // Shorthands for what most stories need.
  std::string network(const std::string& name = "net");
  std::string subnet(const std::string& network_id, const std::string& cidr);
  Json port(const std::string& network_id, Json more = Json::object());
  std::string router(Json more = Json::object());
  std::string external_network();  // with 203.0.113.0/24; made by an administrator; the caller stays the same
  void add_interface(const std::string& router_id, const std::string& subnet_id);
  // How agents see the object now.
  Json render(const std::string& kind, const std::string& id);
  // The newest generation at which agents must look at the object; 0: never touched.
  std::int64_t touched(const std::string& kind, const std::string& id);
  void announce_host(const std::string& name);

  ManualClock clock;
  std::unique_ptr<store::Database> database;
  http::Caller caller;

 private:
  Result<http::Response> dispatch(http::Method method, const std::string& target, const Json& body);
  http::Service service_;
  std::unique_ptr<http::Router> router_;
};

// EXPECT_ERROR(error, kConflict, "NetworkInUse")
#define EXPECT_ERROR(error_expression, expected_code, expected_type)                          \
  do {                                                                                        \
    const Error error_ = (error_expression);                                                  \
    EXPECT_EQ(to_string(error_.code), to_string(ErrorCode::expected_code)) << error_.message; \
    EXPECT_EQ(error_.type, expected_type) << error_.message;                                  \
  } while (false)

}  // namespace hanok::network

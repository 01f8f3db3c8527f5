#pragma once
// A network service over a private database, called as the HTTP edge calls it.

#include <string>

#include "control/network/network.h"
#include "tests/control/service_fixture.h"

namespace hanok::network {

class NetworkTest : public ServiceTest {
 protected:
  NetworkTest();

  Json post(const std::string& target, const Json& body) {
    return call(http::Method::kPost, target, body, 201);
  }
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
};

// EXPECT_ERROR(error, kConflict, "NetworkInUse")
#define EXPECT_ERROR(error_expression, expected_code, expected_type)                          \
  do {                                                                                        \
    const Error error_ = (error_expression);                                                  \
    EXPECT_EQ(to_string(error_.code), to_string(ErrorCode::expected_code)) << error_.message; \
    EXPECT_EQ(error_.type, expected_type) << error_.message;                                  \
  } while (false)

}  // namespace hanok::network

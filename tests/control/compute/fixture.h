#pragma once
// The compute service over a private database with the real network, image and volume services beside it,
// called as the HTTP edge calls it, and an agent that the test plays.

#include <string>

#include "control/bus/bus.h"
#include "control/compute/compute.h"
#include "tests/control/service_fixture.h"

namespace hanok::compute {

// Answers what the test put in; counts what was asked.
class FakeAsker final : public bus::Asker {
 public:
  Result<Json> ask(const std::string& host, const std::string& method, const Json& params,
                   std::int64_t) override {
    asked_host = host;
    asked_method = method;
    asked_params = params;
    return answer;
  }
  std::string asked_host, asked_method;
  Json asked_params;
  Result<Json> answer = unavailable("no session");
};

class ComputeTest : public ServiceTest {
 protected:
  ComputeTest();

  Json post(const std::string& target, const Json& body, int status = 200) {
    return call(http::Method::kPost, target, body, status);
  }
  void act(const std::string& id, const Json& action, int status = 202) {
    post("/v2.1/servers/" + id + "/action", action, status);
  }
  Error refuse_act(const std::string& id, const Json& action) {
    return refuse_post("/v2.1/servers/" + id + "/action", action);
  }

  std::string flavor(const std::string& id = "1", int ram = 128, int vcpus = 1, int disk = 1);
  std::string image(const std::string& name = "cirros");
  std::string network();
  std::string volume(int size_gib = 1);
  void volume_status(const std::string& id, const std::string& status);
  std::string volume_status(const std::string& id);
  void host(const std::string& name = "node1", int vcpus = 4, int ram_mib = 4096, int disk_gib = 40);
  // A body for POST /servers with the first flavor and image.
  Json server_body(const std::string& name = "vm");
  std::string boot(const std::string& name = "vm");    // asked for, not yet built
  std::string active(const std::string& name = "vm");  // built by the agent
  Json server(const std::string& id) { return get("/v2.1/servers/" + id)["server"]; }
  std::string status(const std::string& id) { return server(id)["status"]; }

  // The agent of `host`.
  Json render(const std::string& id, const std::string& host = "node1");
  void report(const std::string& id, Json observed, const std::string& host = "node1");
  void report_state(const std::string& id, const std::string& state);  // with all that is asked for done
  void sweep();
  std::int64_t count(const std::string& sql);

  FakeAsker asker;
  std::string image_id, flavor_id, network_id;

 private:
  std::vector<bus::Kind> kinds_;
};

#define EXPECT_CODE(error_expression, expected_code)                                          \
  do {                                                                                        \
    const Error error_ = (error_expression);                                                  \
    EXPECT_EQ(to_string(error_.code), to_string(ErrorCode::expected_code)) << error_.message; \
  } while (false)

}  // namespace hanok::compute

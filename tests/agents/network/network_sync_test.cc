#include <gtest/gtest.h>

#include "agents/network/network_role.h"

namespace hanok::agent {
namespace {

// The data plane's control socket in memory.
struct FakeDataplane {
  bool away = false;
  std::string refuse_port;  // an object with this id is not taken
  Json state = nullptr;
  std::int64_t generation = 0;
  Json ports_up = Json::object();
  std::vector<std::string> calls;
  Json last;

  Result<Json> call(const std::string& method, const Json& params) {
    if (away) return unavailable("no data plane");
    calls.push_back(method);
    if (method == "status") return Json{{"generation", generation}, {"ports", ports_up}};
    last = params;
    const Json& document = params.contains("state") ? params["state"] : params["changes"];
    if (method == "state.apply" && params["base_generation"] != generation)
      return bad_request("wrong generation");
    if (document.contains("port") && document["port"].contains(refuse_port)) {
      return bad_request("no such network at \"/" +
                         std::string(params.contains("state") ? "state" : "changes") + "/port/" +
                         refuse_port + "/network\"");
    }
    if (method == "state.put") state = document;
    generation = document["generation"];
    return Json{{"generation", generation}};
  }
  void restart() {
    state = nullptr;
    generation = 0;
  }
  int count(const std::string& method) const {
    return static_cast<int>(std::count(calls.begin(), calls.end(), method));
  }
};

class Reported final : public Outbox {
 public:
  void report(const std::string&, const std::string& id, Json observed) override {
    all.emplace_back(id, observed["state"]);
  }
  std::vector<std::pair<std::string, std::string>> all;
};

class NetworkSyncTest : public ::testing::Test {
 protected:
  static Changes ports(std::int64_t generation, bool whole, std::map<std::string, Json> objects) {
    return {generation, whole, {{"port", std::move(objects)}}};
  }
  FakeDataplane dataplane_;
  Reported reported_;
  Json port_ = {{"network", "n"}, {"mac", "fa:16:3e:00:00:01"}, {"host", "node1"}};
  NetworkSync sync_{
      {"node1", "", "/run/vhost", {}},
      [this](const std::string& method, const Json& params) { return dataplane_.call(method, params); },
      reported_};
};

TEST_F(NetworkSyncTest, WholeFirstThenChanges) {
  ASSERT_TRUE(sync_.push({ports(5, true, {{"p", port_}})}).ok());
  EXPECT_EQ(dataplane_.count("state.put"), 1);
  ASSERT_TRUE(sync_.push({ports(6, false, {{"q", port_}})}).ok());
  EXPECT_EQ(dataplane_.count("state.put"), 1);
  EXPECT_EQ(dataplane_.last["base_generation"], 5);
  EXPECT_EQ(dataplane_.last["changes"]["port"].size(), 1U);
  EXPECT_EQ(dataplane_.generation, 6);
}

TEST_F(NetworkSyncTest, NothingIsPutBeforeTheApiHasSpoken) {
  EXPECT_TRUE(sync_.check().ok());
  EXPECT_TRUE(dataplane_.calls.empty());
}

TEST_F(NetworkSyncTest, ARestartedDataplaneGetsEverythingAgain) {
  ASSERT_TRUE(sync_.push({ports(5, true, {{"p", port_}}), ports(6, false, {{"q", port_}})}).ok());
  dataplane_.restart();
  ASSERT_TRUE(sync_.check().ok());
  EXPECT_EQ(dataplane_.state["port"].size(), 2U);
  EXPECT_EQ(dataplane_.generation, 6);
}

TEST_F(NetworkSyncTest, ChangesWhileTheDataplaneIsAwayComeWithTheWhole) {
  ASSERT_TRUE(sync_.push({ports(5, true, {})}).ok());
  dataplane_.away = true;
  EXPECT_FALSE(sync_.push({ports(6, false, {{"p", port_}})}).ok());
  EXPECT_FALSE(sync_.in_step());
  dataplane_.away = false;
  ASSERT_TRUE(sync_.check().ok());
  EXPECT_TRUE(dataplane_.state["port"].contains("p"));
}

TEST_F(NetworkSyncTest, SomebodyElsesStateIsReplaced) {
  ASSERT_TRUE(sync_.push({ports(5, true, {})}).ok());
  dataplane_.generation = 99;
  ASSERT_TRUE(sync_.push({ports(6, false, {{"p", port_}})}).ok());
  EXPECT_EQ(dataplane_.count("state.put"), 2);
  EXPECT_EQ(dataplane_.generation, 6);
}

TEST_F(NetworkSyncTest, OneRefusedObjectDoesNotHoldUpTheOthers) {
  dataplane_.refuse_port = "bad";
  ASSERT_TRUE(sync_.push({ports(5, true, {{"bad", port_}, {"good", port_}})}).ok());
  EXPECT_TRUE(dataplane_.state["port"].contains("good"));
  EXPECT_FALSE(dataplane_.state["port"].contains("bad"));
  EXPECT_EQ(sync_.refused_objects(), 1U);
  dataplane_.refuse_port.clear();
  ASSERT_TRUE(sync_.push({ports(6, false, {{"bad", port_}})}).ok());
  EXPECT_TRUE(dataplane_.last["changes"]["port"].contains("bad"));
}

TEST_F(NetworkSyncTest, PortsAreReportedWhenTheyChange) {
  ASSERT_TRUE(sync_.push({ports(5, true, {{"p", port_}})}).ok());
  ASSERT_TRUE(sync_.check().ok());
  ASSERT_TRUE(sync_.check().ok());
  dataplane_.ports_up["p"] = {{"up", true}};
  ASSERT_TRUE(sync_.check().ok());
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(reported_.all, (Pairs{{"p", "down"}, {"p", "up"}}));
}

}  // namespace
}  // namespace hanok::agent

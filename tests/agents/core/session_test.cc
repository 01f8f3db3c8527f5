#include "agents/core/session.h"

#include <gtest/gtest.h>

#include <deque>

#include "tests/agents/core/wait_until.h"

namespace hanok::agent {
namespace {

// hanok-api as the agent sees it; all connections share it.
struct FakeServer {
  std::mutex mutex;
  std::condition_variable changed;
  bool away = false, forgotten = false;
  std::int64_t generation = 1;
  std::map<std::string, Json> things;  // changes are served as all of them
  std::deque<Json> asks;
  std::vector<Json> sessions, observed, answers;
  std::vector<std::int64_t> since;
  int refuse_reports = 0;

  void touch() {
    const std::lock_guard lock(mutex);
    ++generation;
    changed.notify_all();
  }
  template <typename Read>
  auto read(Read get) {
    const std::lock_guard lock(mutex);
    return get();
  }
};

class FakeApi final : public Api {
 public:
  explicit FakeApi(FakeServer& server) : server_(server) {}

  Result<Json> call(const std::string&, const std::string& target, const Json& body, std::int64_t) override {
    std::unique_lock lock(server_.mutex);
    if (cancelled_ || server_.away) return unavailable("away");
    if (target == "/agent/v1/session") {
      server_.sessions.push_back(body);
      server_.forgotten = false;
      return Json{{"generation", server_.generation}, {"heartbeat_s", 1}};
    }
    if (target == "/agent/v1/observed") return take_reports(body);
    if (target == "/agent/v1/answer") {
      server_.answers.push_back(body);
      return Json::object();
    }
    return changes(std::stoll(target.substr(target.find("since=") + 6)), lock);
  }
  void cancel() override {
    const std::lock_guard lock(server_.mutex);
    cancelled_ = true;
    server_.changed.notify_all();
  }

 private:
  Result<Json> take_reports(const Json& body) {
    Json results = Json::array();
    for (const auto& observation : body["observations"]) {
      const bool good = server_.refuse_reports-- <= 0;
      if (good) server_.observed.push_back(observation);
      results.push_back({{"ok", good}});
    }
    return Json{{"results", std::move(results)}};
  }
  Result<Json> changes(std::int64_t since, std::unique_lock<std::mutex>& lock) {
    if (server_.forgotten) return not_found("who?");
    server_.since.push_back(since);
    server_.changed.wait(lock, [&] {
      return cancelled_ || server_.away || server_.generation != since || !server_.asks.empty();
    });
    if (cancelled_ || server_.away) return unavailable("broke");
    Json out = {{"generation", server_.generation}, {"whole", since == 0}, {"objects", Json::object()}};
    if (server_.generation > since) {
      for (const auto& [id, thing] : server_.things) out["objects"]["thing"][id] = thing;
    }
    out["asks"] = Json::array();
    for (auto& ask : server_.asks) out["asks"].push_back(ask);
    server_.asks.clear();
    return out;
  }
  FakeServer& server_;
  bool cancelled_ = false;
};

class FakeRole final : public Role {
 public:
  void changed(const Changes& changes) override {
    const std::lock_guard lock(mutex);
    taken.push_back(changes);
  }
  std::optional<Result<Json>> answer(const std::string& method, const Json& params) override {
    if (method != "echo") return std::nullopt;
    return Result<Json>(params);
  }
  std::size_t count() {
    const std::lock_guard lock(mutex);
    return taken.size();
  }
  std::mutex mutex;
  std::vector<Changes> taken;
};

class SessionTest : public ::testing::Test {
 protected:
  void SetUp() override { server_.things["a"] = {{"size", 1}}; }
  std::unique_ptr<Session> start() {
    SessionSettings settings;
    settings.host = "node1";
    settings.first_backoff_ms = 1;
    settings.longest_backoff_ms = 5;
    auto out = std::make_unique<Session>(
        settings, [this] { return std::make_unique<FakeApi>(server_); },
        [] {
          return Json{{"host", "node1"}};
        },
        std::vector<Role*>{&role_}, reports_);
    out->start();
    return out;
  }
  void set_away(bool away) {
    const std::lock_guard lock(server_.mutex);
    server_.away = away;
    server_.changed.notify_all();
  }
  FakeServer server_;
  FakeRole role_;
  Reports reports_;
};

TEST_F(SessionTest, AnnouncesThenFetchesEverythingThenChanges) {
  auto session = start();
  ASSERT_TRUE(wait_until([&] { return role_.count() == 1; }));
  EXPECT_TRUE(role_.taken[0].whole);
  EXPECT_EQ(role_.taken[0].objects["thing"]["a"]["size"], 1);
  server_.touch();
  ASSERT_TRUE(wait_until([&] { return role_.count() == 2; }));
  EXPECT_FALSE(role_.taken[1].whole);
  EXPECT_EQ(role_.taken[1].generation, 2);
  EXPECT_GE(server_.read([&] { return server_.sessions.size(); }), 1U);
}

TEST_F(SessionTest, WhileTheApiIsAwayNothingChangesAndReportsWait) {
  auto session = start();
  ASSERT_TRUE(wait_until([&] { return role_.count() == 1; }));
  set_away(true);
  reports_.report("thing", "a", {{"state", "up"}});
  ASSERT_TRUE(wait_until([&] { return reports_.waiting() == 1; }));
  EXPECT_EQ(role_.count(), 1U);
  set_away(false);
  ASSERT_TRUE(wait_until([&] { return reports_.waiting() == 0; }));
  EXPECT_EQ(server_.read([&] { return server_.observed.at(0)["observed"]["state"]; }), "up");
  server_.touch();
  ASSERT_TRUE(wait_until([&] { return role_.count() == 2; }));
  EXPECT_FALSE(role_.taken[1].whole);  // it goes on where it was
}

TEST_F(SessionTest, ARefusedReportIsSentAgain) {
  server_.refuse_reports = 2;
  auto session = start();
  reports_.report("thing", "a", {{"state", "up"}});
  ASSERT_TRUE(wait_until([&] { return server_.read([&] { return server_.observed.size() == 1; }); }));
  EXPECT_EQ(reports_.dropped(), 0U);
}

TEST_F(SessionTest, AnApiWithAnOlderDatabaseIsAskedForEverything) {
  server_.generation = 9;
  auto session = start();
  ASSERT_TRUE(wait_until([&] { return role_.count() == 1; }));
  server_.read([&] {
    server_.generation = 3;
    server_.changed.notify_all();
    return 0;
  });
  ASSERT_TRUE(wait_until([&] { return role_.count() == 2; }));
  EXPECT_TRUE(role_.taken[1].whole);
  EXPECT_EQ(role_.taken[1].generation, 3);
}

TEST_F(SessionTest, AnApiThatForgotTheHostHearsOfItAgain) {
  auto session = start();
  ASSERT_TRUE(wait_until([&] { return role_.count() == 1; }));
  const auto before = server_.read([&] {
    server_.forgotten = true;
    return server_.sessions.size();
  });
  server_.touch();
  ASSERT_TRUE(wait_until([&] { return server_.read([&] { return server_.sessions.size() > before; }); }));
  server_.touch();
  EXPECT_TRUE(wait_until([&] { return role_.count() >= 2; }));
}

TEST_F(SessionTest, QuestionsAreAnsweredAlsoThoseThatNobodyKnows) {
  auto session = start();
  server_.read([&] {
    server_.asks.push_back({{"id", "1"}, {"method", "echo"}, {"params", {{"x", 7}}}});
    server_.asks.push_back({{"id", "2"}, {"method", "sing"}, {"params", Json::object()}});
    server_.changed.notify_all();
    return 0;
  });
  ASSERT_TRUE(wait_until([&] { return server_.read([&] { return server_.answers.size() == 2; }); }));
  EXPECT_EQ(server_.answers[0]["result"]["x"], 7);
  EXPECT_TRUE(server_.answers[1].contains("error"));
}

TEST_F(SessionTest, StopBreaksALongPollOff) {
  auto session = start();
  ASSERT_TRUE(wait_until([&] { return server_.read([&] { return server_.since.size() == 2; }); }));
  session->stop();
  session->stop();
}

}  // namespace
}  // namespace hanok::agent

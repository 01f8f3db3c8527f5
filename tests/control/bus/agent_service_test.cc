#include "control/bus/agent_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "control/http/dispatcher.h"

namespace hanok::bus {
namespace {

using http::Method;

class Nobody final : public http::Authenticator {
 public:
  Result<http::Caller> authenticate(std::string_view) override { return unauthorized("no"); }
};

// Things with an owner: agents see those of their own host.
store::Module things_module() {
  return {"things", {{1, "CREATE TABLE things (id TEXT PRIMARY KEY, host TEXT, state TEXT)"}}};
}

Kind thing_kind() {
  Kind out;
  out.name = "thing";
  out.render = [](store::Tx& tx, const std::string& id, const std::string& host) -> Result<Json> {
    HANOK_TRY(row, tx.query_one("SELECT state FROM things WHERE id = ? AND host = ?", {id, host}));
    if (!row) return Json();
    return Json{{"state", row->text("state")}};
  };
  out.observe = [](store::Tx& tx, const std::string& host, const std::string& id,
                   const Json& observed) -> Status {
    HANOK_TRY(state, need_string(observed, "state"));
    HANOK_CHECK(tx.execute("UPDATE things SET state = ? WHERE id = ? AND host = ?", {state, id, host}));
    if (state == "bad") return bad_request("a bad state");
    return {};
  };
  return out;
}

class AgentServiceTest : public testing::Test {
 protected:
  void SetUp() override {
    auto database = store::open_database(":memory:", {bus_module(), things_module()});
    ASSERT_TRUE(database.ok());
    database_ = std::move(database).value();
    database_->on_commit([this](std::int64_t generation) { sessions_.wake(generation); });
    dispatcher_ = std::make_unique<http::Dispatcher>(
        agent_service(*database_, clock_, sessions_, {thing_kind()}, "secret"), nobody_);
  }

  http::Response call(Method method, const std::string& target, const Json& body = nullptr,
                      const std::string& authorization = "Bearer secret") {
    http::Request request;
    request.method = method;
    request.headers["Authorization"] = authorization;
    const auto plan = dispatcher_->plan(target, request);
    return dispatcher_->answer(plan, request, body.is_null() ? "" : dump_json(body));
  }
  Json changes(const std::string& host, std::int64_t since, int wait_ms = 0) {
    return call(Method::kGet, "/agent/v1/changes?host=" + host + "&since=" + std::to_string(since) +
                                  "&wait_ms=" + std::to_string(wait_ms))
        .body;
  }
  void set_thing(const std::string& id, const std::string& host, const std::string& state) {
    const auto status = database_->write([&](store::Tx& tx) -> Status {
      HANOK_CHECK(
          tx.execute("INSERT INTO things VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
                     " host = excluded.host, state = excluded.state",
                     {id, host, state}));
      return tx.touch("thing", id);
    });
    ASSERT_TRUE(status.ok());
  }
  std::string state_of(const std::string& id) {
    auto row = database_->read(
        [&](store::Tx& tx) { return tx.query_one("SELECT state FROM things WHERE id = ?", {id}); });
    return (*row)->text("state");
  }
  Json announce(const std::string& host, const std::string& vtep) {
    return call(Method::kPost, "/agent/v1/session",
                {{"host", host},
                 {"roles", {"network", "compute"}},
                 {"vtep", vtep},
                 {"capacity", {{"vcpus", 4}, {"ram_mib", 100}, {"disk_gib", 9}}}})
        .body;
  }

  ManualClock clock_;
  Nobody nobody_;
  Sessions sessions_;
  std::unique_ptr<store::Database> database_;
  std::unique_ptr<http::Dispatcher> dispatcher_;
};

TEST_F(AgentServiceTest, the_secret_is_asked_everywhere) {
  for (const char* authorization : {"", "Bearer", "Bearer secre", "Bearer secret2", "secret"}) {
    EXPECT_EQ(call(Method::kGet, "/agent/v1/changes?host=a", nullptr, authorization).status, 401)
        << authorization;
    EXPECT_EQ(call(Method::kPost, "/agent/v1/session", {{"host", "a"}}, authorization).status, 401);
  }
  const auto hosts = database_->read([&](store::Tx& tx) { return list_hosts(tx, 0); });
  EXPECT_TRUE(hosts->empty());
}

TEST_F(AgentServiceTest, everything_first_then_only_what_changed) {
  set_thing("1", "a", "new");
  set_thing("2", "b", "new");
  const Json first = changes("a", 0);
  EXPECT_TRUE(first["whole"]);
  EXPECT_EQ(first["objects"]["thing"], (Json{{"1", {{"state", "new"}}}}));  // of b: nothing
  const std::int64_t seen = first["generation"];
  EXPECT_TRUE(changes("a", seen)["objects"].empty());
  set_thing("1", "a", "old");
  set_thing("1", "a", "older");
  const Json next = changes("a", seen);
  EXPECT_FALSE(next["whole"]);
  EXPECT_EQ(next["objects"]["thing"]["1"]["state"], "older");
}

TEST_F(AgentServiceTest, what_moved_away_is_null_for_the_host_it_left) {
  set_thing("1", "a", "new");
  const std::int64_t seen = changes("a", 0)["generation"];
  set_thing("1", "b", "new");
  EXPECT_TRUE(changes("a", seen)["objects"]["thing"]["1"].is_null());
  EXPECT_EQ(changes("b", seen)["objects"]["thing"]["1"]["state"], "new");
}

TEST_F(AgentServiceTest, an_agent_of_another_database_gets_everything) {
  set_thing("1", "a", "new");
  EXPECT_TRUE(changes("a", 999)["whole"]);
}

TEST_F(AgentServiceTest, a_waiting_agent_is_woken_by_a_commit) {
  set_thing("1", "a", "new");
  const std::int64_t seen = changes("a", 0)["generation"];
  Json woken;
  const auto began = std::chrono::steady_clock::now();
  std::thread agent([&] { woken = changes("a", seen, 30'000); });
  set_thing("1", "a", "old");
  agent.join();
  EXPECT_EQ(woken["objects"]["thing"]["1"]["state"], "old");
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(15));
}

TEST_F(AgentServiceTest, reports_are_applied_one_by_one) {
  set_thing("1", "a", "new");
  set_thing("2", "a", "new");
  const auto one = [](const char* id, const char* state) {
    return Json{{"kind", "thing"}, {"id", id}, {"observed", {{"state", state}}}};
  };
  const http::Response response = call(Method::kPost, "/agent/v1/observed",
                                       {{"host", "a"},
                                        {"observations",
                                         {one("1", "bad"),
                                          one("2", "up"),
                                          one("none", "up"),
                                          {{"kind", "none"}, {"id", "1"}, {"observed", Json::object()}},
                                          {{"kind", "thing"}}}}});
  ASSERT_EQ(response.status, 200);
  std::vector<bool> good;
  for (const Json& result : response.body["results"]) good.push_back(result["ok"]);
  EXPECT_THAT(good, testing::ElementsAre(false, true, true, false, false));
  EXPECT_EQ(state_of("1"), "new");  // rolled back
  EXPECT_EQ(state_of("2"), "up");
}

TEST_F(AgentServiceTest, hosts_are_known_alive_while_heard_of) {
  announce("a", "192.0.2.1");
  auto hosts = database_->read([&](store::Tx& tx) { return list_hosts(tx, clock_.now_us()); });
  ASSERT_EQ(hosts->size(), 1U);
  EXPECT_EQ(hosts->front().vcpus, 4);
  EXPECT_THAT(hosts->front().roles, testing::ElementsAre("network", "compute"));
  EXPECT_TRUE(hosts->front().alive);
  clock_.advance_us(31'000'000);
  hosts = database_->read([&](store::Tx& tx) { return list_hosts(tx, clock_.now_us()); });
  EXPECT_FALSE(hosts->front().alive);
}

TEST_F(AgentServiceTest, a_new_tunnel_end_is_news_and_a_heartbeat_is_not) {
  announce("a", "192.0.2.1");
  const std::int64_t seen = changes("b", 0)["generation"];
  EXPECT_EQ(changes("b", 0)["objects"]["host"]["a"]["vtep"], "192.0.2.1");
  announce("a", "192.0.2.1");
  EXPECT_EQ(changes("b", seen)["generation"], seen);
  announce("a", "192.0.2.9");
  EXPECT_EQ(changes("b", seen)["objects"]["host"]["a"]["vtep"], "192.0.2.9");
}

TEST_F(AgentServiceTest, a_tunnel_end_is_taken_from_a_silent_host_and_not_from_one_that_lives) {
  announce("old", "192.0.2.1");
  clock_.advance_us(20'000'000);
  announce("new", "192.0.2.1");
  EXPECT_EQ(changes("b", 0)["objects"]["host"]["old"]["vtep"], "192.0.2.1");
  const std::int64_t seen = changes("b", 0)["generation"];
  clock_.advance_us(11'000'000);
  announce("new", "192.0.2.1");  // a heartbeat
  const Json after = changes("b", seen)["objects"]["host"];
  ASSERT_TRUE(after.contains("old"));
  EXPECT_TRUE(after["old"].is_null());
  EXPECT_EQ(changes("b", 0)["objects"]["host"]["new"]["vtep"], "192.0.2.1");
  announce("old", "192.0.2.5");  // it is back, at another address
  EXPECT_EQ(changes("b", 0)["objects"]["host"]["old"]["vtep"], "192.0.2.5");
}

TEST_F(AgentServiceTest, a_question_is_answered_while_the_asker_waits) {
  Result<Json> answer = Json();
  std::thread asker([&] { answer = sessions_.ask("a", "console", {{"lines", 5}}, 20'000); });
  Json asks = Json::array();
  while (asks.empty()) asks = changes("a", 1'000'000, 5'000)["asks"];
  EXPECT_EQ(asks[0]["method"], "console");
  EXPECT_EQ(asks[0]["params"]["lines"], 5);
  EXPECT_EQ(
      call(Method::kPost, "/agent/v1/answer", {{"host", "a"}, {"id", asks[0]["id"]}, {"result", "text"}})
          .status,
      204);
  asker.join();
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(*answer, "text");
  EXPECT_EQ(
      call(Method::kPost, "/agent/v1/answer", {{"host", "a"}, {"id", asks[0]["id"]}, {"result", "again"}})
          .status,
      404);
}

TEST_F(AgentServiceTest, an_answer_that_is_an_error_comes_in_the_agents_words) {
  const auto ask = [&](const Json& error) {
    Result<Json> answer = Json();
    std::thread asker([&] { answer = sessions_.ask("a", "console", Json::object(), 20'000); });
    Json asks = Json::array();
    while (asks.empty()) asks = changes("a", 1'000'000, 5'000)["asks"];
    call(Method::kPost, "/agent/v1/answer", {{"host", "a"}, {"id", asks[0]["id"]}, {"error", error}});
    asker.join();
    EXPECT_FALSE(answer.ok());
    return answer.error();
  };
  const Error absent = ask({{"code", "not_found"}, {"message", "There is no such thing."}});
  EXPECT_EQ(absent.code, ErrorCode::kNotFound);
  EXPECT_EQ(absent.message, "There is no such thing.");
  EXPECT_EQ(ask({{"code", "internal"}, {"message", "It broke."}}).code, ErrorCode::kUnavailable);
  EXPECT_EQ(ask({{"code", 7}, {"message", 7}}).code, ErrorCode::kUnavailable);
  EXPECT_EQ(ask("words").message, "words");
}

TEST_F(AgentServiceTest, an_unanswered_question_times_out) {
  EXPECT_EQ(sessions_.ask("nobody", "console", {}, 1).error().code, ErrorCode::kTimeout);
}

TEST_F(AgentServiceTest, wrong_requests_change_nothing) {
  for (const Json& body :
       {Json::object(), Json{{"host", 7}}, Json{{"host", ""}}, Json{{"host", std::string(100, 'h')}},
        Json{{"host", "a"}, {"roles", {"king"}}}, Json{{"host", "a"}, {"capacity", 5}}}) {
    EXPECT_EQ(call(Method::kPost, "/agent/v1/session", body).status, 400) << body.dump().substr(0, 60);
  }
  EXPECT_EQ(call(Method::kGet, "/agent/v1/changes?host=a&since=x").status, 400);
  const auto hosts = database_->read([&](store::Tx& tx) { return list_hosts(tx, 0); });
  EXPECT_TRUE(hosts->empty());
}

}  // namespace
}  // namespace hanok::bus

#include <gtest/gtest.h>

#include "dataplane/rpc/server.h"

namespace hanok::dataplane::rpc {
namespace {

class DispatcherTest : public testing::Test {
 protected:
  Json ask(const std::string& line) {
    const std::string answer = dispatcher_.answer(line);
    return answer.empty() ? Json() : Json::parse(answer);
  }
  static int code(const Json& answer) { return answer.at("error").at("code").get<int>(); }

  ServerCounters counters_;
  Dispatcher dispatcher_{
      {{"echo", [](const Json& params) -> RpcOutcome { return params; }},
       {"refuse",
        [](const Json&) -> RpcOutcome {
          return RpcError{kRefused, "no", {{"path", "/a"}}};
        }},
       {"trip", [](const Json& params) -> RpcOutcome { return Json(params.at("absent")); }}},
      counters_};
};

TEST_F(DispatcherTest, AnswersACallWithItsId) {
  const Json answer = ask(R"({"jsonrpc":"2.0","id":"a7","method":"echo","params":{"x":1}})");
  EXPECT_EQ(answer, Json({{"jsonrpc", "2.0"}, {"id", "a7"}, {"result", {{"x", 1}}}}));
  EXPECT_EQ(counters_.requests, 1U);
  EXPECT_EQ(counters_.failed_requests, 0U);
}

TEST_F(DispatcherTest, SaysNothingToANotification) {
  EXPECT_TRUE(ask(R"({"jsonrpc":"2.0","method":"echo"})").is_null());
  EXPECT_TRUE(ask(R"({"jsonrpc":"2.0","method":"refuse"})").is_null());
  EXPECT_EQ(counters_.requests, 2U);
}

TEST_F(DispatcherTest, NamesWhatIsNotJson) {
  for (const char* line : {"", "{", "nonsense", "{\"a\":}", "\xff\xfe"}) {
    EXPECT_EQ(code(ask(line)), kParseError) << line;
  }
  EXPECT_EQ(counters_.parse_errors, 5U);
  const std::string deep(100, '[');
  EXPECT_EQ(code(ask(deep + std::string(100, ']'))), kParseError);
}

TEST_F(DispatcherTest, NamesWhatIsNotARequest) {
  for (const char* line : {"1", "\"x\"", "null", "{}", R"({"jsonrpc":"1.0","id":1,"method":"echo"})",
                           R"({"jsonrpc":"2.0","id":1})", R"({"jsonrpc":"2.0","id":1,"method":5})",
                           R"({"jsonrpc":"2.0","id":{},"method":"echo"})",
                           R"({"jsonrpc":"2.0","id":1,"method":"echo","params":5})", "[]"}) {
    EXPECT_EQ(code(ask(line)), kInvalidRequest) << line;
  }
  EXPECT_EQ(counters_.invalid_requests, 10U);
}

TEST_F(DispatcherTest, NamesAnUnknownMethodAndARefusal) {
  EXPECT_EQ(code(ask(R"({"jsonrpc":"2.0","id":1,"method":"none"})")), kMethodNotFound);
  EXPECT_EQ(counters_.unknown_methods, 1U);
  const Json refused = ask(R"({"jsonrpc":"2.0","id":1,"method":"refuse"})");
  EXPECT_EQ(code(refused), kRefused);
  EXPECT_EQ(refused["error"]["data"]["path"], "/a");
  EXPECT_EQ(counters_.failed_requests, 1U);
}

TEST_F(DispatcherTest, AMethodThatStumblesOverItsParametersIsARefusalToo) {
  EXPECT_EQ(code(ask(R"({"jsonrpc":"2.0","id":1,"method":"trip","params":{}})")), kInvalidParams);
  EXPECT_EQ(code(ask(R"({"jsonrpc":"2.0","id":1,"method":"trip","params":[1]})")), kInvalidParams);
}

TEST_F(DispatcherTest, ServesABatch) {
  const Json answer =
      ask(R"([{"jsonrpc":"2.0","id":1,"method":"echo","params":[1]},{"jsonrpc":"2.0","method":"echo"},5])");
  ASSERT_EQ(answer.size(), 2U);
  EXPECT_EQ(answer[0]["result"], Json({1}));
  EXPECT_EQ(code(answer[1]), kInvalidRequest);
}

}  // namespace
}  // namespace hanok::dataplane::rpc

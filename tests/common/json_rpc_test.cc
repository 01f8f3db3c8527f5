#include "common/json_rpc.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <functional>
#include <thread>

namespace hanok {
namespace {

// Answers one line per connection-accept cycle with what `reply` makes of it.
class OneShotServer {
 public:
  explicit OneShotServer(std::function<std::string(const Json&)> reply, int rounds = 1)
      : reply_(std::move(reply)) {
    directory_ = std::filesystem::temp_directory_path() / ("hanok-rpc-" + std::to_string(getpid()));
    std::filesystem::create_directories(directory_);
    path_ = directory_ / "s";
    unlink(path_.c_str());
    listener_ = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof(address.sun_path) - 1);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(listen(listener_, 4), 0);
    thread_ = std::thread([this, rounds] {
      for (int i = 0; i < rounds; ++i) serve();
    });
  }
  ~OneShotServer() {
    thread_.join();
    close(listener_);
    std::filesystem::remove_all(directory_);
  }
  [[nodiscard]] std::string path() const { return path_.string(); }

 private:
  void serve() {
    const int fd = accept(listener_, nullptr, nullptr);
    std::string line;
    char c = 0;
    while (recv(fd, &c, 1, 0) == 1 && c != '\n') line += c;
    const std::string out = reply_(Json::parse(line));
    EXPECT_EQ(send(fd, out.data(), out.size(), MSG_NOSIGNAL), static_cast<ssize_t>(out.size()));
    if (out.empty()) recv(fd, &c, 1, 0);  // silence until the client gives up
    close(fd);
  }

  std::function<std::string(const Json&)> reply_;
  std::filesystem::path directory_, path_;
  int listener_ = -1;
  std::thread thread_;
};

std::string answer(const Json& request, const Json& rest) {
  Json out = {{"jsonrpc", "2.0"}, {"id", request["id"]}};
  out.update(rest);
  return out.dump() + "\n";
}

TEST(JsonRpc, GivesTheResult) {
  OneShotServer server([](const Json& request) {
    return answer(request, {{"result", request["params"]["x"]}});
  });
  JsonRpcClient client(server.path());
  EXPECT_EQ(client.call("echo", {{"x", 7}}).value(), 7);
}

TEST(JsonRpc, AnErrorObjectCarriesItsPath) {
  OneShotServer server([](const Json& request) {
    return answer(request,
                  {{"error", {{"code", -32602}, {"message", "wrong"}, {"data", {{"path", "/port/a"}}}}}});
  });
  JsonRpcClient client(server.path());
  const auto result = client.call("x", nullptr);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::kBadRequest);
  EXPECT_NE(result.error().message.find("/port/a"), std::string::npos);
}

TEST(JsonRpc, NoServerIsUnavailable) {
  JsonRpcClient client("/nonexistent/socket");
  EXPECT_EQ(client.call("x", nullptr).error().code, ErrorCode::kUnavailable);
}

TEST(JsonRpc, SilenceIsATimeoutAndTheNextCallConnectsAgain) {
  int round = 0;
  OneShotServer server(
      [&round](const Json& request) {
        return ++round == 1 ? std::string() : answer(request, {{"result", "late"}});
      },
      2);
  JsonRpcClient client(server.path());
  EXPECT_EQ(client.call("x", nullptr, 50).error().code, ErrorCode::kTimeout);
  EXPECT_EQ(client.call("x", nullptr).value(), "late");
}

TEST(JsonRpc, AnAnswerToAnotherCallIsRefused) {
  OneShotServer server(
      [](const Json&) { return std::string("{\"jsonrpc\":\"2.0\",\"id\":999,\"result\":1}\n"); });
  JsonRpcClient client(server.path());
  EXPECT_EQ(client.call("x", nullptr).error().code, ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace hanok

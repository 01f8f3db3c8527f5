#include "dataplane/rpc/server.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "common/json_rpc.h"
#include "common/uuid.h"

namespace hanok::dataplane::rpc {
namespace {

class ServerTest : public testing::Test {
 protected:
  void SetUp() override { start({}); }
  void TearDown() override { server_.reset(); }

  void start(ServerLimits limits) {
    server_.reset();
    auto started =
        Server::start(path_, {{"echo", [](const Json& params) -> RpcOutcome { return params; }}}, limits);
    ASSERT_TRUE(started.ok()) << started.error().message;
    server_ = std::move(started).value();
  }

  // A client that speaks bytes, not JSON-RPC.
  int raw() const {
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof(address.sun_path) - 1);
    EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    const timeval limit{10, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    return fd;
  }

  static std::string read_all(int fd) {
    std::string out;
    char buffer[4096];
    for (ssize_t got = 0; (got = recv(fd, buffer, sizeof(buffer), 0)) > 0;) out.append(buffer, got);
    return out;
  }

  std::string path_ = "/tmp/hanok-rpc-test-" + new_uuid_hex() + ".sock";
  std::unique_ptr<Server> server_;
};

TEST_F(ServerTest, AnswersACallFarLargerThanASocketBuffer) {
  JsonRpcClient client(path_);
  const Json params = {{"text", std::string(8U << 20U, 'x')}};
  const auto answer = client.call("echo", params);
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  EXPECT_EQ(*answer, params);
}

TEST_F(ServerTest, TheSocketIsItsOwnersAlone) {
  struct stat info {};
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  server_.reset();
  EXPECT_NE(stat(path_.c_str(), &info), 0) << "the socket file goes with its server";
}

TEST_F(ServerTest, ALiveSocketIsNotTakenAndADeadOneIs) {
  EXPECT_EQ(Server::start(path_, {}).error().code, ErrorCode::kConflict);
  const std::string stale = path_ + ".stale";
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, stale.c_str(), sizeof(address.sun_path) - 1);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  close(fd);
  EXPECT_TRUE(Server::start(stale, {}).ok());
}

TEST_F(ServerTest, GarbageIsAnsweredAndTheNextCallIsServed) {
  const int fd = raw();
  const std::string garbage = "\x01\x02{]\n{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\"}\n";
  ASSERT_EQ(send(fd, garbage.data(), garbage.size(), 0), static_cast<ssize_t>(garbage.size()));
  shutdown(fd, SHUT_WR);
  const std::string answers = read_all(fd);
  close(fd);
  EXPECT_NE(answers.find("-32700"), std::string::npos);
  EXPECT_NE(answers.find("\"result\""), std::string::npos);
  EXPECT_EQ(server_->counters().parse_errors, 1U);
}

TEST_F(ServerTest, AMessageWithoutEndIsRefusedAndItsConnectionClosed) {
  start({.message_bytes = 1000, .connections = 4, .unsent_bytes = 1U << 20U});
  const int fd = raw();
  const std::string endless(5000, 'a');
  ASSERT_GT(send(fd, endless.data(), endless.size(), MSG_NOSIGNAL), 0);
  EXPECT_NE(read_all(fd).find("too long"), std::string::npos);
  close(fd);
  EXPECT_EQ(server_->counters().oversized, 1U);
  EXPECT_TRUE(JsonRpcClient(path_).call("echo", Json::object()).ok());
}

TEST_F(ServerTest, OneConnectionTooManyIsClosed) {
  start({.message_bytes = 1000, .connections = 2, .unsent_bytes = 1U << 20U});
  JsonRpcClient first(path_);
  JsonRpcClient second(path_);
  ASSERT_TRUE(first.call("echo", Json::object()).ok());
  ASSERT_TRUE(second.call("echo", Json::object()).ok());
  const int third = raw();
  EXPECT_EQ(read_all(third), "");
  close(third);
  EXPECT_EQ(server_->counters().connections_refused, 1U);
  EXPECT_TRUE(first.call("echo", Json::object()).ok());
}

}  // namespace
}  // namespace hanok::dataplane::rpc

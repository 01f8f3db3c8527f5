#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstring>
#include <thread>

#include "agents/core/api.h"

namespace hanok::agent {
namespace {

// A server of one line: reads a request's head and gives prepared answers in turn, on one connection each.
class RawServer {
 public:
  explicit RawServer(const std::vector<std::string>& answers)
      : path_("/tmp/hanok-api-" + std::to_string(getpid()) + ".sock") {
    unlink(path_.c_str());
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof(address.sun_path) - 1);
    fd_ = socket(AF_UNIX, SOCK_STREAM, 0);
    HANOK_ASSERT(bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0 &&
                 listen(fd_, 4) == 0);
    thread_ = std::thread([this, answers] {
      for (const auto& answer : answers) serve(answer);
    });
  }
  ~RawServer() {
    shutdown(fd_, SHUT_RDWR);
    thread_.join();
    close(fd_);
    unlink(path_.c_str());
  }
  std::string address() const { return "unix:" + path_; }
  std::vector<std::string> heads;

 private:
  void serve(const std::string& answer) {
    const int peer = accept(fd_, nullptr, nullptr);
    if (peer < 0) return;
    std::string head;
    std::array<char, 4096> buffer{};
    while (head.find("\r\n\r\n") == std::string::npos) {
      const ssize_t got = read(peer, buffer.data(), buffer.size());
      if (got <= 0) break;
      head.append(buffer.data(), static_cast<std::size_t>(got));
    }
    heads.push_back(head);
    if (answer.empty()) {  // says nothing until the client gives up
      while (read(peer, buffer.data(), buffer.size()) > 0) {
      }
    } else {
      static_cast<void>(!write(peer, answer.data(), answer.size()));
    }
    close(peer);
  }
  std::string path_;
  int fd_ = -1;
  std::thread thread_;
};

std::string reply(const std::string& status, const std::string& body) {
  return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::unique_ptr<Api> connect(const RawServer& server) {
  return http_api(server.address(), "the-token").value()();
}

TEST(HttpApi, SendsTheTokenAndReadsJson) {
  RawServer server({reply("200 OK", R"({"generation": 4})")});
  const auto out = connect(server)->call("POST", "/agent/v1/session", {{"host", "h"}}, 5000);
  ASSERT_TRUE(out.ok()) << out.error().message;
  EXPECT_EQ((*out)["generation"], 4);
  EXPECT_NE(server.heads.at(0).find("Authorization: Bearer the-token\r\n"), std::string::npos);
}

TEST(HttpApi, StatusesBecomeErrors) {
  RawServer server({reply("401 Unauthorized", "{}"), reply("500 Oops", "{}"), reply("200 OK", "not json")});
  EXPECT_EQ(connect(server)->call("GET", "/x", nullptr, 5000).error().code, ErrorCode::kUnauthorized);
  EXPECT_EQ(connect(server)->call("GET", "/x", nullptr, 5000).error().code, ErrorCode::kInternal);
  EXPECT_FALSE(connect(server)->call("GET", "/x", nullptr, 5000).ok());
}

TEST(HttpApi, AConnectionThatTheServerClosedIsOpenedAgain) {
  RawServer server({reply("200 OK", "{}"), reply("200 OK", R"({"second": true})")});
  auto api = connect(server);
  ASSERT_TRUE(api->call("GET", "/x", nullptr, 5000).ok());
  const auto second = api->call("GET", "/x", nullptr, 5000);
  ASSERT_TRUE(second.ok()) << second.error().message;
  EXPECT_TRUE((*second)["second"]);
}

TEST(HttpApi, SilenceIsATimeout) {
  RawServer server({""});
  auto api = connect(server);
  EXPECT_EQ(api->call("GET", "/x", nullptr, 50).error().code, ErrorCode::kTimeout);
}

TEST(HttpApi, CancelBreaksACallOff) {
  RawServer server({""});
  auto api = connect(server);
  std::thread canceller([&] { api->cancel(); });
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(api->call("GET", "/x", nullptr, 60'000).error().code, ErrorCode::kUnavailable);
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(30));
  canceller.join();
  // The server waits for a connection when the call was broken off before it made one.
  if (server.heads.empty()) static_cast<void>(connect(server)->call("GET", "/x", nullptr, 20));
}

TEST(HttpApi, NobodyThereIsUnavailable) {
  auto api = http_api("unix:/tmp/hanok-nobody.sock", "t").value()();
  EXPECT_EQ(api->call("GET", "/x", nullptr, 1000).error().code, ErrorCode::kUnavailable);
}

TEST(HttpApi, AddressesThatMakeNoSenseAreRefused) {
  for (const char* address : {"", "unix:", "ftp://x:1", "http://", "http://host", "127.0.0.1:80"}) {
    EXPECT_FALSE(http_api(address, "t").ok()) << address;
  }
  EXPECT_FALSE(http_api("unix:/" + std::string(200, 'x'), "t").ok());
  EXPECT_TRUE(http_api("http://127.0.0.1:8000", "t").ok());
}

}  // namespace
}  // namespace hanok::agent

#include "control/http/server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <thread>

#include "common/secret.h"

namespace hanok::http {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class Nobody final : public Authenticator {
 public:
  Result<Caller> authenticate(std::string_view) override { return unauthorized("no"); }
};

// A client of plain sockets: it sends what no HTTP library would.
class Client {
 public:
  explicit Client(std::uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connect(reinterpret_cast<const sockaddr*>(&to), sizeof(to));
  }
  explicit Client(const std::string& path) : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    path.copy(to.sun_path, sizeof(to.sun_path) - 1);
    connect(reinterpret_cast<const sockaddr*>(&to), sizeof(to));
  }
  ~Client() { hang_up(); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void hang_up() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }
  bool send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  // One answer: head and, by its Content-Length, body ("" when the connection ended first).
  std::string answer(bool has_body = true) {
    while (pending_.find("\r\n\r\n") == std::string::npos) {
      if (!more()) return {};
    }
    const std::size_t head = pending_.find("\r\n\r\n") + 4;
    std::size_t length = 0;
    if (const auto at = pending_.find("Content-Length: "); has_body && at < head)
      length = std::stoul(pending_.substr(at + 16));
    while (pending_.size() < head + length) {
      if (!more()) return {};
    }
    std::string out = pending_.substr(0, head + length);
    pending_.erase(0, head + length);
    return out;
  }
  std::string rest() {
    while (more()) {
    }
    return std::exchange(pending_, {});
  }

 private:
  void connect(const sockaddr* to, socklen_t length) {
    const timeval limit{20, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    EXPECT_EQ(::connect(fd_, to, length), 0);
  }
  bool more() {
    char buffer[65536];
    const ssize_t got = recv(fd_, buffer, sizeof(buffer), 0);
    if (got > 0) pending_.append(buffer, static_cast<std::size_t>(got));
    return got > 0;
  }

  int fd_;
  std::string pending_;
};

class ServerTest : public testing::Test {
 protected:
  void SetUp() override {
    Service service;
    service.name = "test";
    service.routes = {
        {Method::kGet, "/hello", Access::kPublic,
         [](Request& request) -> Result<Response> {
           return ok({{"base", request.base_url}});
         }},
        {Method::kPost, "/echo", Access::kPublic,
         [this](Request& request) -> Result<Response> {
           ++echoed_;
           return ok(request.json);
         }},
        {Method::kPut, "/upload", Access::kPublic, [this](Request& request) { return upload(request); },
         Body::kStream},
        {Method::kGet, "/download", Access::kPublic, [](Request&) { return download(true); }},
        {Method::kGet, "/chunks", Access::kPublic, [](Request&) { return download(false); }},
        {Method::kGet, "/cut", Access::kPublic, [](Request&) { return cut(); }},
        {Method::kGet, "/wait", Access::kPublic,
         [this](Request&) -> Result<Response> {
           waiting_.set_value();
           go_on_.get_future().wait();
           return ok({{"waited", true}});
         }},
    };
    folder_ = "/tmp/hanok-http-XXXXXX";
    ASSERT_NE(mkdtemp(folder_.data()), nullptr);
    dispatcher_ = std::make_shared<Dispatcher>(service, nobody_);
    auto server = make_server({{"127.0.0.1", 0, dispatcher_}, {"unix:" + folder_ + "/s", 0, dispatcher_}},
                              {.workers = 3});
    ASSERT_TRUE(server.ok()) << server.error().message;
    server_ = std::move(server).value();
    port_ = server_->ports().front();
    ASSERT_NE(port_, 0);
    thread_ = std::thread([this] { server_->run(); });
  }
  void TearDown() override {
    server_->stop();
    thread_.join();
    server_.reset();
    unlink((folder_ + "/s").c_str());
    rmdir(folder_.c_str());
  }

  Result<Response> upload(Request& request) {
    std::size_t total = 0;
    std::string buffer(100'000, '\0');
    while (true) {
      auto got = request.body->read(buffer.data(), buffer.size());
      if (!got.ok()) {
        upload_failed_.set_value();
        return got.take_error();
      }
      if (*got == 0) return ok({{"bytes", total}});
      total += *got;
    }
  }
  static Result<Response> download(bool length_known) {
    Response out;
    auto left = std::make_shared<std::size_t>(3'000'000);
    if (length_known) out.source_bytes = *left;
    out.source = [left](char* to, std::size_t capacity) -> Result<std::size_t> {
      const std::size_t take = std::min(capacity, *left);
      std::fill_n(to, take, 'd');
      *left -= take;
      return take;
    };
    return out;
  }
  static Result<Response> cut() {
    Response out;
    out.source_bytes = 1000;
    out.source = [](char*, std::size_t) -> Result<std::size_t> { return internal_error("the disk is gone"); };
    return out;
  }
  static std::string post(const std::string& body, const std::string& headers = "") {
    return "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
           headers + "\r\n" + body;
  }

  Nobody nobody_;
  std::atomic<int> echoed_{0};
  std::promise<void> waiting_, go_on_, upload_failed_;
  std::string folder_;
  std::shared_ptr<Dispatcher> dispatcher_;
  std::unique_ptr<Server> server_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

TEST_F(ServerTest, one_connection_carries_many_requests_also_sent_together) {
  Client client(port_);
  for (int i = 0; i < 3; ++i) {
    client.send(post("{\"n\":" + std::to_string(i) + "}"));
    EXPECT_THAT(client.answer(), HasSubstr("{\"n\":" + std::to_string(i) + "}"));
  }
  client.send(post("{\"a\":1}") + post("{\"b\":2}"));
  EXPECT_THAT(client.answer(), HasSubstr("{\"a\":1}"));
  EXPECT_THAT(client.answer(), HasSubstr("{\"b\":2}"));
}

TEST_F(ServerTest, links_are_built_from_a_sane_host_header_only) {
  Client client(port_);
  client.send("GET /hello HTTP/1.1\r\nHost: cloud.example.org:5000\r\n\r\n");
  EXPECT_THAT(client.answer(), HasSubstr("http://cloud.example.org:5000"));
  client.send("GET /hello HTTP/1.1\r\nHost: evil/<script>\r\n\r\n");
  EXPECT_THAT(client.answer(), Not(HasSubstr("script")));
}

TEST_F(ServerTest, chunked_bodies_and_continue) {
  Client client(port_);
  client.send(
      "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
      "chunked\r\n\r\n5\r\n{\"a\":\r\n2\r\n1}\r\n0\r\n\r\n");
  EXPECT_THAT(client.answer(), HasSubstr("{\"a\":1}"));
  client.send("POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_THAT(client.answer(), StartsWith("HTTP/1.1 100"));
  client.send("{}");
  EXPECT_THAT(client.answer(), StartsWith("HTTP/1.1 200"));
}

TEST_F(ServerTest, head_has_the_length_and_no_body) {
  Client client(port_);
  client.send("HEAD /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(client.answer(false), HasSubstr("Content-Length: "));
  client.send(post("{\"next\":1}"));
  EXPECT_THAT(client.answer(), HasSubstr("{\"next\":1}"));
}

TEST_F(ServerTest, a_body_that_is_too_large_is_413_and_the_connection_lives) {
  Client client(port_);
  client.send(post(std::string((1U << 20U) + 1, 'x')));
  EXPECT_THAT(client.answer(), StartsWith("HTTP/1.1 413"));
  client.send("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 20; ++i) client.send("20000\r\n" + std::string(0x20000, 'x') + "\r\n");
  client.send("0\r\n\r\n");
  EXPECT_THAT(client.answer(), StartsWith("HTTP/1.1 413"));
  EXPECT_EQ(echoed_, 0);
  client.send(post("{}"));
  EXPECT_THAT(client.answer(), StartsWith("HTTP/1.1 200"));
}

TEST_F(ServerTest, what_is_no_http_gets_400_or_nothing_and_harms_nobody) {
  const std::string many(70'000, 'h');
  for (const std::string& text :
       {std::string("nonsense\r\n\r\n"), std::string("\0\1\2\3\r\n\r\n", 8),
        "GET /hello HTTP/1.1\r\nX: " + many + "\r\n\r\n", "GET /" + many + " HTTP/1.1\r\nHost: x\r\n\r\n",
        std::string("GET /hello HTTP/1.1\r\nContent-Length: -1\r\n\r\n"),
        std::string("POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")}) {
    Client client(port_);
    client.send(text);
    const std::string answer = client.rest();
    EXPECT_TRUE(answer.empty() || answer.find("HTTP/1.1 400") == 0) << text.substr(0, 40) << " -> " << answer;
  }
  Client client(port_);
  client.send("BREW /pot HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(client.answer(), StartsWith("HTTP/1.1 405"));
  Client good(port_);
  good.send(post("{}"));
  EXPECT_THAT(good.answer(), StartsWith("HTTP/1.1 200"));
}

TEST_F(ServerTest, a_request_that_is_not_whole_is_not_run) {
  {
    Client client(port_);
    client.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{\"half\":");
  }
  Client good(port_);
  good.send(post("{}"));
  EXPECT_THAT(good.answer(), StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(echoed_, 1);
}

TEST_F(ServerTest, uploads_stream) {
  Client client(port_);
  constexpr std::size_t kBytes = 20'000'000;
  client.send("PUT /upload HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(kBytes) + "\r\n\r\n");
  const std::string block(1'000'000, 'u');
  for (std::size_t sent = 0; sent < kBytes; sent += block.size()) ASSERT_TRUE(client.send(block));
  EXPECT_THAT(client.answer(), HasSubstr("{\"bytes\":20000000}"));
  client.send("PUT /upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
  EXPECT_THAT(client.answer(), HasSubstr("{\"bytes\":3}"));
}

TEST_F(ServerTest, the_handler_learns_that_an_uploader_went_away) {
  {
    Client client(port_);
    client.send("PUT /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc");
  }
  EXPECT_EQ(upload_failed_.get_future().wait_for(std::chrono::seconds(20)), std::future_status::ready);
}

TEST_F(ServerTest, downloads_stream_with_and_without_a_length) {
  Client client(port_);
  client.send("GET /download HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::string answer = client.answer();
  EXPECT_EQ(answer.size() - answer.find("\r\n\r\n") - 4, 3'000'000U);
  client.send("GET /chunks HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string chunked = client.rest();
  EXPECT_THAT(chunked.substr(0, 300), HasSubstr("chunked"));
  EXPECT_EQ(std::count(chunked.begin() + static_cast<std::ptrdiff_t>(chunked.find("\r\n\r\n")), chunked.end(),
                       'd') >= 3'000'000,
            true);
  EXPECT_EQ(chunked.substr(chunked.size() - 5), "0\r\n\r\n");
}

TEST_F(ServerTest, a_download_that_breaks_ends_the_connection_instead_of_lying) {
  Client client(port_);
  client.send("GET /cut HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::string answer = client.rest();
  EXPECT_THAT(answer, HasSubstr("Content-Length: 1000"));
  EXPECT_EQ(answer.substr(answer.find("\r\n\r\n") + 4), "");
}

TEST_F(ServerTest, many_connections_at_once) {
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  for (int t = 0; t < 20; ++t) {
    threads.emplace_back([&] {
      Client client(port_);
      for (int i = 0; i < 20; ++i) {
        client.send(post("{}"));
        if (client.answer().rfind("HTTP/1.1 200", 0) == 0) ++good;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(good, 400);
}

TEST_F(ServerTest, the_unix_socket_is_private_and_works) {
  struct stat info {};
  ASSERT_EQ(stat((folder_ + "/s").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  Client client(folder_ + "/s");
  client.send(post("{\"a\":1}"));
  EXPECT_THAT(client.answer(), HasSubstr("{\"a\":1}"));
}

TEST_F(ServerTest, stopping_finishes_what_is_running) {
  Client client(port_);
  client.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
  waiting_.get_future().wait();
  server_->stop();
  go_on_.set_value();
  EXPECT_THAT(client.answer(), HasSubstr("{\"waited\":true}"));
}

TEST_F(ServerTest, a_taken_or_wrong_address_is_a_clear_error) {
  const auto taken = make_server({{"127.0.0.1", port_, dispatcher_}}, {});
  ASSERT_FALSE(taken.ok());
  EXPECT_EQ(taken.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(taken.error().message, HasSubstr("127.0.0.1:" + std::to_string(port_)));
  EXPECT_FALSE(make_server({{"localhost?", 0, dispatcher_}}, {}).ok());
}

}  // namespace
}  // namespace hanok::http

#include "storage/target/rbd/admin_socket.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <thread>

namespace hanok::storage::target {
namespace {

// Gives one answer to whoever asks first.
class AdminSocket : public ::testing::Test {
 protected:
  void SetUp() override {
    std::array<char, 32> folder{"/tmp/hanok-asok-XXXXXX"};
    folder_ = mkdtemp(folder.data());
    path_ = folder_ + "/a.asok";
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path_.c_str(), path_.size() + 1);
    listener_ = socket(AF_UNIX, SOCK_STREAM, 0);
    ASSERT_EQ(bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    ASSERT_EQ(listen(listener_, 4), 0);
  }
  void TearDown() override {
    close(listener_);
    unlink(path_.c_str());
    rmdir(folder_.c_str());
  }
  Result<ObjecterCounts> ask(const std::string& answer) {
    std::thread server([&] {
      const int peer = accept(listener_, nullptr, nullptr);
      std::array<char, 256> command{};
      EXPECT_GT(recv(peer, command.data(), command.size(), 0), 0);
      EXPECT_EQ(send(peer, answer.data(), answer.size(), MSG_NOSIGNAL), static_cast<ssize_t>(answer.size()));
      close(peer);
    });
    auto counts = ask_objecter(path_);
    server.join();
    return counts;
  }
  static std::string framed(const std::string& text) {
    return std::string{0, 0, static_cast<char>(text.size() >> 8U), static_cast<char>(text.size())} + text;
  }

  std::string folder_, path_;
  int listener_ = -1;
};

TEST_F(AdminSocket, TheCountsOfTheObjecter) {
  const auto counts = ask(framed(R"({"objecter": {"op_active": 7, "op_reply": 1000, "op_laggy": 0}})"));
  ASSERT_TRUE(counts.ok()) << counts.error().message;
  EXPECT_EQ(counts->in_flight, 7U);
  EXPECT_EQ(counts->answered, 1000U);
}

TEST_F(AdminSocket, WhatMakesNoSenseIsAnError) {
  for (const auto& text : {std::string("{}"), std::string("[]"), std::string("{\"objecter\": {}}"),
                           std::string(), std::string(R"({"objecter": {"op_active": -1, "op_reply": 1}})")}) {
    EXPECT_FALSE(ask(framed(text)).ok()) << text;
  }
  EXPECT_FALSE(ask("").ok());
  EXPECT_FALSE(ask(std::string("\x7f\xff\xff\xff{}", 6)).ok());
  EXPECT_FALSE(ask(framed("{}").substr(0, 5)).ok());
}

TEST_F(AdminSocket, NobodyThereIsUnavailable) {
  const auto counts = ask_objecter(folder_ + "/none.asok");
  ASSERT_FALSE(counts.ok());
  EXPECT_EQ(counts.error().code, ErrorCode::kUnavailable);
  EXPECT_FALSE(ask_objecter("/" + std::string(200, 'x')).ok());
}

}  // namespace
}  // namespace hanok::storage::target

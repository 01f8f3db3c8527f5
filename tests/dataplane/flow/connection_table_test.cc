#include "dataplane/flow/connection_table.h"

#include <gtest/gtest.h>

#include "dataplane/packet/headers.h"

namespace hanok::dataplane {
namespace {

constexpr std::uint32_t kStart = 50'000;  // slots of about a second: a machine that runs since half a day
constexpr unsigned kFew = 100;

class ConnectionTableTest : public ::testing::Test {
 protected:
  void open(unsigned count, std::uint32_t now) {
    for (unsigned i = 0; i < count; ++i) {
      DropReason reason{};
      const std::uint32_t slot = table_.open(1, protocol::kUdp, now, reason);
      ASSERT_NE(slot, kNoSlot);
      table_.schedule(slot, now);
    }
  }
  // Calls that it takes until nothing is left to do; 1000: no end.
  unsigned calls_until_caught_up(std::uint32_t now) {
    for (unsigned calls = 1; calls < 1000; ++calls) {
      ended_ += table_.expire(now, kFew);
      if (table_.caught_up(now)) return calls;
    }
    return 1000;
  }

  ConnectionTable table_{4096, 4096, 1};
  unsigned ended_ = 0;
};

// The first frames come before the first look at the wheel, and a process may be stopped for an hour. Each
// time the hand has to sweep far, and must not meet the connections that it puts back on its way.
TEST_F(ConnectionTableTest, LooksAtEachConnectionOnceAfterALongPause) {
  open(1000, kStart);
  EXPECT_LE(calls_until_caught_up(kStart), 2U);
  EXPECT_LE(calls_until_caught_up(kStart + 35), 11U);
  EXPECT_EQ(ended_, 0U);
  EXPECT_EQ(table_.live_connections(), 1000U);
  EXPECT_LE(calls_until_caught_up(kStart + 3600), 11U);
  EXPECT_EQ(ended_, 1000U);
  EXPECT_EQ(table_.live_connections(), 0U);
  open(1000, kStart + 3600);
  EXPECT_LE(calls_until_caught_up(kStart + 3600 + 5000), 11U);
  EXPECT_EQ(ended_, 2000U);
}

TEST_F(ConnectionTableTest, EndsAConnectionWhenItsTimeIsOver) {
  EXPECT_EQ(calls_until_caught_up(kStart), 1U);
  open(1, kStart);
  const std::uint32_t limit = idle_limit_s(protocol::kUdp, ConnectionState::kNew);
  for (std::uint32_t now = kStart; now < kStart + limit; ++now) ended_ += table_.expire(now, kFew);
  EXPECT_EQ(ended_, 0U);
  for (std::uint32_t now = kStart + limit; now < kStart + limit + 2; ++now)
    ended_ += table_.expire(now, kFew);
  EXPECT_EQ(ended_, 1U);
}

// A connection that is translated otherwise from time to time has names of before; those that it still goes
// by stay.
TEST_F(ConnectionTableTest, ForgetsTheNameThatWasGivenLongestAgo) {
  DropReason reason{};
  const std::uint32_t slot = table_.open(1, protocol::kUdp, kStart, reason);
  ConnectionKey key;
  const auto named = [&](std::uint16_t port) {
    key.local_port = port;
    return key;
  };
  for (std::uint16_t port = 0; port < Connection::kKeys; ++port)
    ASSERT_TRUE(table_.add_key(slot, named(port), true));
  ASSERT_TRUE(table_.add_key(slot, named(0), true));  // again
  ASSERT_TRUE(table_.add_key(slot, named(100), true));
  ASSERT_TRUE(table_.add_key(slot, named(101), true));
  EXPECT_TRUE(table_.find(named(0)));
  EXPECT_FALSE(table_.find(named(1)));
  EXPECT_FALSE(table_.find(named(2)));
  for (const std::uint16_t port : {3, 4, 100, 101}) EXPECT_TRUE(table_.find(named(port))) << port;
}

}  // namespace
}  // namespace hanok::dataplane

#include "agents/core/keyed_pool.h"

#include <gtest/gtest.h>

#include <atomic>

#include "tests/agents/core/wait_until.h"

namespace hanok::agent {
namespace {

TEST(KeyedPool, OneKeyNeverRunsTwiceAtOnceAndOthersGoOn) {
  std::atomic<int> inside = 0, most = 0, runs = 0, other = 0;
  std::atomic<bool> hold = true;
  KeyedPool pool(4, [&](const std::string& key) -> std::optional<std::int64_t> {
    if (key == "other") {
      ++other;
      return std::nullopt;
    }
    most = std::max(most.load(), ++inside);
    while (hold && runs == 0) std::this_thread::yield();
    ++runs;
    --inside;
    return std::nullopt;
  });
  pool.wake("one");
  ASSERT_TRUE(wait_until([&] { return inside == 1; }));
  for (int i = 0; i < 10; ++i) pool.wake("one");
  pool.wake("other");
  EXPECT_TRUE(wait_until([&] { return other == 1; }));
  hold = false;
  EXPECT_TRUE(wait_until([&] { return runs == 2; }));  // ten wakes while it ran cost one more run
  pool.stop();
  EXPECT_EQ(runs, 2);
  EXPECT_EQ(most, 1);
}

TEST(KeyedPool, AHandlerThatAsksIsCalledAgain) {
  std::atomic<int> runs = 0;
  KeyedPool pool(1, [&](const std::string&) -> std::optional<std::int64_t> {
    if (++runs < 3) return 1;
    return std::nullopt;
  });
  pool.wake("key");
  EXPECT_TRUE(wait_until([&] { return runs == 3; }));
}

TEST(KeyedPool, TheEarlierTimeWins) {
  std::atomic<int> runs = 0;
  KeyedPool pool(1, [&](const std::string&) -> std::optional<std::int64_t> {
    ++runs;
    return std::nullopt;
  });
  pool.wake("key", 3'600'000);
  pool.wake("key");
  EXPECT_TRUE(wait_until([&] { return runs == 1; }));
}

}  // namespace
}  // namespace hanok::agent

#include "storage/target/poller.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>

#include "storage/target/memory_device.h"
#include "tests/storage/target/guest.h"

namespace hanok::storage::target {
namespace {

using testing::Guest;

constexpr std::uint32_t kWriteRequest = 1;
constexpr std::chrono::seconds kPatience{20};

// A guest whose ring a poller owns.
class Owned : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(poller_.start().ok()); }
  void TearDown() override {
    poller_.run([this] { set_.stop(0); });
    poller_.remove(set_);
  }
  void serve(bool kicked) {
    auto queue =
        std::make_unique<BlkQueue>(core_, std::make_unique<SplitRing>(guest_.layout()), &guest_.table, -1);
    queue->set_kicked(kicked);
    poller_.run([&] { ASSERT_TRUE(set_.start(0, std::move(queue))); });
    poller_.add(set_);
  }
  bool sleeps() {
    const std::uint64_t before = poller_.counters().sleeps.get();
    return within([&] { return poller_.counters().sleeps.get() > before; });
  }
  void ask(std::uint16_t requests) {
    for (std::uint16_t token = 0; token < requests; ++token) {
      ASSERT_TRUE(guest_.request(token, kWriteRequest, 0, 512));
    }
    ASSERT_TRUE(within([&] { return device_.held() == requests; }));
  }
  bool naps() {
    const std::uint64_t before = poller_.counters().naps.get();
    return within([&] { return poller_.counters().naps.get() > before; });
  }
  bool answered() {
    return within([this] { return guest_.driver->take_used().has_value(); });
  }
  template <typename Condition>
  bool within(Condition&& condition) {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < end) {
      if (condition()) return true;
      usleep(100);
    }
    return false;
  }

  Guest guest_{64};
  Poller poller_{{}};
  MemoryDevice device_{1U << 20U};
  VolumeCore core_{"serial", device_, poller_.completions()};
  QueueSet set_{core_};
};

TEST_F(Owned, AKickWakesIt) {
  const int kick = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  poller_.watch(kick);
  serve(true);
  ASSERT_TRUE(within([this] { return poller_.counters().sleeps.get() > 0; }));
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(guest_.request(0, kWriteRequest, 0, 512));
    const std::uint64_t one = 1;
    if (guest_.driver->needs_kick()) {
      ASSERT_EQ(write(kick, &one, sizeof(one)), 8);
    }
    ASSERT_TRUE(answered()) << i;
  }
  poller_.unwatch(kick);
  close(kick);
}

TEST_F(Owned, ARingWithoutKicksIsLookedAtByTime) {
  serve(false);
  ASSERT_TRUE(sleeps());
  ASSERT_TRUE(guest_.request(0, kWriteRequest, 0, 512));
  EXPECT_TRUE(answered());
}

TEST_F(Owned, ACompletionWakesIt) {
  device_.hold();
  serve(false);
  ASSERT_TRUE(guest_.request(0, kWriteRequest, 0, 512));
  ASSERT_TRUE(within([this] { return device_.held() == 1; }));
  ASSERT_TRUE(sleeps());
  device_.release_all();
  EXPECT_TRUE(answered());
}

TEST(SpinJudge, SpinsWhereItPaysAndTriesNowAndThen) {
  SpinJudge judge;
  const auto tries = [&](int rounds) {  // sleeps without having found anything
    int spun = 0;
    for (int i = 0; i < rounds; ++i) {
      if (!judge.go_on(0, 100)) continue;
      EXPECT_TRUE(judge.go_on(99, 100));
      EXPECT_FALSE(judge.go_on(100, 100));
      ++spun;
    }
    return spun;
  };
  EXPECT_EQ(tries(8), 8);
  EXPECT_EQ(tries(320), 10);
  while (!judge.go_on(0, 100)) {
  }
  judge.worked();
  EXPECT_EQ(tries(2), 2);
}

TEST_F(Owned, WithManyAtTheDeviceItNapsUntilTheyTakeTooLong) {
  constexpr std::uint16_t kMany = 20;
  device_.hold();
  serve(false);
  ask(kMany);
  EXPECT_TRUE(within([this] { return poller_.counters().naps.get() > 0; }));
  ASSERT_TRUE(sleeps());  // nothing came for long: the device shall say so
  device_.release_all();
  for (int i = 0; i < kMany; ++i) EXPECT_TRUE(answered()) << i;
}

TEST_F(Owned, WithFewAtTheDeviceItDoesNotNap) {
  device_.hold();
  serve(false);
  ask(3);
  ASSERT_TRUE(sleeps());
  EXPECT_EQ(poller_.counters().naps.get(), 0U);
  device_.release_all();
  EXPECT_TRUE(answered());
}

TEST_F(Owned, WhatNobodyTellsOfIsCollected) {
  device_.hold();
  device_.keep_silent();
  serve(false);
  ask(3);
  ASSERT_TRUE(naps());
  const std::uint64_t sleeps_before = poller_.counters().sleeps.get();
  ASSERT_TRUE(naps());
  EXPECT_EQ(poller_.counters().sleeps.get(), sleeps_before);
  device_.release_all();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(answered()) << i;
  EXPECT_TRUE(sleeps());
}

}  // namespace
}  // namespace hanok::storage::target

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

  Guest guest_;
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

}  // namespace
}  // namespace hanok::storage::target

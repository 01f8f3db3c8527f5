#include "storage/target/blk_queue.h"

#include <gtest/gtest.h>

#include "storage/target/memory_device.h"
#include "tests/storage/target/guest.h"

namespace hanok::storage::target {
namespace {

using testing::Guest;

constexpr std::uint32_t kRead = 0;
constexpr std::uint32_t kWrite = 1;

// A guest, a memory volume, and the queue between them; the test is the owner.
class Queue : public ::testing::Test {
 protected:
  void SetUp() override { restart(); }
  // A new process: only the guest and the volume stay.
  void restart() {
    queue_ =
        std::make_unique<BlkQueue>(core_, std::make_unique<SplitRing>(guest_.layout()), &guest_.table, -1);
    ASSERT_TRUE(queue_->start());
  }
  void turn(std::uint64_t now_ns = 1) {
    queue_->poll(now_ns);
    for (IoRequest* io = list_.take(); io != nullptr;) {
      IoRequest* next = io->next;
      BlkQueue::complete(*io, now_ns);
      io = next;
    }
  }
  // Status bytes of what was given back, in order, by token.
  std::vector<std::pair<int, int>> answers() {
    std::vector<std::pair<int, int>> out;
    while (const auto used = guest_.driver->take_used())
      out.emplace_back(used->token, guest_.status(used->token));
    return out;
  }
  using Answers = std::vector<std::pair<int, int>>;

  Guest guest_;
  MemoryDevice device_{1U << 20U};
  CompletionList list_{[] {}};
  VolumeCore core_{"serial-number-that-is-long", device_, list_};
  std::unique_ptr<BlkQueue> queue_;
};

TEST_F(Queue, WhatIsWrittenIsRead) {
  std::memset(guest_.data(0), 0x5a, 4096);
  ASSERT_TRUE(guest_.request(0, kWrite, 8, 4096));
  turn();
  EXPECT_EQ(answers(), (Answers{{0, 0}}));
  EXPECT_EQ(device_.content()[4096], std::byte{0x5a});
  EXPECT_EQ(device_.content()[8192], std::byte{0});
  ASSERT_TRUE(guest_.request(1, kRead, 8, 4096, true));
  turn();
  EXPECT_EQ(answers(), (Answers{{1, 0}}));
  EXPECT_EQ(std::memcmp(guest_.data(0), guest_.data(1), 4096), 0);
  EXPECT_EQ(core_.stats.bytes[0].get(), 4096U);
  EXPECT_EQ(core_.in_flight_bytes, 0U);
}

TEST_F(Queue, TellsItsSerial) {
  ASSERT_TRUE(guest_.request(0, 8, 0, 20));
  turn();
  EXPECT_EQ(answers(), (Answers{{0, 0}}));
  EXPECT_EQ(std::string(reinterpret_cast<char*>(guest_.data(0)), 20), "serial-number-that-i");
}

TEST_F(Queue, AnErrorOfTheVolumeIsAnErrorOfTheRequest) {
  device_.fail_next(-EIO);
  ASSERT_TRUE(guest_.request(0, kWrite, 0, 512));
  ASSERT_TRUE(guest_.request(1, kWrite, 0, 512));
  turn();
  EXPECT_EQ(answers(), (Answers{{0, 1}, {1, 0}}));
  EXPECT_EQ(core_.stats.errors[1].get(), 1U);
}

TEST_F(Queue, RefusedRequestsAreAnsweredAndCounted) {
  ASSERT_TRUE(guest_.request(0, kRead, 1U << 20U, 512));
  ASSERT_TRUE(guest_.request(1, 77, 0, 0));
  turn();
  EXPECT_EQ(answers(), (Answers{{0, 1}, {1, 2}}));
  EXPECT_EQ(core_.stats.refusals[static_cast<std::size_t>(BlkRefusal::kBeyondEnd)].get(), 1U);
  EXPECT_FALSE(queue_->faulted());
}

TEST_F(Queue, ABrokenRingStopsOnlyThisQueue) {
  guest_.available()[1] = 100;
  turn();
  EXPECT_TRUE(queue_->faulted());
  EXPECT_STREQ(queue_->fault(), "avail_index_jumped");
  EXPECT_EQ(core_.stats.ring_faults[static_cast<std::size_t>(RingFault::kAvailIndexJumped)].get(), 1U);
}

TEST_F(Queue, AfterADeathTheRequestsInFlightAreDoneAgainOldestFirst) {
  for (const std::uint16_t token : {0, 1}) ASSERT_TRUE(guest_.request(token, kWrite, 0, 512));
  turn();
  ASSERT_EQ(answers().size(), 2U);  // from now on later requests have lower heads
  device_.hold();
  std::memset(guest_.data(3), 1, 512);
  std::memset(guest_.data(2), 2, 512);
  ASSERT_TRUE(guest_.request(3, kWrite, 0, 512));
  ASSERT_TRUE(guest_.request(2, kWrite, 0, 512));
  turn();
  EXPECT_EQ(device_.held(), 2U);
  const std::unique_ptr<BlkQueue> dead = std::move(queue_);  // its requests never end
  MemoryDevice successor(1U << 20U);
  VolumeCore core{"", successor, list_};
  BlkQueue queue(core, std::make_unique<SplitRing>(guest_.layout()), &guest_.table, -1);
  ASSERT_TRUE(queue.start());
  queue.poll(1);
  for (IoRequest* io = list_.take(); io != nullptr; io = io->next) BlkQueue::complete(*io, 1);
  EXPECT_EQ(answers(), (Answers{{3, 0}, {2, 0}}));
  EXPECT_EQ(successor.content()[0], std::byte{2});  // the later one is what stays
  EXPECT_EQ(core.stats.replayed.get(), 2U);
}

TEST_F(Queue, AGuestThatIsGoneIsNotTouched) {
  device_.hold();
  std::memset(guest_.data(0), 7, 512);
  ASSERT_TRUE(guest_.request(0, kRead, 0, 512));
  turn();
  queue_->abandon();
  device_.release_all();
  turn();
  EXPECT_EQ(queue_->at_device(), 0U);
  EXPECT_TRUE(answers().empty());
  EXPECT_EQ(*guest_.data(0), std::byte{7});
  EXPECT_EQ(core_.stats.orphaned.get(), 1U);
}

TEST_F(Queue, MemoryThatVanishedBeforeTheAnswer) {
  device_.hold();
  ASSERT_TRUE(guest_.request(0, kRead, 0, 512));
  turn();
  const GuestMemory nothing;
  queue_->pause();
  queue_->set_memory(&nothing);
  device_.release_all();
  turn();
  EXPECT_FALSE(queue_->faulted());
  queue_->go_on();
  EXPECT_STREQ(queue_->fault(), "memory_vanished");
  EXPECT_EQ(core_.stats.vanished.get(), 1U);
}

TEST_F(Queue, DrainingTakesNothingNewAndWaitsForTheOld) {
  device_.hold();
  ASSERT_TRUE(guest_.request(0, kWrite, 0, 512));
  turn();
  bool drained = false;
  queue_->drain([&] { drained = true; });
  ASSERT_TRUE(guest_.request(1, kWrite, 0, 512));
  turn();
  EXPECT_FALSE(drained);
  EXPECT_EQ(device_.held(), 1U);
  device_.release_all();
  turn();
  EXPECT_TRUE(drained);
  EXPECT_EQ(answers(), (Answers{{0, 0}}));
  EXPECT_EQ(queue_->ring().next_available(), 1);
}

TEST_F(Queue, AThrottledRequestWaitsItsTurn) {
  core_.throttle.set({10, 0});  // a burst of a tenth of a second is one request, and one more waits for none
  for (std::uint16_t token = 0; token < 4; ++token) {
    ASSERT_TRUE(guest_.request(token, kWrite, 0, 512, true));
  }
  turn(1'000);
  const std::size_t first = answers().size();
  EXPECT_LT(first, 4U);
  EXPECT_GT(queue_->wait_ns(), 0U);
  turn(1'000 + queue_->wait_ns());
  EXPECT_EQ(answers().size(), 1U);
}

// 1 s apart at one request in a tenth of a second would be nothing; all of it is the limit's.
TEST_F(Queue, WhatWaitsBehindAThrottledRequestWaitsForTheLimitAndNotForTheRing) {
  constexpr std::uint64_t kStart_ns = 1'000'000;
  const auto& write = core_.stats.throttle[1];
  turn(kStart_ns);  // the ring is seen empty
  core_.throttle.set({10, 0});
  for (std::uint16_t token = 0; token < 4; ++token) {
    ASSERT_TRUE(guest_.request(token, kWrite, 0, 512, true));
  }
  std::uint64_t now_ns = kStart_ns;
  turn(now_ns);
  while (write.count() < 4) {
    ASSERT_GT(queue_->wait_ns(), 0U);
    now_ns += queue_->wait_ns();
    queue_->woke(now_ns);
    turn(now_ns);
  }
  const std::uint64_t last_us = (now_ns - kStart_ns) / 1000;
  EXPECT_EQ(last_us, 200'000U);  // two at once, one after 100 ms, one after 200
  EXPECT_EQ(write.sum_us(), 300'000U);
  EXPECT_EQ(core_.stats.ring_wait[1].sum_us(), 0U);

  // The ring was never seen empty since: a number that is used again came after its last answer.
  core_.throttle.set({});
  ASSERT_TRUE(guest_.request(0, kWrite, 0, 512, true));
  turn(now_ns + 5'000);
  EXPECT_EQ(core_.stats.ring_wait[1].sum_us(), 5U);
  EXPECT_EQ(write.sum_us(), 300'000U);
}

TEST_F(Queue, CopiesInFlightAreBounded) {
  Guest large(128);
  device_.hold();
  MemoryDevice volume(64U << 20U);
  volume.hold();
  VolumeCore core{"", volume, list_};
  BlkQueue queue(core, std::make_unique<SplitRing>(large.layout()), &large.table, -1);
  ASSERT_TRUE(queue.start());
  const std::uint64_t base = testing::kGuestBase + Guest::kData;
  for (std::uint16_t token = 0; token < 20; ++token) {  // all of them over the same 1 MiB of the guest
    std::memset(large.at(Guest::kData), 0, 16);
    std::vector<Segment> segments = {{base, 16, false}};
    for (int i = 0; i < 4; ++i) segments.push_back({base + 4096, 1U << 20U, true});
    segments.push_back({base + 16, 1, true});
    ASSERT_TRUE(large.driver->add(segments, token, 0));
  }
  queue.poll(1);
  EXPECT_EQ(volume.held(), kMaxInFlight_bytes >> 22U);
  EXPECT_FALSE(queue.enable_kicks());  // no reason to poll again before a completion
}

}  // namespace
}  // namespace hanok::storage::target

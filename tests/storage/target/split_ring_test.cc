#include "storage/target/split_ring.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/storage/target/guest.h"

namespace hanok::storage::target {
namespace {

using testing::Guest;
using testing::kGuestBase;

struct Started {
  explicit Started(Guest& guest, bool with_record = true) : ring(guest.layout(with_record)) {
    fault = ring.recover(guest.table, replay);
  }
  SplitRing ring;
  std::vector<Chain> replay;
  RingFault fault;
};

TEST(SplitRing, TakesAChainAndGivesItBack) {
  Guest guest;
  Started device(guest);
  Chain chain;
  EXPECT_EQ(device.ring.pop(guest.table, chain), Pop::kEmpty);
  ASSERT_TRUE(guest.request(3, 1, 0, 512));
  ASSERT_EQ(device.ring.pop(guest.table, chain), Pop::kTaken);
  ASSERT_EQ(chain.segments.size(), 3U);
  EXPECT_EQ(chain.segments[1].length, 512U);
  EXPECT_FALSE(chain.segments[1].device_writes);
  EXPECT_TRUE(chain.segments[2].device_writes);
  EXPECT_FALSE(guest.driver->take_used());
  device.ring.give_back(chain, 1);
  const auto used = guest.driver->take_used();
  ASSERT_TRUE(used);
  EXPECT_EQ(used->token, 3);
  EXPECT_EQ(used->written, 1U);
}

TEST(SplitRing, ReadsIndirectTables) {
  Guest guest;
  Started device(guest);
  ASSERT_TRUE(guest.request(2, 0, 0, 4096, true));
  Chain chain;
  ASSERT_EQ(device.ring.pop(guest.table, chain), Pop::kTaken);
  ASSERT_EQ(chain.segments.size(), 3U);
  EXPECT_EQ(chain.segments[1].length, 4096U);
}

TEST(SplitRing, IndexesWrapAroundManyTimes) {
  Guest guest(4);
  Started device(guest);
  Chain chain;
  for (unsigned i = 0; i < 200'000; ++i) {
    ASSERT_TRUE(guest.request(0, 0, 0, 0));
    ASSERT_EQ(device.ring.pop(guest.table, chain), Pop::kTaken);
    device.ring.give_back(chain, 1);
    ASSERT_TRUE(guest.driver->take_used());
  }
}

// After a round the free descriptors lie the other way round: later requests have lower heads.
void turn_heads_round(Guest& guest) {
  Started device(guest);
  Chain chain;
  for (const std::uint16_t token : {0, 1, 2}) ASSERT_TRUE(guest.request(token, 1, 0, 0));
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(device.ring.pop(guest.table, chain), Pop::kTaken);
    device.ring.give_back(chain, 1);
    ASSERT_TRUE(guest.driver->take_used());
  }
}

// Each wrong ring is a fault with its own name.
class BrokenRing : public ::testing::Test {
 protected:
  RingFault pop() {
    Started device(guest_);
    Chain chain;
    return device.ring.pop(guest_.table, chain) == Pop::kFault ? device.ring.fault() : RingFault::kNone;
  }
  Guest guest_;
};

TEST_F(BrokenRing, AvailIndexJumps) {
  guest_.available()[1] = 9;
  EXPECT_EQ(pop(), RingFault::kAvailIndexJumped);
}

TEST_F(BrokenRing, HeadOutOfRange) {
  guest_.available()[1] = 1;
  guest_.available()[2] = 8;
  EXPECT_EQ(pop(), RingFault::kHeadOutOfRange);
}

TEST_F(BrokenRing, NextOutOfRange) {
  ASSERT_TRUE(guest_.request(0, 0, 0, 512));
  guest_.descriptors()[guest_.available()[2]].next = 8;
  EXPECT_EQ(pop(), RingFault::kNextOutOfRange);
}

TEST_F(BrokenRing, Loop) {
  ASSERT_TRUE(guest_.request(0, 0, 0, 512));
  SplitDescriptor& head = guest_.descriptors()[guest_.available()[2]];
  head.next = guest_.available()[2];
  EXPECT_EQ(pop(), RingFault::kChainTooLong);
}

TEST_F(BrokenRing, BufferOutsideMemory) {
  ASSERT_TRUE(guest_.request(0, 0, 0, 512));
  guest_.descriptors()[guest_.available()[2]].address = kGuestBase + Guest::kMemory_bytes - 8;
  EXPECT_EQ(pop(), RingFault::kOutsideMemory);
}

TEST_F(BrokenRing, AddressWraps) {
  ASSERT_TRUE(guest_.request(0, 0, 0, 512));
  guest_.descriptors()[guest_.available()[2]].address = ~0ULL - 4;
  EXPECT_EQ(pop(), RingFault::kOutsideMemory);
}

TEST_F(BrokenRing, ReadableAfterWritable) {
  ASSERT_TRUE(guest_.request(0, 0, 0, 512));
  guest_.descriptors()[guest_.available()[2]].flags |= kDescWrite;
  guest_.descriptors()[guest_.descriptors()[guest_.available()[2]].next].flags = kDescNext;
  EXPECT_EQ(pop(), RingFault::kReadableAfterWritable);
}

TEST_F(BrokenRing, IndirectTableOfNoWholeNumber) {
  ASSERT_TRUE(guest_.request(0, 0, 0, 512, true));
  guest_.descriptors()[guest_.available()[2]].length = 17;
  EXPECT_EQ(pop(), RingFault::kIndirectSize);
}

TEST_F(BrokenRing, IndirectTableInATable) {
  ASSERT_TRUE(guest_.request(0, 0, 0, 512, true));
  reinterpret_cast<SplitDescriptor*>(guest_.at(Guest::kData + 512))->flags = kDescIndirect;
  EXPECT_EQ(pop(), RingFault::kIndirectNested);
}

TEST_F(BrokenRing, IndirectTableOutsideMemory) {
  ASSERT_TRUE(guest_.request(0, 0, 0, 512, true));
  guest_.descriptors()[guest_.available()[2]].address = 16;
  EXPECT_EQ(pop(), RingFault::kOutsideMemory);
}

TEST_F(BrokenRing, TableThatLoops) {
  ASSERT_TRUE(guest_.request(0, 0, 0, 512, true));
  reinterpret_cast<SplitDescriptor*>(guest_.at(Guest::kData + 512))->next = 0;
  EXPECT_EQ(pop(), RingFault::kChainTooLong);
}

TEST(SplitRing, HeadThatIsInFlightIsAFault) {
  Guest guest;
  Started device(guest);
  ASSERT_TRUE(guest.request(0, 0, 0, 512));
  Chain chain;
  ASSERT_EQ(device.ring.pop(guest.table, chain), Pop::kTaken);
  guest.available()[3] = guest.available()[2];
  guest.available()[1] = 2;
  ASSERT_EQ(device.ring.pop(guest.table, chain), Pop::kFault);
  EXPECT_EQ(device.ring.fault(), RingFault::kHeadInFlight);
}

TEST(SplitRing, SizesAndAlignment) {
  Guest guest;
  for (const std::uint32_t size : {0U, 3U, 65536U}) {
    SplitLayout layout = guest.layout();
    layout.size = size;
    std::vector<Chain> replay;
    EXPECT_EQ(SplitRing(layout).recover(guest.table, replay), RingFault::kQueueSize) << size;
  }
  SplitLayout layout = guest.layout();
  layout.descriptors = guest.at(8);
  std::vector<Chain> replay;
  EXPECT_EQ(SplitRing(layout).recover(guest.table, replay), RingFault::kMisaligned);
}

TEST(SplitRing, WhatWasInFlightComesBackOldestFirst) {
  Guest guest;
  turn_heads_round(guest);
  {
    Started dying(guest);
    Chain chain;
    for (const std::uint16_t token : {5, 1, 4}) ASSERT_TRUE(guest.request(token, 1, token, 0));
    for (int i = 0; i < 3; ++i) ASSERT_EQ(dying.ring.pop(guest.table, chain), Pop::kTaken);
  }
  ASSERT_TRUE(guest.request(6, 1, 6, 0));  // made available while nobody was there
  Started device(guest);
  ASSERT_EQ(device.fault, RingFault::kNone);
  ASSERT_EQ(device.replay.size(), 3U);
  EXPECT_GT(device.replay.front().id, device.replay.back().id);  // else their numbers would do as an order
  std::vector<std::uint64_t> addresses;
  for (const Chain& chain : device.replay) addresses.push_back(chain.segments[0].address);
  const auto slot = [](std::uint64_t token) {
    return kGuestBase + Guest::kData + token * Guest::kSlot_bytes;
  };
  EXPECT_EQ(addresses, (std::vector<std::uint64_t>{slot(5), slot(1), slot(4)}));
  Chain chain;
  ASSERT_EQ(device.ring.pop(guest.table, chain), Pop::kTaken);
  EXPECT_EQ(chain.segments[0].address, slot(6));
  EXPECT_EQ(device.ring.pop(guest.table, chain), Pop::kEmpty);
}

// The steps of giving back, and a death after each: nothing is given back twice, nothing is lost.
TEST(SplitRing, ADeathBetweenAnyTwoStepsOfGivingBack) {
  enum Step { kLastSet, kUsedWritten, kFlagCleared, kDone };
  for (const Step died_after : {kLastSet, kUsedWritten, kFlagCleared, kDone}) {
    Guest guest;
    std::uint16_t given_back = 0;
    {
      Started dying(guest);
      Chain chain;
      Chain other;
      ASSERT_TRUE(guest.request(0, 1, 0, 0));
      ASSERT_TRUE(guest.request(1, 1, 0, 0));
      ASSERT_EQ(dying.ring.pop(guest.table, chain), Pop::kTaken);
      ASSERT_EQ(dying.ring.pop(guest.table, other), Pop::kTaken);
      given_back = other.id;
      ASSERT_NE(given_back, 0);  // what a record that was never written names
      dying.ring.give_back(other, 1);
    }
    if (died_after < kDone) guest.record().used_index = 0;
    if (died_after < kFlagCleared) guest.entry(given_back).in_flight = 1;
    if (died_after < kUsedWritten) guest.used()[1] = 0;
    Started device(guest);
    const bool again = died_after == kLastSet;  // the guest has not seen it: it is done once more
    EXPECT_EQ(device.replay.size(), again ? 2U : 1U) << died_after;
    Chain chain;
    EXPECT_EQ(device.ring.pop(guest.table, chain), Pop::kEmpty) << died_after;
    for (const Chain& each : device.replay) device.ring.give_back(each, 1);
    std::vector<std::uint16_t> seen;
    while (const auto used = guest.driver->take_used()) seen.push_back(used->token);
    std::sort(seen.begin(), seen.end());
    EXPECT_EQ(seen, (std::vector<std::uint16_t>{0, 1})) << died_after;
  }
}

// A fresh record beside a ring that was in use: without the seed, the first give-back would clear entry 0.
TEST(SplitRing, AFreshRecordLearnsTheGuestsIndex) {
  Guest guest;
  {
    Started without(guest, false);
    Chain chain;
    ASSERT_TRUE(guest.request(0, 1, 0, 0));
    ASSERT_EQ(without.ring.pop(guest.table, chain), Pop::kTaken);
    without.ring.give_back(chain, 1);
    ASSERT_TRUE(guest.driver->take_used());
  }
  guest.record().version = 1;  // as DPDK leaves it on the first kick: version set, used index 0
  guest.record().last_given_back = 0;
  {
    Started device(guest);
    EXPECT_EQ(guest.record().used_index, 1);
    Chain chain;
    ASSERT_TRUE(guest.request(7, 1, 0, 0));
    ASSERT_EQ(device.ring.pop(guest.table, chain), Pop::kTaken);
  }
  Started again(guest);
  EXPECT_EQ(again.replay.size(), 1U);
}

TEST(SplitRing, ARecordThatContradictsItselfIsRefused) {
  Guest guest;
  guest.record().version = 1;
  guest.record().used_index = 5;
  guest.record().last_given_back = 8;
  EXPECT_EQ(Started(guest).fault, RingFault::kBadInflight);
}

TEST(SplitRing, EventIndexSaysWhenToCallAndKick) {
  Guest guest(8, true);
  Started device(guest);
  Chain chain;
  EXPECT_FALSE(device.ring.enable_kicks());
  ASSERT_TRUE(guest.request(0, 1, 0, 0));
  EXPECT_TRUE(guest.driver->needs_kick());
  ASSERT_TRUE(guest.request(1, 1, 0, 0));
  EXPECT_FALSE(guest.driver->needs_kick());  // not asked for again
  EXPECT_TRUE(device.ring.enable_kicks());
  EXPECT_FALSE(guest.driver->enable_calls());
  ASSERT_EQ(device.ring.pop(guest.table, chain), Pop::kTaken);
  device.ring.give_back(chain, 1);
  EXPECT_TRUE(device.ring.wants_call());
  EXPECT_FALSE(device.ring.wants_call());
  ASSERT_EQ(device.ring.pop(guest.table, chain), Pop::kTaken);
  device.ring.give_back(chain, 1);
  EXPECT_FALSE(device.ring.wants_call());  // the guest waits for nothing more
}

TEST(SplitRing, FlagsSayWhenToCallAndKick) {
  Guest guest;
  Started device(guest);
  device.ring.disable_kicks();
  ASSERT_TRUE(guest.request(0, 1, 0, 0));
  EXPECT_FALSE(guest.driver->needs_kick());
  EXPECT_TRUE(device.ring.enable_kicks());
  guest.driver->disable_calls();
  Chain chain;
  ASSERT_EQ(device.ring.pop(guest.table, chain), Pop::kTaken);
  device.ring.give_back(chain, 1);
  EXPECT_FALSE(device.ring.wants_call());
}

}  // namespace
}  // namespace hanok::storage::target

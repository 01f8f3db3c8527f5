#include "storage/target/packed_ring.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <random>

#include "tests/storage/target/guest.h"

namespace hanok::storage::target {
namespace {

using testing::Guest;
using testing::kGuestBase;

struct Packed {
  explicit Packed(Guest& guest, bool with_record = true) : ring(guest.packed_layout(with_record)) {
    fault = ring.recover(guest.table, replay);
  }
  PackedRing ring;
  std::vector<Chain> replay;
  RingFault fault;
};
struct PackedGuest : Guest {
  explicit PackedGuest(std::uint16_t size = 8, bool event_index = false) : Guest(size, event_index, true) {}
  PackedDescriptor& ring(std::size_t i) {
    return reinterpret_cast<PackedDescriptor*>(at(place.descriptors))[i];
  }
  PackedInflightHeader& header() { return *packed_layout().inflight; }
  PackedInflightEntry& part(std::size_t i) {
    return reinterpret_cast<PackedInflightEntry*>(packed_layout().inflight + 1)[i];
  }
};

std::uint64_t slot_at(std::uint64_t token) {
  return kGuestBase + Guest::kData + token * Guest::kSlot_bytes;
}

TEST(PackedRing, TakesAChainAndGivesItBack) {
  PackedGuest guest;
  Packed device(guest);
  ASSERT_EQ(device.fault, RingFault::kNone);
  Chain chain;
  EXPECT_EQ(device.ring.pop(guest.table, chain), Pop::kEmpty);
  ASSERT_TRUE(guest.request(3, 1, 0, 512));
  ASSERT_EQ(device.ring.pop(guest.table, chain), Pop::kTaken);
  ASSERT_EQ(chain.segments.size(), 3U);
  EXPECT_EQ(chain.descriptors, 3);
  EXPECT_EQ(chain.segments[1].length, 512U);
  EXPECT_TRUE(chain.segments[2].device_writes);
  EXPECT_FALSE(guest.driver->take_used());
  device.ring.give_back(chain, 1);
  const auto used = guest.driver->take_used();
  ASSERT_TRUE(used);
  EXPECT_EQ(used->token, 3);
  EXPECT_EQ(used->written, 1U);
}

TEST(PackedRing, ReadsIndirectTables) {
  PackedGuest guest;
  Packed device(guest);
  ASSERT_TRUE(guest.request(2, 0, 0, 4096, true));
  Chain chain;
  ASSERT_EQ(device.ring.pop(guest.table, chain), Pop::kTaken);
  ASSERT_EQ(chain.segments.size(), 3U);
  EXPECT_EQ(chain.descriptors, 1);
}

// Sizes need no power of two here; answers come in any order; deaths in between. Every request is answered
// exactly once (the driver traps on a second time).
TEST(PackedRing, AnyOrderOverManyRoundsWithDeaths) {
  for (const std::uint16_t size : {3, 7, 8, 16}) {
    PackedGuest guest(size);
    std::mt19937 random(size);
    auto device = std::make_unique<Packed>(guest);
    std::vector<Chain> held;
    std::vector<bool> out(size);
    unsigned answered = 0;
    for (unsigned step = 0; step < 50'000; ++step) {
      const auto token = static_cast<std::uint16_t>(random() % size);
      if (!out[token] && guest.request(token, 1, token, random() % 2 * 512, random() % 2 == 0)) {
        out[token] = true;
      }
      Chain chain;
      if (random() % 2 == 0 && device->ring.pop(guest.table, chain) == Pop::kTaken) held.push_back(chain);
      if (!held.empty() && random() % 2 == 0) {
        const auto which = held.begin() + static_cast<std::ptrdiff_t>(random() % held.size());
        device->ring.give_back(*which, 1);
        held.erase(which);
      }
      if (random() % 50 == 0) {
        const std::size_t before = held.size();
        device = std::make_unique<Packed>(guest);
        ASSERT_EQ(device->fault, RingFault::kNone) << step;
        ASSERT_EQ(device->replay.size(), before) << step;
        for (std::size_t i = 0; i < before; ++i) {
          ASSERT_EQ(device->replay[i].segments[0].address, held[i].segments[0].address) << step;
        }
        held = device->replay;
      }
      while (const auto used = guest.driver->take_used()) {
        ASSERT_TRUE(out[used->token]);
        out[used->token] = false;
        ++answered;
      }
    }
    EXPECT_GT(answered, 1000U);
  }
}

// The answer to the second request lies where the first one's descriptor was: only the record still has that.
TEST(PackedRing, WhatAUsedDescriptorOverwroteIsReplayedFromTheRecord) {
  PackedGuest guest;
  {
    Packed dying(guest);
    Chain first;
    Chain second;
    ASSERT_TRUE(guest.request(5, 1, 0, 512));
    ASSERT_TRUE(guest.request(1, 1, 0, 512));
    ASSERT_EQ(dying.ring.pop(guest.table, first), Pop::kTaken);
    ASSERT_EQ(dying.ring.pop(guest.table, second), Pop::kTaken);
    dying.ring.give_back(second, 1);
  }
  Packed device(guest);
  ASSERT_EQ(device.replay.size(), 1U);
  ASSERT_EQ(device.replay[0].segments.size(), 3U);
  EXPECT_EQ(device.replay[0].segments[0].address, slot_at(5));
  device.ring.give_back(device.replay[0], 1);
  EXPECT_EQ(guest.driver->take_used()->token, 1);
  EXPECT_EQ(guest.driver->take_used()->token, 5);
}

// The record's and ring's bytes as they are after each step of give_back(), put together from before and
// after.
TEST(PackedRing, ADeathBetweenAnyTwoStepsOfGivingBack) {
  enum Step { kMarked, kTold, kCleared, kMoved, kDone };
  for (const bool rounds : {false, true}) {
    for (const Step died_after : {kMarked, kTold, kCleared, kMoved, kDone}) {
      PackedGuest guest;
      {
        Packed dying(guest);
        Chain chain;
        for (int i = 0; rounds && i < 5; ++i) {  // into the second round, over skipped descriptors
          ASSERT_TRUE(guest.request(0, 1, 0, 512));
          ASSERT_EQ(dying.ring.pop(guest.table, chain), Pop::kTaken);
          dying.ring.give_back(chain, 1);
          ASSERT_TRUE(guest.driver->take_used());
        }
        Chain other;
        ASSERT_TRUE(guest.request(0, 1, 0, 0));
        ASSERT_TRUE(guest.request(1, 1, 0, 512));
        ASSERT_EQ(dying.ring.pop(guest.table, chain), Pop::kTaken);
        ASSERT_EQ(dying.ring.pop(guest.table, other), Pop::kTaken);
        const PackedInflightHeader before = guest.header();
        const std::uint16_t place = before.position.used;
        const PackedDescriptor untold = guest.ring(place);
        dying.ring.give_back(other, 1);
        if (died_after < kDone) guest.header().giving_back = other.record;
        if (died_after < kMoved) guest.header().position = before.position;
        if (died_after < kCleared) guest.part(other.record).in_flight = 1;
        if (died_after < kTold) guest.ring(place) = untold;
      }
      Packed device(guest);
      ASSERT_EQ(device.fault, RingFault::kNone);
      EXPECT_EQ(device.replay.size(), died_after == kMarked ? 2U : 1U) << died_after;
      Chain chain;
      EXPECT_EQ(device.ring.pop(guest.table, chain), Pop::kEmpty) << died_after;
      for (const Chain& each : device.replay) device.ring.give_back(each, 1);
      std::vector<std::uint16_t> seen;
      while (const auto used = guest.driver->take_used()) seen.push_back(used->token);
      std::sort(seen.begin(), seen.end());
      EXPECT_EQ(seen, (std::vector<std::uint16_t>{0, 1})) << died_after;
    }
  }
}

// Nothing else in flight, and the next place holds a skipped descriptor of the last round, which looks told.
TEST(PackedRing, ADeathJustBeforeTheMarkGoesMovesThePositionOnlyOnce) {
  PackedGuest guest(6);
  std::uint16_t entry = 0;
  {
    Packed dying(guest);
    Chain chain;
    for (const std::uint32_t length : {0U, 512U, 0U, 512U, 0U, 512U, 0U}) {
      ASSERT_TRUE(guest.request(0, 1, 0, length));
      ASSERT_EQ(dying.ring.pop(guest.table, chain), Pop::kTaken);
      dying.ring.give_back(chain, 1);
      ASSERT_TRUE(guest.driver->take_used());
      entry = chain.record;
      const PackedPosition before = guest.header().position;
      guest.header().giving_back = entry;
      Packed next(guest);
      EXPECT_EQ(guest.header().position.used, before.used);
      EXPECT_TRUE(next.replay.empty());
      guest.header().giving_back = 0xffff;
    }
  }
}

TEST(PackedRing, AFreshRecordTakesTheFrontEndsBase) {
  PackedGuest guest;
  Packed without(guest, false);
  Chain chain;
  ASSERT_TRUE(guest.request(0, 1, 0, 0));
  ASSERT_EQ(without.ring.pop(guest.table, chain), Pop::kTaken);
  without.ring.give_back(chain, 1);
  ASSERT_TRUE(guest.driver->take_used());
  PackedLayout layout = guest.packed_layout();
  layout.next_available = without.ring.next_available();
  EXPECT_EQ(layout.next_available, 0x8002);
  PackedRing ring(layout);
  std::vector<Chain> replay;
  ASSERT_EQ(ring.recover(guest.table, replay), RingFault::kNone);
  ASSERT_TRUE(guest.request(7, 1, 0, 0));
  ASSERT_EQ(ring.pop(guest.table, chain), Pop::kTaken);
  EXPECT_EQ(chain.segments[0].address, slot_at(7));
}

// Each wrong ring is a fault with its own name.
class BrokenPackedRing : public ::testing::Test {
 protected:
  RingFault pop() {
    Packed device(guest_);
    Chain chain;
    return device.ring.pop(guest_.table, chain) == Pop::kFault ? device.ring.fault() : RingFault::kNone;
  }
  PackedGuest guest_;
};

TEST_F(BrokenPackedRing, Loop) {
  ASSERT_TRUE(guest_.request(0, 0, 0, 512));
  for (int i = 0; i < 8; ++i) guest_.ring(i).flags |= kDescNext;
  EXPECT_EQ(pop(), RingFault::kChainTooLong);
}

TEST_F(BrokenPackedRing, BufferIdOutOfRange) {
  ASSERT_TRUE(guest_.request(0, 0, 0, 512));
  guest_.ring(2).id = 8;
  EXPECT_EQ(pop(), RingFault::kHeadOutOfRange);
}

TEST_F(BrokenPackedRing, BufferOutsideMemory) {
  ASSERT_TRUE(guest_.request(0, 0, 0, 512));
  guest_.ring(1).address = ~0ULL - 4;
  EXPECT_EQ(pop(), RingFault::kOutsideMemory);
}

TEST_F(BrokenPackedRing, IndirectTables) {
  ASSERT_TRUE(guest_.request(0, 0, 0, 512, true));
  const PackedDescriptor good = guest_.ring(0);
  guest_.ring(0).length = 17;
  EXPECT_EQ(pop(), RingFault::kIndirectSize);
  guest_.ring(0) = good;
  guest_.ring(0).flags |= kDescNext;
  EXPECT_EQ(pop(), RingFault::kIndirectNested);
  guest_.ring(0) = good;
  guest_.ring(0).address = 16;
  EXPECT_EQ(pop(), RingFault::kOutsideMemory);
}

TEST(PackedRing, ABufferIdThatIsInFlightIsAFault) {
  PackedGuest guest;
  Packed device(guest);
  ASSERT_TRUE(guest.request(0, 0, 0, 0));
  ASSERT_TRUE(guest.request(1, 0, 0, 0));
  guest.ring(3).id = guest.ring(1).id;
  Chain chain;
  ASSERT_EQ(device.ring.pop(guest.table, chain), Pop::kTaken);
  ASSERT_EQ(device.ring.pop(guest.table, chain), Pop::kFault);
  EXPECT_EQ(device.ring.fault(), RingFault::kHeadInFlight);
}

TEST(PackedRing, ARecordThatContradictsItselfIsRefused) {
  const auto fault_after = [](const std::function<void(PackedGuest&)>& damage) {
    PackedGuest guest;
    Packed before(guest);
    Chain chain;
    EXPECT_TRUE(guest.request(0, 1, 0, 512));
    EXPECT_EQ(before.ring.pop(guest.table, chain), Pop::kTaken);
    damage(guest);
    return Packed(guest).fault;
  };
  EXPECT_EQ(fault_after([](PackedGuest& guest) { guest.header().position.used = 8; }),
            RingFault::kBadInflight);
  EXPECT_EQ(fault_after([](PackedGuest& guest) { guest.header().giving_back = 8; }), RingFault::kBadInflight);
  EXPECT_EQ(fault_after([](PackedGuest& guest) { guest.part(2).count = guest.part(0).count = 9; }),
            RingFault::kBadInflight);
  EXPECT_EQ(fault_after([](PackedGuest& guest) {
              for (int i = 0; i < 8; ++i) guest.part(i).next = 0xfff0;
            }),
            RingFault::kBadInflight);
}

TEST(PackedRing, EventIndexSaysWhenToCallAndKick) {
  PackedGuest guest(8, true);
  Packed device(guest);
  Chain chain;
  for (int round = 0; round < 20; ++round) {  // over the wrap as well
    EXPECT_FALSE(device.ring.enable_kicks());
    ASSERT_TRUE(guest.request(0, 1, 0, 0));
    EXPECT_TRUE(guest.driver->needs_kick()) << round;
    ASSERT_TRUE(guest.request(1, 1, 0, 512));
    EXPECT_FALSE(guest.driver->needs_kick()) << round;  // not asked for again
    EXPECT_FALSE(guest.driver->enable_calls());
    for (const bool wanted : {true, false}) {  // the guest waits for nothing more after the first
      ASSERT_EQ(device.ring.pop(guest.table, chain), Pop::kTaken);
      device.ring.give_back(chain, 1);
      EXPECT_EQ(device.ring.wants_call(), wanted) << round;
      EXPECT_FALSE(device.ring.wants_call());
    }
    while (guest.driver->take_used()) {
    }
  }
}

TEST(PackedRing, FlagsSayWhenToCallAndKick) {
  PackedGuest guest;
  Packed device(guest);
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

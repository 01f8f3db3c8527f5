#include "dataplane/flow/hash_index.h"

#include <gtest/gtest.h>

#include "dataplane/tables/persistent_map.h"

namespace hanok::dataplane {
namespace {

TEST(HashIndex, TakesAllItWasMadeForAndFindsEach) {
  constexpr std::uint32_t kEntries = 100000;
  HashIndex index(kEntries);
  std::vector<std::uint64_t> hashes(kEntries);
  for (std::uint32_t i = 0; i < kEntries; ++i) {
    hashes[i] = mix(i + 1);
    ASSERT_TRUE(index.insert(hashes[i], i)) << i;
  }
  for (std::uint32_t i = 0; i < kEntries; ++i) {
    EXPECT_EQ(index.find(hashes[i], [&](std::uint32_t slot) { return slot == i; }), i);
  }
  EXPECT_EQ(index.find(mix(kEntries + 1), [](std::uint32_t) { return false; }), kNoSlot);
  for (std::uint32_t i = 0; i < kEntries; i += 2) index.erase(hashes[i], i);
  for (std::uint32_t i = 0; i < kEntries; ++i) {
    const auto found = index.find(hashes[i], [&](std::uint32_t slot) { return slot == i; });
    EXPECT_EQ(found, i % 2 == 0 ? kNoSlot : i);
  }
}

TEST(HashIndex, RefusesWhenFullAndLosesNothing) {
  HashIndex index(16);
  std::vector<std::uint32_t> in;
  for (std::uint32_t i = 0; i < 1000; ++i) {
    if (index.insert(mix(i), i)) in.push_back(i);
  }
  EXPECT_LT(in.size(), 1000U);
  EXPECT_GE(in.size(), 32U);
  for (const std::uint32_t i : in) {
    EXPECT_EQ(index.find(mix(i), [&](std::uint32_t slot) { return slot == i; }), i);
  }
}

// Entries come and go while the table is nearly full, so that many are in their other bucket and move back.
TEST(HashIndex, FindsWhatIsThereThroughComingAndGoing) {
  constexpr std::uint32_t kEntries = 2000;
  HashIndex index(1500);
  std::vector<bool> in(kEntries, false);
  std::uint64_t random = 1;
  for (unsigned round = 0; round < 200000; ++round) {
    random = mix(random + round);
    const auto i = static_cast<std::uint32_t>(random % kEntries);
    if (in[i]) {
      index.erase(mix(i), i);
      in[i] = false;
    } else {
      in[i] = index.insert(mix(i), i);
    }
    const auto j = static_cast<std::uint32_t>((random >> 32U) % kEntries);
    ASSERT_EQ(index.find(mix(j), [&](std::uint32_t slot) { return slot == j; }), in[j] ? j : kNoSlot)
        << round;
  }
  for (std::uint32_t i = 0; i < kEntries; ++i) {
    ASSERT_EQ(index.find(mix(i), [&](std::uint32_t slot) { return slot == i; }), in[i] ? i : kNoSlot);
    if (in[i]) index.erase(mix(i), i);
  }
  for (std::uint32_t i = 0; i < kEntries; ++i) EXPECT_EQ(index.candidate(mix(i)), kNoSlot);
}

// Keys that an attacker would choose to share one bucket end in the stash, then are refused; others live on.
TEST(HashIndex, EqualHashesAreKeptApart) {
  HashIndex index(4096);
  for (std::uint32_t i = 0; i < 40; ++i) ASSERT_TRUE(index.insert(42, i));
  EXPECT_GT(index.stashed(), 0U);
  for (std::uint32_t i = 0; i < 40; ++i) {
    EXPECT_EQ(index.find(42, [&](std::uint32_t slot) { return slot == i; }), i);
  }
  for (std::uint32_t i = 0; i < 40; ++i) index.erase(42, i);
  EXPECT_EQ(index.stashed(), 0U);
  EXPECT_EQ(index.find(42, [](std::uint32_t) { return true; }), kNoSlot);
}

}  // namespace
}  // namespace hanok::dataplane

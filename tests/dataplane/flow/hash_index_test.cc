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

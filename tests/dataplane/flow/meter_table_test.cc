#include "dataplane/flow/meter_table.h"

#include <gtest/gtest.h>

namespace hanok::dataplane {
namespace {

const MeterUse kPort{ref(Kind::kPort, 1), true, 8000, 80};  // 1,000,000 bytes/s, 10,000 bytes of burst

TEST(MeterTable, GivesTheBurstThenTheRate) {
  MeterBuckets buckets;
  MeterTable meters(buckets);
  const std::uint16_t set = *meters.set_of(std::array{kPort});
  std::uint64_t now_us = 1'000'000'000;
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(meters.take(set, 1000, now_us));
  EXPECT_FALSE(meters.take(set, 1000, now_us));
  EXPECT_FALSE(meters.take(set, 1000, now_us + 999));
  EXPECT_TRUE(meters.take(set, 1000, now_us + 1000));
  unsigned passed = 0;
  for (int i = 0; i < 100'000; ++i)
    passed += meters.take(set, 100, now_us += 17) ? 1 : 0;  // 5.9 times the rate
  EXPECT_NEAR(passed * 100.0, 1.7e6, 1200.0);
  EXPECT_TRUE(meters.take(set, 1000, now_us + 3'000'000'000ULL));  // a long silence fills it, and no more
  EXPECT_FALSE(meters.take(set, 9001, now_us + 3'000'000'000ULL));
}

TEST(MeterTable, AllOfASetPassOrNoneIsCharged) {
  MeterBuckets buckets;
  MeterTable meters(buckets);
  const MeterUse narrow{ref(Kind::kPort, 2), false, 8000, 32};  // 4,000 bytes
  const std::uint16_t both = *meters.set_of(std::array{kPort, narrow}),
                      one = *meters.set_of(std::array{kPort});
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(meters.take(both, 1000, 1000));
  EXPECT_FALSE(meters.take(both, 1000, 1000));
  for (int i = 0; i < 6; ++i) EXPECT_TRUE(meters.take(one, 1000, 1000));
  EXPECT_FALSE(meters.take(one, 1000, 1000));
}

TEST(MeterTable, SameSetSameNumberAndRatesFollow) {
  MeterBuckets buckets;
  MeterTable meters(buckets);
  const std::uint16_t set = *meters.set_of(std::array{kPort});
  EXPECT_TRUE(meters.take(set, 5000, 1000));
  MeterUse slower = kPort;
  slower.kbps = 80;
  slower.burst_kbits = 0;  // the smallest burst: two frames
  EXPECT_EQ(*meters.set_of(std::array{slower}), set);
  EXPECT_TRUE(meters.take(set, 3200 - 200, 1000));  // what credit there was is cut to the new burst
  EXPECT_FALSE(meters.take(set, 5001, 1000));
  MeterUse other = kPort;
  other.egress = false;
  EXPECT_NE(*meters.set_of(std::array{other}), set);
}

TEST(MeterTable, SaysWhenNumbersRunOut) {
  MeterBuckets buckets;
  MeterTable meters(buckets);
  for (std::uint32_t i = 0; i < MeterTable::kSets; ++i) {
    const MeterUse use{ref(Kind::kPort, i), true, 1, 1};
    ASSERT_TRUE(meters.set_of(std::array{use}).has_value());
  }
  const MeterUse last{ref(Kind::kPort, 100'000), true, 1, 1};
  EXPECT_FALSE(meters.set_of(std::array{last}).has_value());
  meters.clear();
  EXPECT_EQ(*meters.set_of(std::array{last}), 1);
}

}  // namespace
}  // namespace hanok::dataplane

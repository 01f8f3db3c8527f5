#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "storage/target/bus_error.h"
#include "storage/target/guest_memory.h"
#include "storage/target/histogram.h"
#include "storage/target/osd_times.h"
#include "storage/target/target.h"
#include "storage/target/throttle.h"

namespace hanok::storage::target {
namespace {

TEST(GuestMemory, SpansRegionsThatAdjoinAndNoOthers) {
  std::array<std::byte, 32> low{};
  std::array<std::byte, 32> high{};
  const GuestMemory memory({{100, 32, low.data()}, {132, 32, high.data()}, {200, 32, low.data()}});
  EXPECT_TRUE(memory.contains(100, 64));
  EXPECT_FALSE(memory.contains(100, 65));
  EXPECT_FALSE(memory.contains(99, 1));
  EXPECT_FALSE(memory.contains(190, 20));
  EXPECT_FALSE(memory.contains(~0ULL, 2));
  EXPECT_TRUE(memory.write(130, "abcd", 4));
  EXPECT_EQ(low[31], std::byte{'b'});
  EXPECT_EQ(high[0], std::byte{'c'});
  std::array<char, 4> out{};
  EXPECT_TRUE(memory.read(130, out.data(), 4));
  EXPECT_EQ(std::string(out.data(), 4), "abcd");
}

TEST(OsdTimes, TheTimeOfAllIsTheSumOverTimeOfHowManyAreOut) {
  OsdTimes times;
  times.sample(1000, 4, 10);  // there is no knowing for how long
  EXPECT_EQ(times.busy_us(), 0U);
  times.sample(1100, 4, 30);
  EXPECT_EQ(times.busy_us(), 400U);
  times.sample(1200, 0, 50);
  EXPECT_EQ(times.busy_us(), 600U);
  EXPECT_EQ(times.operations(), 50U);
  EXPECT_EQ(times.in_flight(), 0U);
  times.lose();
  times.sample(9000, 8, 60);
  EXPECT_EQ(times.busy_us(), 600U);
}

TEST(Histogram, BucketsJoinWithoutGaps) {
  unsigned last = 0;
  for (std::uint64_t us = 0; us < 100'000; ++us) {
    const unsigned bucket = Histogram::bucket_of(us);
    ASSERT_LE(bucket - last, 1U) << us;
    ASSERT_LE(us, Histogram::upper_us(bucket));
    ASSERT_TRUE(bucket == 0 || us > Histogram::upper_us(bucket - 1)) << us;
    last = bucket;
  }
  EXPECT_EQ(Histogram::bucket_of(~0ULL), Histogram::kBuckets - 1);
}

TEST(Histogram, QuantilesAreWithinAnEighth) {
  Histogram histogram;
  EXPECT_EQ(histogram.quantile_us(0.5), 0U);
  for (std::uint64_t us = 1; us <= 1000; ++us) histogram.add(us * 1000);
  EXPECT_NEAR(static_cast<double>(histogram.quantile_us(0.5)), 500, 63);
  EXPECT_NEAR(static_cast<double>(histogram.quantile_us(0.99)), 990, 124);
}

TEST(VolumeSpec, APassphraseIsTakenAndNotShown) {
  Json json = {{"pool", "p"},
               {"image", "i"},
               {"socket", "/s"},
               {"encryption", {{"format", "luks2"}, {"passphrase", "secret words"}}}};
  const auto spec = volume_spec(json);
  ASSERT_TRUE(spec.ok());
  EXPECT_EQ(spec->encryption, "luks2");
  EXPECT_EQ(spec->passphrase, "secret words");
  EXPECT_EQ(to_json(*spec)["encrypted"], true);
  EXPECT_EQ(dump_json(to_json(*spec)).find("secret words"), std::string::npos);
  for (const auto& [field, value] : {std::pair{"format", "rot13"}, std::pair{"passphrase", ""}}) {
    Json odd = json;
    odd["encryption"][field] = value;
    EXPECT_EQ(volume_spec(odd).error().code, ErrorCode::kBadRequest);
  }
}

TEST(Throttle, HoldsTheRateOverASecond) {
  Throttle throttle;
  throttle.set({1000, 0});
  unsigned taken = 0;
  for (std::uint64_t now_ns = 0; now_ns < 1'000'000'000; now_ns += 10'000) {
    while (throttle.take(now_ns, 512) == 0) ++taken;
  }
  EXPECT_NEAR(taken, 1100, 2);  // the rate and one burst
}

TEST(Throttle, WithoutLimitsNothingWaits) {
  Throttle throttle;
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(throttle.take(0, 1U << 24U), 0U);
}

TEST(BusError, APageThatIsGoneIsReplacedAndCounted) {
  install_bus_error_handler();
  const int fd = memfd_create("shrinks", MFD_CLOEXEC);
  ASSERT_EQ(ftruncate(fd, 8192), 0);
  auto* bytes = static_cast<volatile char*>(mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  bytes[4096] = 1;
  ASSERT_EQ(ftruncate(fd, 4096), 0);
  const BusErrorGuard guard;
  EXPECT_EQ(bytes[4096], 0);
  EXPECT_EQ(guard.count(), 1U);
  bytes[4097] = 2;
  EXPECT_EQ(guard.count(), 1U);
  close(fd);
}

}  // namespace
}  // namespace hanok::storage::target

#include "common/clock.h"

#include <gtest/gtest.h>

namespace hanok {
namespace {

constexpr std::int64_t kTime = 1'767'323'045'123'456;  // 2026-01-02T03:04:05.123456Z

TEST(Clock, WritesEachServicesForm) {
  EXPECT_EQ(iso8601_z(kTime), "2026-01-02T03:04:05Z");
  EXPECT_EQ(iso8601_micro(kTime), "2026-01-02T03:04:05.123456");
  EXPECT_EQ(iso8601_micro_z(kTime), "2026-01-02T03:04:05.123456Z");
}

TEST(Clock, WritesTimesBeforeTheEpoch) {
  EXPECT_EQ(iso8601_micro(-1), "1969-12-31T23:59:59.999999");
}

TEST(Clock, ReadsWhatItWrites) {
  EXPECT_EQ(parse_iso8601(iso8601_micro_z(kTime)).value(), kTime);
  EXPECT_EQ(parse_iso8601("2026-01-02T03:04:05Z").value(), kTime - 123'456);
  EXPECT_EQ(parse_iso8601("2026-01-02 05:04:05.123456+02:00").value(), kTime);
}

TEST(Clock, RefusesWhatIsNoTime) {
  for (const char* text : {"", "tomorrow", "2026-13-02T03:04:05Z", "2026-01-02T03:04:05.Z",
                           "2026-01-02T03:04:05 UTC", "2026-01-02X03:04:05Z", "2026-01-02T24:04:05Z"}) {
    const auto parsed = parse_iso8601(text);
    ASSERT_FALSE(parsed.ok()) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::kBadRequest) << text;
  }
}

TEST(Clock, ManualClockMovesOnlyWhenTold) {
  ManualClock clock(5);
  EXPECT_EQ(clock.now_us(), 5);
  clock.advance_us(7);
  EXPECT_EQ(clock.now_us(), 12);
}

}  // namespace
}  // namespace hanok

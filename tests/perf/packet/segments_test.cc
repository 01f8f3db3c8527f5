#include "perf/packet/segments.h"

#include <gtest/gtest.h>

#include "dataplane/packet/bytes.h"
#include "dataplane/packet/parse.h"

namespace hanok::perf {
namespace {

constexpr Step kSteps[] = {Step::kSyn, Step::kSynAck, Step::kAck, Step::kFin, Step::kFinBack, Step::kLastAck};

Guests guests() {
  const char* const words[] = {"fa:16:3e:00:00:0a", "10.0.0.10", "fa:16:3e:00:00:0b", "10.0.0.11"};
  return guests_of(words).value();
}

TEST(Segments, EachIsKnownByWhatItIs) {
  for (const std::uint32_t connection : {0U, 59'999U, 60'000U, kMostConnections - 1}) {
    for (const Step step : kSteps) {
      const Segment segment = tcp_segment(guests(), connection, step);
      const auto heard = read_tcp(segment.data(), Segment::size());
      ASSERT_TRUE(heard);
      EXPECT_EQ(heard->connection, connection);
      EXPECT_EQ(heard->step, step);
      EXPECT_TRUE(tcp_segment(guests(), connection, step).same(segment.data(), Segment::size()));
    }
  }
}

TEST(Segments, ChecksumsAreRight) {
  std::vector<Segment> all = {datagram(guests(), 0, 7, 8), datagram(guests(), 1, 7, 8)};
  for (const Step step : kSteps) all.push_back(tcp_segment(guests(), 60'001, step));
  for (const Segment& segment : all) {
    const std::uint8_t* ip = segment.data() + 14;
    EXPECT_EQ(dataplane::checksum(ip, 20), 0);
    const unsigned left = dataplane::load16(ip + 2) - 20U;
    EXPECT_EQ(dataplane::checksum(ip + 20, left, dataplane::sum_bytes(ip + 12, 8) + ip[9] + left), 0);
  }
}

TEST(Segments, OneOtherByteIsAnotherFrame) {
  Segment segment = datagram(guests(), 0, 7, 8);
  const Segment before = segment;
  segment.data()[59] ^= 1;
  EXPECT_FALSE(before.same(segment.data(), Segment::size()));
  EXPECT_FALSE(before.same(before.data(), Segment::size() - 1));
}

TEST(Segments, OtherFramesAreNoSegments) {
  const Segment udp = datagram(guests(), 0, 7, 8);
  EXPECT_FALSE(read_tcp(udp.data(), Segment::size()));
  Segment reset = tcp_segment(guests(), 0, Step::kSyn);
  EXPECT_FALSE(read_tcp(reset.data(), 53));
  reset.data()[47] = 4;
  EXPECT_FALSE(read_tcp(reset.data(), Segment::size()));
  const char* const words[] = {"fa:16:3e:00:00:0a", "10.0.0.10", "fa:16:3e:00:00:0b", "2001:db8::1"};
  EXPECT_FALSE(guests_of(words));
}

}  // namespace
}  // namespace hanok::perf

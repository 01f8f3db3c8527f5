#include "storage/target/request.h"

#include <gtest/gtest.h>

#include "tests/storage/target/guest.h"

namespace hanok::storage::target {
namespace {

using testing::Guest;
using testing::kGuestBase;

class Request : public ::testing::Test {
 protected:
  // Takes what the guest made available and parses it.
  BlkRequest parse(BlkLimits limits = {1U << 20U, false}) {
    SplitRing ring(guest_.layout());
    std::vector<Chain> replay;
    EXPECT_EQ(ring.recover(guest_.table, replay), RingFault::kNone);
    EXPECT_EQ(ring.pop(guest_.table, chain_), Pop::kTaken);
    BlkRequest out;
    EXPECT_TRUE(parse_request(guest_.table, chain_, limits, out));
    return out;
  }
  BlkRefusal refused(std::uint32_t type, std::uint64_t sector, std::uint32_t length, bool read_only = false) {
    EXPECT_TRUE(guest_.request(0, type, sector, length));
    return parse({1U << 20U, read_only}).refusal;
  }
  void range(std::uint64_t sector, std::uint32_t sectors, std::uint32_t flags) {
    std::memcpy(guest_.data(0), &sector, 8);
    std::memcpy(guest_.data(0) + 8, &sectors, 4);
    std::memcpy(guest_.data(0) + 12, &flags, 4);
  }
  Guest guest_;
  Chain chain_;
};

TEST_F(Request, Read) {
  ASSERT_TRUE(guest_.request(0, 0, 8, 4096));
  const BlkRequest request = parse();
  EXPECT_EQ(request.type, BlkType::kRead);
  EXPECT_EQ(request.refusal, BlkRefusal::kNone);
  EXPECT_EQ(request.offset_bytes, 4096U);
  EXPECT_EQ(request.length_bytes, 4096U);
}

TEST_F(Request, UpToTheEndAndNotBeyond) {
  EXPECT_EQ(refused(1, 2040, 4096), BlkRefusal::kNone);
}
TEST_F(Request, BeyondTheEnd) {
  EXPECT_EQ(refused(1, 2041, 4096), BlkRefusal::kBeyondEnd);
}
TEST_F(Request, SectorThatOverflows) {
  EXPECT_EQ(refused(0, ~0ULL, 4096), BlkRefusal::kBeyondEnd);
}
TEST_F(Request, NoWholeSectors) {
  EXPECT_EQ(refused(1, 0, 100), BlkRefusal::kNotSectors);
}
TEST_F(Request, WriteToAReadOnlyVolume) {
  EXPECT_EQ(refused(1, 0, 512, true), BlkRefusal::kReadOnly);
}
TEST_F(Request, UnknownType) {
  EXPECT_EQ(refused(99, 0, 0), BlkRefusal::kUnknownType);
  EXPECT_EQ(status_of(BlkRefusal::kUnknownType), BlkStatus::kUnsupported);
}

TEST_F(Request, DiscardAndWriteZeroes) {
  range(16, 8, 0);
  EXPECT_EQ(refused(11, 0, 16), BlkRefusal::kNone);
}
TEST_F(Request, WriteZeroesMayUnmap) {
  range(16, 8, 1);
  ASSERT_TRUE(guest_.request(0, 13, 0, 16));
  const BlkRequest request = parse();
  EXPECT_EQ(request.type, BlkType::kWriteZeroes);
  EXPECT_TRUE(request.may_unmap);
  EXPECT_EQ(request.offset_bytes, 16U * 512);
  EXPECT_EQ(request.length_bytes, 8U * 512);
}
TEST_F(Request, DiscardHasNoFlags) {
  range(16, 8, 1);
  EXPECT_EQ(refused(11, 0, 16), BlkRefusal::kBadSegment);
}
TEST_F(Request, DiscardOfAWrongLength) {
  EXPECT_EQ(refused(11, 0, 15), BlkRefusal::kBadSegment);
}
TEST_F(Request, DiscardBeyondTheEnd) {
  range(2048, 1, 0);
  EXPECT_EQ(refused(11, 0, 16), BlkRefusal::kBeyondEnd);
}

TEST_F(Request, HeaderAndStatusMayBeCutAnywhere) {
  const std::uint64_t base = kGuestBase + Guest::kData;
  ASSERT_TRUE(guest_.request(0, 1, 3, 512));  // fills in the header
  std::vector<Chain> replay;
  SplitRing ring(guest_.layout());
  ASSERT_EQ(ring.recover(guest_.table, replay), RingFault::kNone);
  ASSERT_EQ(ring.pop(guest_.table, chain_), Pop::kTaken);
  chain_.segments = {{base, 5, false},
                     {base + 5, 11, false},
                     {base + 4096, 500, false},
                     {base + 4596, 12, false},
                     {base + 16, 1, true}};
  BlkRequest request;
  ASSERT_TRUE(parse_request(guest_.table, chain_, {1U << 20U, false}, request));
  EXPECT_EQ(request.refusal, BlkRefusal::kNone);
  EXPECT_EQ(request.offset_bytes, 3U * 512);
  EXPECT_EQ(request.length_bytes, 512U);
}

TEST_F(Request, WithoutAStatusByteItCannotBeAnswered) {
  chain_.segments = {{kGuestBase, 16, false}};
  BlkRequest request;
  EXPECT_FALSE(parse_request(guest_.table, chain_, {1U << 20U, false}, request));
}

TEST_F(Request, ShortHeader) {
  chain_.segments = {{kGuestBase, 15, false}, {kGuestBase + 100, 1, true}};
  BlkRequest request;
  ASSERT_TRUE(parse_request(guest_.table, chain_, {1U << 20U, false}, request));
  EXPECT_EQ(request.refusal, BlkRefusal::kShortHeader);
}

TEST_F(Request, LargerThanTheLimit) {
  chain_.segments = {{kGuestBase, 16, false}};
  ASSERT_TRUE(guest_.request(0, 0, 0, 0));
  for (int i = 0; i < 5; ++i) chain_.segments.push_back({kGuestBase, 4U << 20U, true});
  chain_.segments.push_back({kGuestBase, 1, true});
  std::memset(guest_.at(0), 0, 16);
  BlkRequest request;
  ASSERT_TRUE(parse_request(guest_.table, chain_, {1ULL << 40U, false}, request));
  EXPECT_EQ(request.refusal, BlkRefusal::kTooLarge);
}

}  // namespace
}  // namespace hanok::storage::target

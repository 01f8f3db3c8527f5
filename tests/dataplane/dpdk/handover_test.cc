#include "dataplane/dpdk/handover.h"

#include <gtest/gtest.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <vector>

#include "tests/dataplane/dpdk/test_eal.h"

namespace hanok::dataplane::dpdk {
namespace {

class HandoverTest : public ::testing::Test {
 protected:
  std::vector<rte_mbuf*> frames(unsigned count) {
    std::vector<rte_mbuf*> out(count);
    EXPECT_EQ(rte_pktmbuf_alloc_bulk(eal().pool(), out.data(), count), 0);
    return out;
  }
  const unsigned before_ = rte_mempool_in_use_count(eal().pool());
};

TEST_F(HandoverTest, FramesComeInOrderAndOnlyToWhomTheyWereSent) {
  auto handover = *Handover::between(3);
  auto sent = frames(5);
  EXPECT_EQ(handover->send(0, 2, sent.data(), 5), 5U);
  std::vector<rte_mbuf*> got(8);
  EXPECT_EQ(handover->receive(1, 0, got.data(), 8), 0U);
  EXPECT_EQ(handover->receive(0, 2, got.data(), 8), 0U);
  EXPECT_EQ(handover->receive(2, 1, got.data(), 8), 0U);
  ASSERT_EQ(handover->receive(2, 0, got.data(), 8), 5U);
  got.resize(5);
  EXPECT_EQ(got, sent);
  rte_pktmbuf_free_bulk(got.data(), 5);
}

TEST_F(HandoverTest, AFullRingTakesNoMoreAndWhatIsLeftIsFreed) {
  {
    auto handover = *Handover::between(2);
    auto many = frames(Handover::kRingFrames + 8);
    const unsigned taken = handover->send(0, 1, many.data(), Handover::kRingFrames + 8);
    EXPECT_EQ(taken, Handover::kRingFrames - 1);
    EXPECT_EQ(handover->send(0, 1, many.data() + taken, 1), 0U);
    rte_pktmbuf_free_bulk(many.data() + taken, Handover::kRingFrames + 8 - taken);
  }
  EXPECT_EQ(rte_mempool_in_use_count(eal().pool()), before_);
}

}  // namespace
}  // namespace hanok::dataplane::dpdk

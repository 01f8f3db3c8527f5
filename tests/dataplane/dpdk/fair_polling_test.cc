#include "dataplane/dpdk/fair_polling.h"

#include <gtest/gtest.h>

namespace hanok::dataplane::dpdk {
namespace {

TEST(FairPolling, WhoSendsWhatHasRecordsIsNeverHeldBack) {
  FairPolling share;
  share.charge(0, 32, 1'000'000, 5000, 1'000'000);
  EXPECT_EQ(share.burst(32, true, 5000), 32U);
}

TEST(FairPolling, TheStagesTakeAShareWhileOthersAreBusy) {
  FairPolling share;
  share.charge(16, 32, 1000, 10'000, 1'000'000);  // half of the burst: 500 cycles
  EXPECT_EQ(share.burst(32, true, 10'000), 0U);
  EXPECT_EQ(share.burst(32, true, 10'000 + 500 * (FairPolling::kShare - 1) - 1), 0U);
  EXPECT_EQ(share.burst(32, true, 10'000 + 500 * (FairPolling::kShare - 1)), FairPolling::kSmallBurst);
}

TEST(FairPolling, AloneAGuestGetsAll) {
  FairPolling share;
  share.charge(32, 32, 1000, 10'000, 1'000'000);
  EXPECT_EQ(share.burst(32, false, 10'001), FairPolling::kSmallBurst);
}

TEST(FairPolling, AnInterruptedBurstIsNoDebtForLong) {
  FairPolling share;
  share.charge(1, 1, 1'000'000'000, 10'000, 100);
  EXPECT_EQ(share.burst(32, true, 10'000 + 100 * FairPolling::kShare), FairPolling::kSmallBurst);
}

TEST(FairPolling, TheDebtIsForgottenWithTheNextGoodBurst) {
  FairPolling share;
  share.charge(8, 8, 1000, 10'000, 1'000'000);
  share.charge(0, 8, 1000, 10'000 + 1000 * FairPolling::kShare, 1'000'000);
  EXPECT_EQ(share.burst(32, true, 10'000 + 1000 * FairPolling::kShare), 32U);
}

}  // namespace
}  // namespace hanok::dataplane::dpdk

#include "dataplane/dpdk/fair_polling.h"

#include <gtest/gtest.h>

#include "dataplane/dpdk/busy_devices.h"

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

TEST(FairPolling, AGuestWaitsForWhatOtherWorkersHaveOfIt) {
  FairPolling share;
  share.hand_over(FairPolling::kUnderWay - 1);
  EXPECT_FALSE(share.waits());
  share.hand_over(1);
  EXPECT_TRUE(share.waits());
  share.done(FairPolling::kUnderWay - 1);
  EXPECT_FALSE(share.waits());
  share.charge(1, 1, 100, 1000, 1000);  // in debt: till the last is done
  EXPECT_TRUE(share.waits());
  share.done(1);
  EXPECT_FALSE(share.waits());
}

TEST(FairPolling, TheDearestOfTwoWorkersCounts) {
  FairPolling share;
  share.charge(1, 1, 1000, 10'000, 100'000);
  share.charge(1, 1, 10, 10'001, 100'000);
  EXPECT_EQ(share.burst(32, true, 10'000 + 1000 * (FairPolling::kShare - 1) - 1), 0U);
}

TEST(BusyDevices, TellsOthersFromOneself) {
  BusyDevices busy;
  EXPECT_FALSE(busy.other_than(1));
  busy.add(DeviceIndex{1});
  busy.add(DeviceIndex{1});
  EXPECT_FALSE(busy.other_than(1));
  EXPECT_TRUE(busy.other_than(2));
  BusyDevices elsewhere;
  elsewhere.add(busy);
  EXPECT_FALSE(elsewhere.other_than(1));
  elsewhere.add(DeviceIndex{2});
  EXPECT_TRUE(elsewhere.other_than(1));
  busy.add(elsewhere);
  EXPECT_TRUE(busy.other_than(1));
  busy.add(BusyDevices{});
  EXPECT_TRUE(busy.other_than(2));
}

}  // namespace
}  // namespace hanok::dataplane::dpdk

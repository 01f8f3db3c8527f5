#include "agents/core/reports.h"

#include <gtest/gtest.h>

namespace hanok::agent {
namespace {

TEST(Reports, TheNewestOfAnObjectWinsAndStaysUntilItIsTaken) {
  Reports reports;
  reports.report("instance", "a", {{"state", "building"}});
  reports.report("instance", "b", {{"state", "running"}});
  reports.report("instance", "a", {{"state", "running"}});
  const auto first = reports.next(10, 0);
  ASSERT_EQ(first.size(), 2U);
  EXPECT_EQ(first[0].id, "b");
  EXPECT_EQ(first[1].observed["state"], "running");
  EXPECT_EQ(reports.next(10, 0).size(), 2U);  // not delivered: still there
  for (const auto& entry : first) reports.done(entry);
  EXPECT_EQ(reports.waiting(), 0U);
}

TEST(Reports, AReportThatCameWhileAnOlderOneWasSentIsNotLost) {
  Reports reports;
  reports.report("instance", "a", {{"state", "running"}});
  const auto sent = reports.next(10, 0);
  reports.report("instance", "a", {{"state", "stopped"}});
  reports.done(sent.at(0));
  const auto left = reports.next(10, 0);
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].observed["state"], "stopped");
}

TEST(Reports, WhatIsRefusedAgainAndAgainIsDroppedAndCounted) {
  Reports reports;
  reports.report("port", "p", {{"state", "sideways"}});
  for (int i = 1; i < Reports::kMaxRefusals; ++i) EXPECT_FALSE(reports.refused(reports.next(1, 0).at(0)));
  EXPECT_EQ(reports.dropped(), 0U);
  EXPECT_TRUE(reports.refused(reports.next(1, 0).at(0)));
  EXPECT_EQ(reports.dropped(), 1U);
  EXPECT_EQ(reports.waiting(), 0U);
}

}  // namespace
}  // namespace hanok::agent

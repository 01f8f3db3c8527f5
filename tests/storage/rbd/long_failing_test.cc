#include "storage/rbd/long_failing.h"

#include <gtest/gtest.h>

namespace hanok::storage {
namespace {

using std::chrono::seconds;

const ImageRef kImage{"volumes", "a"};
const ImageRef kOther{"volumes", "b"};

TEST(LongFailing, ItIsTimeAfterThePatienceAndAfterAsLongAgain) {
  LongFailing failing(seconds(40));
  const LongFailing::Clock::time_point start{};
  std::vector<int> times;
  for (int second = 0; second <= 120; second += 2) {
    if (failing.failed(kImage, start + seconds(second))) times.push_back(second);
  }
  EXPECT_EQ(times, (std::vector<int>{40, 80, 120}));
}

TEST(LongFailing, EachImageHasItsOwn) {
  LongFailing failing(seconds(40));
  const LongFailing::Clock::time_point start{};
  EXPECT_FALSE(failing.failed(kImage, start));
  EXPECT_FALSE(failing.failed(kOther, start + seconds(30)));
  EXPECT_TRUE(failing.failed(kImage, start + seconds(40)));
  EXPECT_FALSE(failing.failed(kOther, start + seconds(40)));
  EXPECT_TRUE(failing.failed(kOther, start + seconds(70)));
}

TEST(LongFailing, WhatWasDoneBeginsAnew) {
  LongFailing failing(seconds(40));
  const LongFailing::Clock::time_point start{};
  EXPECT_FALSE(failing.failed(kImage, start));
  failing.done(kImage);
  EXPECT_FALSE(failing.failed(kImage, start + seconds(40)));
}

TEST(LongFailing, AFailureOfLongAgoDoesNotCount) {
  LongFailing failing(seconds(40));
  const LongFailing::Clock::time_point start{};
  EXPECT_FALSE(failing.failed(kImage, start));
  EXPECT_FALSE(failing.failed(kImage, start + seconds(3600)));
}

}  // namespace
}  // namespace hanok::storage

#include "storage/rbd/snapshot_turns.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <memory>
#include <thread>

namespace hanok::storage {
namespace {

using Clock = std::chrono::steady_clock;
using Takes = SnapshotTurns::Takes;

constexpr std::chrono::milliseconds kPause{50};
constexpr std::chrono::hours kForever{1};  // a test that waits for it does not end in time

std::vector<ImageRef> of(const std::vector<std::string>& images) {
  std::vector<ImageRef> out;
  for (const std::string& image : images) out.push_back({"volumes", image});
  return out;
}

// Those of two images would never have a turn between those of one, if they were not in order.
TEST(SnapshotTurns, OneOfAnImageAtATimeAndAllGetTheirs) {
  constexpr int kTurns = 50;
  SnapshotTurns turns(kPause);
  std::array<std::atomic<int>, 2> inside{};
  std::atomic<bool> two_at_once{false}, done{false};
  const auto take = [&](const std::vector<std::string>& images) {
    const auto turn = turns.begin(of(images), Takes::kTurn);
    for (const std::string& image : images) {
      if (++inside.at(image == "b") > 1) two_at_once = true;
    }
    std::this_thread::yield();
    for (const std::string& image : images) --inside.at(image == "b");
  };
  std::vector<std::thread> others;
  for (int i = 0; i < 4; ++i) {
    others.emplace_back([&, i] {
      while (!done) take({i % 2 == 0 ? "a" : "b"});
    });
  }
  for (int i = 0; i < kTurns; ++i) take({"a", "b"});
  done = true;
  for (std::thread& other : others) other.join();
  EXPECT_FALSE(two_at_once);
}

TEST(SnapshotTurns, OtherImagesDoNotWait) {
  SnapshotTurns turns(kForever);
  { const auto earlier = turns.begin(of({"a"}), Takes::kTurn); }
  const auto first = turns.begin(of({"a"}), Takes::kTurn);
  const auto other = turns.begin(of({"b", "c"}), Takes::kLock);
  const auto elsewhere = turns.begin({ImageRef{"backups", "a"}}, Takes::kLock);
}

TEST(SnapshotTurns, ALockIsTakenOnlyAfterThePause) {
  SnapshotTurns turns(kPause);
  const auto begin = [&](Takes takes) {
    const auto turn = turns.begin(of({"a"}), takes);
    return Clock::now();
  };
  const Clock::time_point turn = begin(Takes::kTurn);
  const Clock::time_point lock = begin(Takes::kLock);
  EXPECT_GE(lock - turn, kPause);
  EXPECT_GE(begin(Takes::kLock) - lock, kPause);
}

TEST(SnapshotTurns, ATurnThatIsHandedOnEndsOnce) {
  SnapshotTurns turns(kPause);
  std::unique_ptr<SnapshotTurns::Turn> handed_on;
  {
    auto first = turns.begin(of({"a"}), Takes::kTurn);
    handed_on = std::make_unique<SnapshotTurns::Turn>(std::move(first));
  }
  std::atomic<bool> ended{false};
  std::thread other([&] {
    const auto turn = turns.begin(of({"a"}), Takes::kTurn);
    EXPECT_TRUE(ended);
  });
  std::this_thread::sleep_for(kPause);  // it must not have its turn meanwhile
  ended = true;
  handed_on.reset();
  other.join();
}

}  // namespace
}  // namespace hanok::storage

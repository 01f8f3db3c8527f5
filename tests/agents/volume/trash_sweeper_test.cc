#include "agents/volume/trash_sweeper.h"

#include <gtest/gtest.h>

#include <map>
#include <mutex>

#include "tests/agents/core/wait_until.h"

namespace hanok::agent {
namespace {

TEST(TrashSweeperTest, SweepsEveryPoolAtStartAndAgainAlsoAfterAFailure) {
  std::mutex mutex;
  std::map<std::string, int> sweeps;
  const auto purge = [&](const std::string& pool) -> Result<std::size_t> {
    const std::lock_guard lock(mutex);
    if (++sweeps[pool] == 1 && pool == "vms") return unavailable("The storage cluster does not answer.");
    return std::size_t{1};
  };
  const auto count = [&](const std::string& pool) {
    const std::lock_guard lock(mutex);
    return sweeps[pool];
  };
  const TrashSweeper sweeper(purge, {"volumes", "vms"}, 1);
  EXPECT_TRUE(wait_until([&] { return count("volumes") >= 3 && count("vms") >= 3; }));
}

TEST(TrashSweeperTest, KeepsItsInterval) {
  std::mutex mutex;
  int sweeps = 0;
  const auto purge = [&](const std::string&) -> Result<std::size_t> {
    const std::lock_guard lock(mutex);
    ++sweeps;
    return std::size_t{0};
  };
  {
    const TrashSweeper sweeper(purge, {"volumes"}, 3'600'000);
    EXPECT_TRUE(wait_until([&] {
      const std::lock_guard lock(mutex);
      return sweeps == 1;
    }));
  }
  EXPECT_EQ(sweeps, 1);
}

}  // namespace
}  // namespace hanok::agent

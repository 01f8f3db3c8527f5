// kill -9 in the middle of writes: what was acknowledged is there after the restart, and nothing is half
// there.

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <thread>

#include "control/store/store.h"

namespace hanok::store {
namespace {

constexpr int kRounds = 10;
constexpr int kWriters = 3;

Module pairs_module() {
  return {"pairs",
          {{1, "CREATE TABLE heads (id INTEGER PRIMARY KEY); CREATE TABLE tails (id INTEGER PRIMARY KEY)"}}};
}

// Each transaction writes a head, a tail and a change. Its number goes down the pipe after write() returned.
[[noreturn]] void write_until_killed(const std::string& path, int round, int pipe) {
  auto database = open_database(path, {pairs_module()});
  if (!database.ok()) _exit(1);
  std::vector<std::thread> writers;
  for (int w = 0; w < kWriters; ++w) {
    writers.emplace_back([&, w] {
      for (int i = 0;; ++i) {
        const std::int64_t id = (static_cast<std::int64_t>(round) * kWriters + w) * 1'000'000 + i;
        const auto status = (*database)->write([&](Tx& tx) -> Status {
          HANOK_CHECK(tx.execute("INSERT INTO heads VALUES (?)", {id}));
          HANOK_CHECK(tx.touch("pair", std::to_string(id)));
          HANOK_CHECK(tx.execute("INSERT INTO tails VALUES (?)", {id}));
          return {};
        });
        if (!status.ok() || ::write(pipe, &id, sizeof(id)) != sizeof(id)) _exit(1);
      }
    });
  }
  for (auto& writer : writers) writer.join();
  _exit(1);
}

std::set<std::int64_t> ids(Database& database, const std::string& sql) {
  auto rows = database.read([&](Tx& tx) { return tx.query(sql); });
  EXPECT_TRUE(rows.ok());
  std::set<std::int64_t> out;
  for (const Row& row : *rows) out.insert(row.integer("id"));
  return out;
}

TEST(StoreKill, acknowledged_writes_survive_and_nothing_is_half_written) {
  std::string folder = "/tmp/hanok-kill-test-XXXXXX";
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  const std::string path = folder + "/db";
  std::set<std::int64_t> acknowledged;
  for (int round = 0; round < kRounds; ++round) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) {
      close(ends[0]);
      write_until_killed(path, round, ends[1]);
    }
    close(ends[1]);
    // Killed after a different number of writes in each round; what is still in the pipe counts too.
    std::int64_t id = 0;
    int seen = 0;
    bool killed = false;
    while (read(ends[0], &id, sizeof(id)) == sizeof(id)) {
      acknowledged.insert(id);
      if (++seen >= 5 + 7 * round && !killed) {
        kill(child, SIGKILL);
        killed = true;
      }
    }
    close(ends[0]);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the writer ended by itself";

    auto database = open_database(path, {pairs_module()});
    ASSERT_TRUE(database.ok()) << database.error().message;
    const auto heads = ids(**database, "SELECT id FROM heads");
    EXPECT_EQ(heads, ids(**database, "SELECT id FROM tails"));
    EXPECT_EQ(heads, ids(**database, "SELECT CAST(id AS INTEGER) AS id FROM changes"));
    EXPECT_TRUE(std::includes(heads.begin(), heads.end(), acknowledged.begin(), acknowledged.end()));
  }
  EXPECT_GT(acknowledged.size(), 100U);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace hanok::store

#include "control/store/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <thread>

namespace hanok::store {
namespace {

Module notes_module() {
  return {"notes",
          {{1,
            "CREATE TABLE notes (id TEXT PRIMARY KEY, size INTEGER CHECK (size < 9000000000000000000),"
            " ratio REAL, body TEXT, parent TEXT REFERENCES notes (id)); "
            "CREATE TABLE log (line TEXT);"
            "CREATE TRIGGER noted AFTER INSERT ON notes BEGIN"
            "  INSERT INTO log VALUES ('a; b'); INSERT INTO log VALUES (new.id); END;"}}};
}

std::unique_ptr<Database> private_database() {
  auto database = open_database(":memory:", {notes_module()});
  EXPECT_TRUE(database.ok()) << database.error().message;
  return std::move(database).value();
}

std::int64_t count(Database& database, const std::string& table) {
  auto rows = database.read([&](Tx& tx) { return tx.query("SELECT count(*) AS n FROM " + table); });
  EXPECT_TRUE(rows.ok());
  return rows->front().integer("n");
}

Result<std::int64_t> insert(Database& database, const std::string& id) {
  return database.write([&](Tx& tx) { return tx.execute("INSERT INTO notes (id) VALUES (?)", {id}); });
}

class TempFile {
 public:
  TempFile() {
    std::string pattern = "/tmp/hanok-store-test-XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~TempFile() { std::filesystem::remove_all(folder_); }
  [[nodiscard]] std::string path() const { return folder_ + "/a database.db"; }

 private:
  std::string folder_;
};

TEST(Store, keeps_values_of_every_type) {
  auto database = private_database();
  const std::string body = "it's; \"quoted\"\n\xc3\xa9";
  auto changed = database->write([&](Tx& tx) {
    return tx.execute("INSERT INTO notes (id, size, ratio, body) VALUES (?, ?, ?, ?)",
                      {"a", 1'700'000'000'000'000, 0.5, Json{{"k", body}}});
  });
  ASSERT_TRUE(changed.ok());
  EXPECT_EQ(*changed, 1);
  auto row = database->read([](Tx& tx) { return tx.query_one("SELECT * FROM notes WHERE id = ?", {"a"}); });
  ASSERT_TRUE(row.ok() && row->has_value());
  EXPECT_EQ((*row)->integer("size"), 1'700'000'000'000'000);
  EXPECT_EQ((*row)->json("body")["k"], body);
  EXPECT_TRUE((*row)->is_null("parent"));
  EXPECT_EQ((*row)->text("parent"), "");
  EXPECT_EQ((*row)->maybe_text("parent"), std::nullopt);
  EXPECT_TRUE((*row)->text_or_null("parent").is_null());
}

TEST(Store, migrations_keep_semicolons_in_triggers_and_text) {
  auto database = private_database();
  ASSERT_TRUE(insert(*database, "a").ok());
  EXPECT_EQ(count(*database, "log"), 2);
}

TEST(Store, an_error_rolls_everything_back) {
  auto database = private_database();
  const auto status = database->write([](Tx& tx) -> Status {
    HANOK_CHECK(tx.execute("INSERT INTO notes (id) VALUES ('a')"));
    HANOK_CHECK(tx.touch("note", "a"));
    return conflict("no");
  });
  EXPECT_EQ(status.error().message, "no");
  EXPECT_EQ(count(*database, "notes"), 0);
  EXPECT_EQ(count(*database, "changes"), 0);
}

TEST(Store, an_exception_rolls_back_and_the_writer_goes_on) {
  auto database = private_database();
  EXPECT_THROW((void)database->write([](Tx& tx) -> Status {
    HANOK_CHECK(tx.execute("INSERT INTO notes (id) VALUES ('a')"));
    throw std::runtime_error("bug");
  }),
               std::runtime_error);
  EXPECT_TRUE(insert(*database, "b").ok());
  EXPECT_EQ(count(*database, "notes"), 1);
}

TEST(Store, constraints_are_conflicts) {
  auto database = private_database();
  ASSERT_TRUE(insert(*database, "a").ok());
  EXPECT_EQ(insert(*database, "a").error().code, ErrorCode::kConflict);
  const auto orphan = database->write(
      [](Tx& tx) { return tx.execute("INSERT INTO notes (id, parent) VALUES ('b', 'nobody')"); });
  EXPECT_EQ(orphan.error().code, ErrorCode::kConflict);
}

TEST(Store, wrong_sql_is_internal_and_shows_nothing) {
  auto database = private_database();
  for (const char* sql : {"SELECT nonsense FROM notes", "SELECT 1; SELECT 2", "SELECT ?", ""}) {
    const auto rows = database->read([&](Tx& tx) { return tx.query(sql); });
    ASSERT_FALSE(rows.ok()) << sql;
    EXPECT_EQ(rows.error().code, ErrorCode::kInternal);
    EXPECT_EQ(rows.error().message, "The database failed.");
  }
}

TEST(Store, reads_cannot_write) {
  auto database = private_database();
  const auto result =
      database->read([](Tx& tx) { return tx.execute("INSERT INTO notes (id) VALUES ('a')"); });
  EXPECT_FALSE(result.ok());
  EXPECT_EQ(count(*database, "notes"), 0);
}

TEST(Store, a_reader_sees_one_snapshot_while_the_writer_commits) {
  auto database = private_database();
  const auto status = database->read([&](Tx& tx) -> Status {
    HANOK_TRY(before, tx.query("SELECT * FROM notes"));
    EXPECT_TRUE(before.empty());
    HANOK_CHECK(insert(*database, "a"));
    HANOK_TRY(after, tx.query("SELECT * FROM notes"));
    EXPECT_TRUE(after.empty());
    return {};
  });
  ASSERT_TRUE(status.ok());
  EXPECT_EQ(count(*database, "notes"), 1);
}

TEST(Store, the_generation_moves_once_per_transaction_and_the_newest_wins) {
  auto database = private_database();
  std::vector<std::int64_t> heard;
  database->on_commit([&](std::int64_t generation) { heard.push_back(generation); });
  const auto touch = [&](const std::vector<std::string>& ids) {
    const auto status = database->write([&](Tx& tx) -> Status {
      for (const auto& id : ids) HANOK_CHECK(tx.touch("note", id));
      return {};
    });
    ASSERT_TRUE(status.ok());
  };
  touch({"a", "b"});
  touch({"a"});
  ASSERT_TRUE(insert(*database, "c").ok());  // touches nothing: nobody is woken
  EXPECT_THAT(heard, testing::ElementsAre(1, 2));
  auto rows = database->read(
      [](Tx& tx) { return tx.query("SELECT id, generation FROM changes ORDER BY generation, id"); });
  ASSERT_TRUE(rows.ok());
  ASSERT_EQ(rows->size(), 2U);
  EXPECT_EQ((*rows)[0].text("id"), "b");
  EXPECT_EQ((*rows)[0].integer("generation"), 1);
  EXPECT_EQ((*rows)[1].integer("generation"), 2);
}

TEST(Store, the_file_is_private_and_keeps_what_was_written) {
  const TempFile file;
  {
    auto database = open_database(file.path(), {notes_module()});
    ASSERT_TRUE(database.ok()) << database.error().message;
    ASSERT_TRUE(insert(**database, "a").ok());
    for (const char* suffix : {"", "-wal"}) {
      struct stat info {};
      ASSERT_EQ(stat((file.path() + suffix).c_str(), &info), 0);
      EXPECT_EQ(info.st_mode & 0777U, 0600U);
    }
  }
  auto again = open_database(file.path(), {notes_module()});
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(count(**again, "notes"), 1);
}

TEST(Store, migrations_run_once_and_a_newer_database_is_refused) {
  const TempFile file;
  Module newer = notes_module();
  newer.migrations.push_back({2, "CREATE TABLE second (id TEXT)"});
  ASSERT_TRUE(open_database(file.path(), {notes_module()}).ok());
  ASSERT_TRUE(open_database(file.path(), {newer}).ok());
  ASSERT_TRUE(open_database(file.path(), {newer}).ok());
  const auto older = open_database(file.path(), {notes_module()});
  ASSERT_FALSE(older.ok());
  EXPECT_EQ(older.error().code, ErrorCode::kConflict);
}

TEST(Store, a_migration_that_fails_leaves_nothing_of_itself) {
  const TempFile file;
  Module broken = notes_module();
  broken.migrations.push_back({2, "CREATE TABLE second (id TEXT); SELECT nonsense"});
  EXPECT_FALSE(open_database(file.path(), {broken}).ok());
  auto database = open_database(file.path(), {notes_module()});
  ASSERT_TRUE(database.ok());
  const auto rows = (*database)->read(
      [](Tx& tx) { return tx.query("SELECT name FROM sqlite_master WHERE name = 'second'"); });
  EXPECT_TRUE(rows->empty());
}

TEST(Store, writers_and_readers_of_many_threads_lose_nothing) {
  auto database = private_database();
  std::atomic<bool> done{false};
  std::thread reader([&] {
    std::int64_t last = 0;
    while (!done) {
      const std::int64_t now = count(*database, "notes");
      EXPECT_GE(now, last);
      last = now;
    }
  });
  std::vector<std::thread> writers;
  for (int w = 0; w < 4; ++w) {
    writers.emplace_back([&, w] {
      for (int i = 0; i < 50; ++i) {
        EXPECT_TRUE(insert(*database, std::to_string(w) + "-" + std::to_string(i)).ok());
      }
    });
  }
  for (auto& writer : writers) writer.join();
  done = true;
  reader.join();
  EXPECT_EQ(count(*database, "notes"), 200);
}

TEST(Store, many_different_statements_do_not_pile_up) {
  auto database = private_database();
  for (int i = 0; i < 2000; ++i) {
    const auto rows =
        database->read([&](Tx& tx) { return tx.query("SELECT " + std::to_string(i) + " AS n"); });
    ASSERT_TRUE(rows.ok());
    ASSERT_EQ(rows->front().integer("n"), i);
  }
}

}  // namespace
}  // namespace hanok::store

#include "control/store/keyset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

namespace hanok::store {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class KeysetTest : public testing::Test {
 protected:
  void SetUp() override {
    database_ =
        std::move(open_database(":memory:", {{"songs",
                                              {{1,
                                                "CREATE TABLE songs (id TEXT PRIMARY KEY, year INTEGER,"
                                                " name TEXT)"}}}}))
            .value();
    add("a", 1970, "x");
    add("b", 1970, "y");
    add("c", 1965, "y");
    add("d", 1980, "x");
  }
  void add(const std::string& id, std::int64_t year, const std::string& name) {
    auto done = database_->write([&](Tx& tx) {
      return tx.execute("INSERT INTO songs VALUES (?, ?, ?)", {id, year, name});
    });
    ASSERT_TRUE(done.ok());
  }
  void forget(const std::string& id) {
    ASSERT_TRUE(
        database_->write([&](Tx& tx) { return tx.execute("DELETE FROM songs WHERE id = ?", {id}); }).ok());
  }
  std::vector<std::string> behind(const std::string& marker, const std::vector<SortKey>& keys) {
    std::string where = "1 = 1";
    Args args;
    add_marker("songs t", keys, marker, where, args);
    auto rows = database_->read(
        [&](Tx& tx) { return tx.query("SELECT id FROM songs t WHERE " + where + order_by(keys), args); });
    EXPECT_TRUE(rows.ok()) << (rows.ok() ? "" : rows.error().message);
    std::vector<std::string> out;
    if (rows.ok()) {
      for (const Row& row : *rows) out.push_back(row.text("id"));
    }
    return out;
  }

  std::unique_ptr<Database> database_;
};

TEST_F(KeysetTest, begins_behind_the_marker) {
  EXPECT_THAT(behind("b", {{"id"}}), ElementsAre("c", "d"));
  EXPECT_THAT(behind("d", {{"id"}}), IsEmpty());
  EXPECT_THAT(behind("b", {{"t.id", true}}), ElementsAre("a"));
}

TEST_F(KeysetTest, orders_by_several_columns_each_in_its_direction) {
  const std::vector<SortKey> keys = {{"t.year", true}, {"t.name"}, {"t.id"}};  // d, a, b, c
  EXPECT_THAT(behind("d", keys), ElementsAre("a", "b", "c"));
  EXPECT_THAT(behind("a", keys), ElementsAre("b", "c"));
  EXPECT_THAT(behind("c", keys), IsEmpty());
}

TEST_F(KeysetTest, goes_backwards) {
  EXPECT_THAT(behind("b", reversed({{"t.year", true}, {"t.name"}, {"t.id"}})), ElementsAre("a", "d"));
}

TEST_F(KeysetTest, rows_that_are_alike_are_told_apart_by_the_id) {
  EXPECT_THAT(behind("a", {{"name"}, {"id"}}), ElementsAre("d", "b", "c"));
}

// By the id alone a page goes on where it was, though the row at its end is gone; by others there is no place
// to go on.
TEST_F(KeysetTest, a_marker_may_be_gone_by_then) {
  forget("b");
  EXPECT_THAT(behind("b", {{"id"}}), ElementsAre("c", "d"));
  EXPECT_THAT(behind("b", {{"year"}, {"id"}}), IsEmpty());
}

}  // namespace
}  // namespace hanok::store

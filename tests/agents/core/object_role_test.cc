#include "agents/core/object_role.h"

#include <gtest/gtest.h>

#include "agents/core/reports.h"
#include "tests/agents/core/wait_until.h"

namespace hanok::agent {
namespace {

class Recorder final : public Reconciler {
 public:
  std::vector<std::string> kinds() const override { return {"thing"}; }
  Result<Outcome> apply(const Task& task) override {
    const std::lock_guard lock(mutex_);
    applied_.push_back(task);
    if (failures_ > 0) {
      --failures_;
      return unavailable("not yet");
    }
    return Outcome{{{"seen", task.object}}};
  }
  Result<std::map<std::string, std::set<std::string>>> present() override {
    return std::map<std::string, std::set<std::string>>{{"thing", present_}};
  }
  void fail(int times) {
    const std::lock_guard lock(mutex_);
    failures_ = times;
  }
  std::vector<Task> applied() {
    const std::lock_guard lock(mutex_);
    return applied_;
  }
  std::set<std::string> present_;

 private:
  std::mutex mutex_;
  std::vector<Task> applied_;
  int failures_ = 0;
};

Changes fetched(std::int64_t generation, bool whole, std::map<std::string, Json> things) {
  return {generation, whole, {{"thing", std::move(things)}, {"foreign", {{"x", 1}}}}};
}

class ObjectRoleTest : public ::testing::Test {
 protected:
  bool applied(std::size_t count) {
    return wait_until([&] { return recorder_.applied().size() >= count; });
  }
  Recorder recorder_;
  Reports reports_;
};

TEST_F(ObjectRoleTest, ObjectsOfItsKindsAreAppliedAndReported) {
  ObjectRole role(recorder_, reports_, 2);
  role.changed(fetched(5, true, {{"a", 1}}));
  ASSERT_TRUE(wait_until([&] { return reports_.waiting() == 1; }));
  EXPECT_EQ(reports_.next(1, 0).at(0).observed["seen"], 1);
  ASSERT_EQ(recorder_.applied().size(), 1U);
  EXPECT_EQ(recorder_.applied()[0].generation, 5);
}

TEST_F(ObjectRoleTest, WhatFailsIsTriedAgainWithACount) {
  recorder_.fail(1);
  ObjectRole role(recorder_, reports_, 1);
  role.changed(fetched(1, true, {{"a", 1}}));
  ASSERT_TRUE(applied(2));
  EXPECT_EQ(recorder_.applied()[0].attempt, 0);
  EXPECT_EQ(recorder_.applied()[1].attempt, 1);
}

TEST_F(ObjectRoleTest, WhatAWholeFetchDoesNotNameIsGone) {
  ObjectRole role(recorder_, reports_, 1);
  role.changed(fetched(1, true, {{"a", 1}}));
  ASSERT_TRUE(applied(1));
  role.changed(fetched(2, true, {{"b", 2}}));
  ASSERT_TRUE(applied(3));
  bool a_gone = false;
  for (const auto& task : recorder_.applied()) a_gone = a_gone || (task.id == "a" && task.object.is_null());
  EXPECT_TRUE(a_gone);
}

TEST_F(ObjectRoleTest, WhatIsOnTheHostAndNotWantedIsAppliedAsNull) {
  recorder_.present_ = {"a", "orphan"};
  ObjectRole role(recorder_, reports_, 1);
  role.changed(fetched(1, true, {{"a", 1}}));
  ASSERT_TRUE(applied(2));
  bool orphan_gone = false;
  for (const auto& task : recorder_.applied()) {
    orphan_gone = orphan_gone || (task.id == "orphan" && task.object.is_null());
    EXPECT_FALSE(task.id == "a" && task.object.is_null());
  }
  EXPECT_TRUE(orphan_gone);
}

TEST_F(ObjectRoleTest, RecheckAppliesWhatIsWantedNow) {
  ObjectRole role(recorder_, reports_, 1);
  role.changed(fetched(1, true, {{"a", 1}, {"b", 2}}));
  ASSERT_TRUE(applied(2));
  role.recheck("thing", "unknown");
  role.recheck("thing", "a");
  ASSERT_TRUE(applied(3));
  EXPECT_EQ(recorder_.applied()[2].id, "a");
  role.recheck("thing", "");
  EXPECT_TRUE(applied(5));
}

TEST(Backoff, GrowsAndIsBounded) {
  EXPECT_EQ(ObjectRole::backoff_ms(1), 500);
  EXPECT_EQ(ObjectRole::backoff_ms(2), 1000);
  EXPECT_EQ(ObjectRole::backoff_ms(100), 30'000);
}

}  // namespace
}  // namespace hanok::agent

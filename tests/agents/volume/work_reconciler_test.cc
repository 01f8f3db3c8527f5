#include "agents/volume/work_reconciler.h"

#include <gtest/gtest.h>

#include "storage/block/memory_store.h"

namespace hanok::agent {
namespace {

class KeptOutbox final : public Outbox {
 public:
  void report(const std::string&, const std::string&, Json observed) override { told.push_back(observed); }
  std::vector<Json> told;
};

class WorkReconcilerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(store.create({"volumes", "parent"}, 8).ok());
    ASSERT_TRUE(store.create_snapshot({{"volumes", "parent"}, "s"}).ok());
    ASSERT_TRUE(store.clone({{"volumes", "parent"}, "s"}, {"volumes", "child"}).ok());
  }
  void want(const Json& object, bool whole = false) {
    Changes changes;
    changes.whole = whole;
    changes.objects["volume_work"]["v"] = object;
    works.note(changes);
  }
  Json apply(const Json& object) {
    auto outcome = works.apply({.kind = "volume_work", .id = "v", .object = object});
    EXPECT_TRUE(outcome.ok());
    return outcome->observed;
  }
  bool has_parent() { return store.info({"volumes", "child"})->parent.has_value(); }

  const Json flatten_ = {{"task", "flatten"}, {"pool", "volumes"}, {"image", "child"}, {"moved_from", ""}};
  storage::MemoryStore store;
  KeptOutbox outbox;
  WorkReconciler works{store, outbox};
};

TEST_F(WorkReconcilerTest, FlattensWhatIsWanted) {
  want(flatten_);
  EXPECT_EQ(apply(flatten_), (Json{{"task", "flatten"}, {"state", "done"}}));
  EXPECT_FALSE(has_parent());
  EXPECT_EQ(apply(flatten_)["state"], "done");
}

TEST_F(WorkReconcilerTest, WhatIsNotWantedAnyMoreIsNotBegunAndNotReported) {
  EXPECT_TRUE(apply(flatten_).is_null());
  want(flatten_);
  want(nullptr);
  EXPECT_TRUE(apply(flatten_).is_null());
  want(flatten_);
  works.note({.generation = 2, .whole = true, .objects = {}});
  EXPECT_TRUE(apply(flatten_).is_null());
  EXPECT_TRUE(has_parent());
}

// The memory twin asks once, in the middle.
TEST_F(WorkReconcilerTest, WhatRunsEndsWhenItIsNotWantedAnyMore) {
  want(flatten_);
  store.in_the_middle = [this] { want(nullptr); };
  EXPECT_TRUE(apply(flatten_).is_null());
  EXPECT_TRUE(has_parent());
}

TEST_F(WorkReconcilerTest, BringsOverWhatAMoveLeft) {
  const storage::ImageRef parent{"volumes", "parent"};
  const Json copy = {{"task", "copy"}, {"pool", "volumes-2"}, {"image", "parent"}, {"moved_from", "volumes"}};
  ASSERT_TRUE(store.prepare_move(parent, "volumes-2").ok());
  want(copy);
  EXPECT_EQ(apply(copy)["state"], "done");
  EXPECT_EQ(*store.move_state(parent, "volumes-2"), storage::MoveState::kNone);
  store.fail_after(0);
  EXPECT_EQ(apply(copy)["state"], "retrying");
}

TEST_F(WorkReconcilerTest, RefusesWhatItDoesNotKnow) {
  Json odd = flatten_;
  odd["task"] = "polish";
  want(odd);
  EXPECT_EQ(apply(odd)["state"], "error");
}

}  // namespace
}  // namespace hanok::agent

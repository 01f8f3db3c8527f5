#include "storage/block/memory_store.h"

#include "tests/storage/block/store_contract.h"

namespace hanok::storage {
namespace {

TEST(MemoryStore, KeepsImages) {
  MemoryStore store;
  test_images(store, "t");
}

TEST(MemoryStore, ClonesOutliveTheirParents) {
  MemoryStore store;
  test_clones_outlive_parents(store, "t");
}

TEST(MemoryStore, MovesBetweenPools) {
  MemoryStore store;
  test_moves(store, "t");
}

TEST(MemoryStore, Encrypts) {
  MemoryStore store;
  test_encryption(store, "t");
}

TEST(MemoryStore, RenamesSnapshots) {
  MemoryStore store;
  test_snapshots_by_name(store, "t");
}

TEST(MemoryStore, RollsBack) {
  MemoryStore store;
  test_rollback(store, "t");
}

TEST(MemoryStore, TakesSnapshotsOfSeveralAtOnce) {
  MemoryStore store;
  test_group_snapshots(store, "t");
}

TEST(MemoryStore, WritesUploadsInSequence) {
  MemoryStore store;
  test_sequential_writer(store, "t");
}

TEST(MemoryStore, FailsFromTheGivenCallOn) {
  MemoryStore store;
  store.fail_after(1);
  EXPECT_OK(store.create({"volumes", "a"}, 1));
  EXPECT_EQ(code_of(store.create({"volumes", "b"}, 1)), ErrorCode::kUnavailable);
  store.heal();
  EXPECT_OK(store.create({"volumes", "b"}, 1));
}

}  // namespace
}  // namespace hanok::storage

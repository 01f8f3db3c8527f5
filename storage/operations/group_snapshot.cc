#include "storage/operations/operations.h"

namespace hanok::storage {

// What an attempt that was cut off has left is of another instant, or of a part of the images: it goes.
Status create_group_snapshot(BlockStore& store, const std::vector<SnapshotRef>& snapshots) {
  Status made = store.create_snapshots(snapshots);
  if (made.ok() || made.error().code != ErrorCode::kConflict) return made;
  for (const SnapshotRef& snapshot : snapshots) HANOK_CHECK(unless_gone(store.remove_snapshot(snapshot)));
  return store.create_snapshots(snapshots);
}

}  // namespace hanok::storage

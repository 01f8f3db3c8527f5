#include <algorithm>

#include "storage/operations/operations.h"

namespace hanok::storage {

Status create_volume_snapshot(BlockStore& store, const SnapshotRef& snapshot) {
  return unless_exists(store.create_snapshot(snapshot));
}

Status adopt_snapshot(BlockStore& store, const SnapshotRef& snapshot, const std::string& name) {
  HANOK_TRY(info, store.info(snapshot.image));
  const bool done =
      std::find(info.snapshots.begin(), info.snapshots.end(), snapshot.snapshot) != info.snapshots.end();
  return done ? Status() : store.rename_snapshot({snapshot.image, name}, snapshot.snapshot);
}

Status delete_volume_snapshot(BlockStore& store, const SnapshotRef& snapshot) {
  return unless_gone(store.remove_snapshot(snapshot));
}

}  // namespace hanok::storage

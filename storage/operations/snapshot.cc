#include "storage/operations/operations.h"

namespace hanok::storage {

Status create_volume_snapshot(BlockStore& store, const SnapshotRef& snapshot) {
  return unless_exists(store.create_snapshot(snapshot));
}

Status delete_volume_snapshot(BlockStore& store, const SnapshotRef& snapshot) {
  return unless_gone(store.remove_snapshot(snapshot));
}

}  // namespace hanok::storage

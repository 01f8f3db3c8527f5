#include "storage/operations/operations.h"

namespace hanok::storage {

// A rollback also takes the size back to that of the snapshot: a volume that has grown since stays grown.
Status revert_volume(BlockStore& store, const SnapshotRef& snapshot, std::uint64_t size_bytes) {
  HANOK_CHECK(store.rollback(snapshot));
  return extend_volume(store, snapshot.image, size_bytes);
}

}  // namespace hanok::storage

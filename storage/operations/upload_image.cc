// clone of the volume -> flatten (the cluster copies, no byte comes here) -> snapshot "snap". An image that
// has the snapshot is whole; one without it is taken up where it was left.
#include <algorithm>

#include "storage/operations/operations.h"

namespace hanok::storage {

Result<std::uint64_t> upload_image(BlockStore& store, const ImageRef& volume, const ImageRef& image) {
  const SnapshotRef source = clone_snapshot(volume, image);
  auto found = store.info(image);
  if (!found.ok() && found.error().code != ErrorCode::kNotFound) return found.take_error();
  const bool whole = found.ok() && std::find(found->snapshots.begin(), found->snapshots.end(), "snap") !=
                                       found->snapshots.end();
  if (!whole) {
    if (!found.ok()) {
      HANOK_CHECK(unless_exists(store.create_snapshot(source)));
      HANOK_CHECK(surely_there(clone_whole(store, source, image)));
    }
    HANOK_CHECK(store.flatten(image));
    HANOK_CHECK(store.set_limits(image, {}));  // those of the volume came along
    HANOK_CHECK(unless_exists(store.create_snapshot({image, "snap"})));
  }
  HANOK_CHECK(unless_gone(store.remove_snapshot(source)));
  HANOK_TRY(info, store.info(image));
  return info.size_bytes;
}

Status delete_image(BlockStore& store, const ImageRef& image, const ImageRef& source) {
  for (const ImageRef& part : {cipher_image(image), partial_image(image), image}) {
    HANOK_CHECK(unless_gone(store.remove(part)));
  }
  if (!source.name.empty()) HANOK_CHECK(unless_gone(store.remove_snapshot(clone_snapshot(source, image))));
  return {};
}

}  // namespace hanok::storage

#include "common/log.h"
#include "storage/rbd/rbd_image.h"

namespace hanok::storage {
namespace {

// A client that died while it made the snapshot may have left it in the image's header without its object
// map. librbd (16.2) cannot open a parent at such a snapshot (ENOENT), so no clone could be made of it.
Status mend(librbd::Image& image, const SnapshotRef& snapshot) {
  const std::string what = "Snapshot " + snapshot.snapshot + " of " + display(snapshot.image);
  std::uint64_t flags = 0;
  int code = image.snap_set(snapshot.snapshot.c_str());
  if (code >= 0) code = image.get_flags(&flags);
  if (code < 0) return rbd_error(code, what);
  if ((flags & RBD_FLAG_OBJECT_MAP_INVALID) == 0) return {};
  spdlog::info("{} has no object map, which is made anew", what);
  const Progress silent;
  ProgressCall told(silent);
  code = image.rebuild_object_map(told);
  return code < 0 ? Status(rbd_error(code, what)) : Status();
}

}  // namespace

Result<std::unique_ptr<OpenImage>> create_image_snapshot(Cluster& cluster, const SnapshotRef& snapshot) {
  HANOK_TRY(open, open_image(cluster, snapshot.image, OpenMode::kReadWrite));
  const int code = open->image.snap_create(snapshot.snapshot.c_str());
  if (code == -EEXIST) HANOK_CHECK(mend(open->image, snapshot));
  if (code < 0) return rbd_error(code, "Snapshot " + snapshot.snapshot + " of " + display(snapshot.image));
  return open;
}

}  // namespace hanok::storage

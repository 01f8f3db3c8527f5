// Removal, also while clones live. A snapshot with clones goes to RBD's hidden snapshot namespace, an image
// with such snapshots to RBD's trash; both go away for good with the last clone: whoever removes it takes the
// parent along.
#include <vector>

#include "storage/rbd/rbd_image.h"

namespace hanok::storage {
namespace {

constexpr int kMaxAncestors = 64;

struct TrashedParent {
  std::string pool, image_id;
};

std::optional<TrashedParent> trashed_parent(librbd::Image& image) {
  librbd::linked_image_spec_t parent;
  librbd::snap_spec_t snapshot;
  if (image.get_parent(&parent, &snapshot) < 0 || !parent.trash) return std::nullopt;
  return TrashedParent{parent.pool_name, parent.image_id};
}

Status drop_snapshot(librbd::Image& image, const std::string& name) {
  bool is_protected = false;
  if (image.snap_is_protected(name.c_str(), &is_protected) == 0 && is_protected) {
    if (const int code = image.snap_unprotect(name.c_str()); code < 0) {
      return rbd_error(code, "Snapshot " + name + " could not be unprotected");
    }
  }
  const int code = image.snap_remove(name.c_str());
  return code < 0 && code != -ENOENT ? Status(rbd_error(code, "Snapshot " + name)) : Status();
}

Status drop_snapshots(librbd::Image& image) {
  std::vector<librbd::snap_info_t> snapshots;
  if (const int code = image.snap_list(snapshots); code < 0) return rbd_error(code, "List of snapshots");
  for (const auto& snapshot : snapshots) {
    librbd::snap_namespace_type_t kind = RBD_SNAP_NAMESPACE_TYPE_USER;
    static_cast<void>(image.snap_get_namespace_type(snapshot.id, &kind));
    if (kind == RBD_SNAP_NAMESPACE_TYPE_USER) HANOK_CHECK(drop_snapshot(image, snapshot.name));
  }
  return {};
}

// Parents in the trash whose last clone has just gone. Those that still have clones stay: no error.
void purge_parents(Cluster& cluster, std::optional<TrashedParent> parent) {
  librbd::RBD rbd;
  for (int i = 0; parent && i < kMaxAncestors; ++i) {
    auto pool = cluster.pool(parent->pool);
    if (!pool.ok()) return;
    std::optional<TrashedParent> next;
    {
      librbd::Image image;
      if (rbd.open_by_id_read_only(pool->io, image, parent->image_id.c_str(), nullptr) < 0) return;
      next = trashed_parent(image);
    }
    if (rbd.trash_remove(pool->io, parent->image_id.c_str(), false) < 0) return;
    parent = next;
  }
}

}  // namespace

Status remove_image_snapshot(Cluster& cluster, const SnapshotRef& snapshot) {
  HANOK_TRY(open, open_image(cluster, snapshot.image, OpenMode::kReadWrite));
  bool there = false;
  const int code = open->image.snap_exists2(snapshot.snapshot.c_str(), &there);
  if (code < 0) return rbd_error(code, "Snapshot " + snapshot.snapshot);
  if (!there) {
    return not_found("There is no snapshot " + snapshot.snapshot + " of " + display(snapshot.image) + ".");
  }
  return drop_snapshot(open->image, snapshot.snapshot);
}

Status remove_image(Cluster& cluster, const ImageRef& image) {
  std::optional<TrashedParent> parent;
  auto open = open_image(cluster, image, OpenMode::kReadWrite);
  // A removal that was broken off leaves the name without the image: removing once more clears it away.
  if (!open.ok() && open.error().code != ErrorCode::kNotFound) return open.take_error();
  if (open.ok()) {
    parent = trashed_parent((*open)->image);
    HANOK_CHECK(drop_snapshots((*open)->image));
    (*open).reset();
  }
  HANOK_TRY(pool, cluster.pool(image.pool));
  librbd::RBD rbd;
  int code = rbd.remove(pool.io, image.name.c_str());
  if (code == -ENOTEMPTY || code == -EBUSY) {  // clones of its snapshots live, or it is open somewhere
    code = rbd.trash_move(pool.io, image.name.c_str(), 0);
  }
  if (code < 0) return rbd_error(code, "Removal of " + display(image));
  purge_parents(cluster, parent);
  return {};
}

}  // namespace hanok::storage

// Removal, also while clones live. A snapshot with clones goes to RBD's hidden snapshot namespace, an image
// with such snapshots to RBD's trash; both go away for good with the last clone: whoever removes it takes the
// parent along.
#include <ctime>
#include <vector>

#include "storage/rbd/rbd_image.h"

namespace hanok::storage {
namespace {

constexpr int kMaxAncestors = 64;

struct Relative {
  std::string pool, image_id;
};

std::optional<Relative> parent_of(librbd::Image& image) {
  librbd::linked_image_spec_t parent;
  librbd::snap_spec_t snapshot;
  if (image.get_parent(&parent, &snapshot) < 0) return std::nullopt;
  return Relative{parent.pool_name, parent.image_id};
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

}  // namespace

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

namespace {

// Removes the image and then its ancestors for good, as far as they are in the trash and have no clones left.
void purge_trash(Cluster& cluster, std::optional<Relative> relative) {
  librbd::RBD rbd;
  for (int i = 0; relative && i < kMaxAncestors; ++i) {
    auto pool = cluster.pool(relative->pool);
    if (!pool.ok()) return;
    librbd::trash_image_info_t info;
    if (rbd.trash_get(pool->io, relative->image_id.c_str(), &info) < 0) return;  // not in the trash: it lives
    std::optional<Relative> next;
    {
      librbd::Image image;
      if (rbd.open_by_id_read_only(pool->io, image, relative->image_id.c_str(), nullptr) < 0) return;
      next = parent_of(image);
    }
    if (rbd.trash_remove(pool->io, relative->image_id.c_str(), true) < 0) return;
    relative = next;
  }
}

// A removal of the last clone that was cut off leaves the snapshot it was made from in the hidden namespace,
// and with it the image could never go.
void drop_hidden_snapshots(librbd::RBD& rbd, librados::IoCtx& io, const std::string& image_id) {
  librbd::Image image;
  if (rbd.open_by_id(io, image, image_id.c_str(), nullptr) < 0) return;
  std::vector<librbd::snap_info_t> snapshots;
  if (image.snap_list(snapshots) < 0) return;
  for (const auto& snapshot : snapshots) {
    librbd::snap_namespace_type_t kind = RBD_SNAP_NAMESPACE_TYPE_USER;
    static_cast<void>(image.snap_get_namespace_type(snapshot.id, &kind));
    // Refused by RBD as long as it has clones.
    if (kind == RBD_SNAP_NAMESPACE_TYPE_TRASH) static_cast<void>(image.snap_remove_by_id(snapshot.id));
  }
}

}  // namespace

// The pools are ours alone, but for what an operator's `rbd trash move --expires-at` wants kept for a while.
// An image on its way to another pool is here too, and is all there is of it.
Result<std::size_t> purge_pool_trash(Cluster& cluster, const std::string& pool_name) {
  HANOK_TRY(pool, cluster.pool(pool_name));
  librbd::RBD rbd;
  std::vector<librbd::trash_image_info_t> entries;
  if (const int code = rbd.trash_list(pool.io, entries); code < 0) {
    return rbd_error(code, "Trash of pool " + pool_name);
  }
  const std::time_t now = std::time(nullptr);
  std::size_t gone = 0;
  for (const auto& entry : entries) {
    if (entry.deferment_end_time > now || entry.source == RBD_TRASH_IMAGE_SOURCE_MIGRATION) continue;
    drop_hidden_snapshots(rbd, pool.io, entry.id);
    if (rbd.trash_remove(pool.io, entry.id.c_str(), true) >= 0) ++gone;
  }
  return gone;
}

Result<std::unique_ptr<OpenImage>> remove_image_snapshot(Cluster& cluster, const SnapshotRef& snapshot) {
  HANOK_TRY(open, open_image(cluster, snapshot.image, OpenMode::kReadWrite));
  bool there = false;
  const int code = open->image.snap_exists2(snapshot.snapshot.c_str(), &there);
  if (code < 0) return rbd_error(code, "Snapshot " + snapshot.snapshot);
  if (!there) {
    return not_found("There is no snapshot " + snapshot.snapshot + " of " + display(snapshot.image) + ".");
  }
  HANOK_CHECK(drop_snapshot(open->image, snapshot.snapshot));
  return open;
}

Status flatten_image(Cluster& cluster, const ImageRef& image, const Progress& progress) {
  HANOK_TRY(open, open_image(cluster, image, OpenMode::kReadWrite));
  const auto parent = parent_of(open->image);
  if (!parent) return {};
  ProgressCall told(progress);
  if (const int code = open->image.flatten_with_progress(told); code < 0)
    return rbd_error(code, "Flatten of " + display(image));
  purge_trash(cluster, parent);
  return {};
}

// Of a parent and its last clone that are removed at the same time, whichever comes second sees the other's
// work: each first does its own removal and then looks at what is in the trash.
//
// An image that is open somewhere is kConflict: by a guest, or for half a minute by a client that died.
Status remove_image(Cluster& cluster, const ImageRef& image) {
  std::optional<Relative> parent;
  std::string id;
  {
    auto open = open_image(cluster, image, OpenMode::kReadWrite);
    if (open.ok()) {
      parent = parent_of((*open)->image);
      static_cast<void>((*open)->image.get_id(&id));
      HANOK_CHECK(drop_snapshots((*open)->image));
    } else if (open.error().code != ErrorCode::kNotFound) {
      return open.take_error();
    }
  }
  // Also when it could not be opened: a removal that was cut off leaves the name without its header.
  HANOK_TRY(pool, cluster.pool(image.pool));
  librbd::RBD rbd;
  int code = rbd.remove(pool.io, image.name.c_str());
  if (code == -ENOTEMPTY) {  // clones of its snapshots live
    code = rbd.trash_move(pool.io, image.name.c_str(), 0);
    if (code >= 0) parent = Relative{image.pool, id};
  }
  if (code < 0) return rbd_error(code, "Removal of " + display(image));
  purge_trash(cluster, parent);
  return {};
}

}  // namespace hanok::storage

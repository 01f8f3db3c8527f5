#pragma once
// Pieces that the RBD store is made of.

#include <memory>
#include <rbd/librbd.hpp>
#include <string>

#include "storage/rbd/cluster.h"

namespace hanok::storage {

// An open image and what it lives on; closed by the destructor.
struct OpenImage {
  Pool pool;
  librbd::Image image;
};
enum class OpenMode { kReadOnly, kReadWrite };

[[nodiscard]] Result<std::unique_ptr<OpenImage>> open_image(Cluster& cluster, const ImageRef& image,
                                                            OpenMode mode);
[[nodiscard]] Result<std::unique_ptr<ImageWriter>> open_writer(Cluster& cluster, const ImageRef& image);
// rbd_remove.cc
[[nodiscard]] Status remove_image(Cluster& cluster, const ImageRef& image);
[[nodiscard]] Result<std::size_t> purge_pool_trash(Cluster& cluster, const std::string& pool);
[[nodiscard]] Status flatten_image(Cluster& cluster, const ImageRef& image);  // no parent: nothing to do
[[nodiscard]] Status remove_image_snapshot(Cluster& cluster, const SnapshotRef& snapshot);
// rbd_group.cc
[[nodiscard]] Status create_snapshots_at_once(Cluster& cluster, const std::vector<SnapshotRef>& snapshots);
// rbd_limits.cc
[[nodiscard]] Status set_image_limits(Cluster& cluster, const ImageRef& image, const Limits& limits);
[[nodiscard]] std::string display(const ImageRef& image);  // pool/name

}  // namespace hanok::storage

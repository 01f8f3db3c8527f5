#pragma once
// Pieces that the RBD store is made of.

#include <cerrno>
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
// What librbd tells of a long call, for the caller's Progress; it takes -ECANCELED for the end.
class ProgressCall final : public librbd::ProgressContext {
 public:
  explicit ProgressCall(const Progress& progress) : progress_(progress) {}
  int update_progress(std::uint64_t done, std::uint64_t of) override {
    return progress_ && !progress_(done, of) ? -ECANCELED : 0;
  }

 private:
  const Progress& progress_;
};

[[nodiscard]] Result<std::unique_ptr<OpenImage>> open_image(Cluster& cluster, const ImageRef& image,
                                                            OpenMode mode);
[[nodiscard]] Result<std::unique_ptr<ImageWriter>> open_writer(Cluster& cluster, const ImageRef& image);
// rbd_remove.cc
[[nodiscard]] Status remove_image(Cluster& cluster, const ImageRef& image);
[[nodiscard]] Status drop_snapshots(librbd::Image& image);  // those that users made
[[nodiscard]] Result<std::size_t> purge_pool_trash(Cluster& cluster, const std::string& pool);
// No parent: nothing to do.
[[nodiscard]] Status flatten_image(Cluster& cluster, const ImageRef& image, const Progress& progress);
// Gives the image, to be closed.
[[nodiscard]] Result<std::unique_ptr<OpenImage>> remove_image_snapshot(Cluster& cluster,
                                                                       const SnapshotRef& snapshot);
// rbd_repair.cc: takes up what a client that died left of the image, for the next try to remove or move it.
[[nodiscard]] Status repair_image(Cluster& cluster, const ImageRef& image);
// rbd_move.cc
[[nodiscard]] Result<MoveState> move_state(Cluster& cluster, const ImageRef& image, const std::string& pool);
[[nodiscard]] Status prepare_move(Cluster& cluster, const ImageRef& image, const std::string& pool);
[[nodiscard]] Status copy_move(Cluster& cluster, const ImageRef& image, const std::string& pool,
                               const Progress& progress);
[[nodiscard]] Status commit_move(Cluster& cluster, const ImageRef& image, const std::string& pool);
[[nodiscard]] Status abort_move(Cluster& cluster, const ImageRef& image, const std::string& pool);
// rbd_encryption.cc
[[nodiscard]] Status encrypt_image(Cluster& cluster, const ImageRef& image, const Encryption& encryption);
[[nodiscard]] Result<std::unique_ptr<PlainView>> open_plain(Cluster& cluster, const ImageRef& image,
                                                            const Encryption& encryption);
// rbd_snapshot.cc: gives the image, to be closed. A snapshot that is there already is kConflict, and is whole
// then.
[[nodiscard]] Result<std::unique_ptr<OpenImage>> create_image_snapshot(Cluster& cluster,
                                                                       const SnapshotRef& snapshot);
// rbd_group.cc
[[nodiscard]] Status create_snapshots_at_once(Cluster& cluster, const std::vector<SnapshotRef>& snapshots);
// rbd_limits.cc
[[nodiscard]] Status set_image_limits(Cluster& cluster, const ImageRef& image, const Limits& limits);

}  // namespace hanok::storage

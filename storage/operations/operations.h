#pragma once
// What is done to volumes and snapshots. Each call is idempotent: interrupted at any point (crash, timeout)
// and called again with the same arguments, it finishes. They block; any number may run at once for different
// volumes. Errors: kNotFound (a source is missing) and kBadRequest do not go away by trying again, all others
// may.

#include <cstdint>
#include <string>

#include "storage/block/block_store.h"

namespace hanok::storage {

struct VolumeSource {
  enum class Type { kNone, kImage, kSnapshot, kVolume, kManaged };  // kManaged: `image` itself, renamed
  Type type = Type::kNone;
  ImageRef image;        // the parent's RBD image
  std::string snapshot;  // kImage, kSnapshot
  std::string format;    // kImage: raw is cloned, everything else converted
};

// Turns the guest image in a snapshot's bytes (qcow2 ...) into a new raw RBD image.
class Converter {
 public:
  virtual ~Converter() = default;
  [[nodiscard]] virtual Status convert(const SnapshotRef& from, const std::string& format,
                                       const ImageRef& to) = 0;
};

// A guest's image is not trusted: a qcow2 that names a backing file or a data file would read files of this
// host. kBadRequest for those; to be called before any Converter.
[[nodiscard]] Status check_self_contained(BlockStore& store, const ImageRef& image,
                                          const std::string& format);
[[nodiscard]] Status create_volume(BlockStore& store, Converter& converter, const ImageRef& volume,
                                   std::uint64_t size_bytes, const VolumeSource& source);
// The same for an encrypted volume that is empty or made from an image, whose bytes are copied through the
// encryption. (A clone of an encrypted volume or of its snapshot is encrypted as they are: create_volume().)
[[nodiscard]] Status create_encrypted_volume(BlockStore& store, Converter& converter, const ImageRef& volume,
                                             std::uint64_t size_bytes, const VolumeSource& source,
                                             const Encryption& encryption);
[[nodiscard]] Status extend_volume(BlockStore& store, const ImageRef& volume, std::uint64_t size_bytes);
[[nodiscard]] Status revert_volume(BlockStore& store, const SnapshotRef& snapshot, std::uint64_t size_bytes);
// With all that an interrupted creation may have left.
[[nodiscard]] Status delete_volume(BlockStore& store, const ImageRef& volume, const VolumeSource& source);
// The image to another pool, in two steps: when the first is done it is used there; the second brings the
// bytes over and lets go of the old pool. `image` is the one in the old pool.
[[nodiscard]] Status begin_move(BlockStore& store, const ImageRef& image, const std::string& pool);
[[nodiscard]] Status finish_move(BlockStore& store, const ImageRef& image, const std::string& pool,
                                 const Progress& progress);
// Of one that did not get through its first step.
[[nodiscard]] Status undo_move(BlockStore& store, const ImageRef& image, const std::string& pool);
[[nodiscard]] Status create_volume_snapshot(BlockStore& store, const SnapshotRef& snapshot);
// One that the image has under another name.
[[nodiscard]] Status adopt_snapshot(BlockStore& store, const SnapshotRef& snapshot, const std::string& name);
// All of one instant (BlockStore::create_snapshots).
[[nodiscard]] Status create_group_snapshot(BlockStore& store, const std::vector<SnapshotRef>& snapshots);
[[nodiscard]] Status delete_volume_snapshot(BlockStore& store, const SnapshotRef& snapshot);
// A full copy in `image` with the snapshot "snap", as the image service keeps images. Gives its size.
[[nodiscard]] Result<std::uint64_t> upload_image(BlockStore& store, const ImageRef& volume,
                                                 const ImageRef& image);

// The same of an encrypted volume; the image is not.
[[nodiscard]] Result<std::uint64_t> upload_encrypted(BlockStore& store, const ImageRef& volume,
                                                     const ImageRef& image, const Encryption& encryption);
// With all that an interrupted upload may have left; `source`: what it was of, or no name.
[[nodiscard]] Status delete_image(BlockStore& store, const ImageRef& image, const ImageRef& source = {});
// With delete_volume(), for encrypted volumes.
[[nodiscard]] Status drop_encrypted_parts(BlockStore& store, const ImageRef& volume);

// The snapshot of a source volume that exists only while it is being cloned.
[[nodiscard]] SnapshotRef clone_snapshot(const ImageRef& source, const ImageRef& child);
// A clone under another name until it is one: one whose maker died may have a header and not yet its parent,
// and would read as zeroes.
[[nodiscard]] Status clone_whole(BlockStore& store, const SnapshotRef& snapshot, const ImageRef& child);
// Where an image is made before it gets its name.
[[nodiscard]] ImageRef partial_image(const ImageRef& volume);
// The clone that an encrypted volume is uploaded from.
[[nodiscard]] ImageRef cipher_image(const ImageRef& image);

// Helpers of idempotence: "exists already" and "is gone already" are no errors.
[[nodiscard]] inline Status unless_exists(Status status) {
  return !status.ok() && status.error().code == ErrorCode::kConflict ? Status() : std::move(status);
}
[[nodiscard]] inline Status unless_gone(Status status) {
  return !status.ok() && status.error().code == ErrorCode::kNotFound ? Status() : std::move(status);
}
// Of what needs a snapshot that was made just before: it is there, so that it cannot be found yet passes.
[[nodiscard]] inline Status surely_there(Status status) {
  return !status.ok() && status.error().code == ErrorCode::kNotFound ? unavailable(status.error().message)
                                                                     : std::move(status);
}

}  // namespace hanok::storage

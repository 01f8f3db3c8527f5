#pragma once
// BlockStore: images, snapshots and clones by name in pools. Twins: memory (tests) and RBD (storage/rbd).
// Thread-safe; calls block the caller until done or until the store's deadline (kTimeout, kUnavailable).

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"

namespace hanok::storage {

struct ImageRef {
  std::string pool, name;
};
// pool/name
[[nodiscard]] inline std::string display(const ImageRef& image) {
  return image.pool + "/" + image.name;
}
struct SnapshotRef {
  ImageRef image;
  std::string snapshot;
};
struct Extent {
  std::uint64_t offset = 0, length = 0;
};
struct ImageInfo {
  std::uint64_t size_bytes = 0;
  std::optional<SnapshotRef> parent;
  std::vector<std::string> snapshots;
};
struct SnapshotInfo {
  std::string name;
  std::uint64_t size_bytes = 0;
};
// Ceilings on what a client does to an image; both 0: none. `burst` is 0 or at least `rate`.
struct Limit {
  std::uint64_t rate = 0;   // operations or bytes per second
  std::uint64_t burst = 0;  // the same, for one second
  bool operator==(const Limit&) const = default;
};
inline constexpr std::array<std::string_view, 6> kLimitNames = {"iops", "read_iops", "write_iops",
                                                                "bps",  "read_bps",  "write_bps"};
using Limits = std::map<std::string, Limit>;  // by names of kLimitNames
// Of the cluster, replicas included; and of the pool, replicas left out.
struct PoolInfo {
  std::uint64_t total_bytes = 0, free_bytes = 0;
  std::uint64_t stored_bytes = 0, available_bytes = 0;
};
// How far a long call is, in units of its own. False breaks the call off: kConflict.
using Progress = std::function<bool(std::uint64_t done, std::uint64_t of)>;
// Where a move to another pool is. kBroken: its beginning or its end was cut off, and the image may be in
// neither pool; only the caller knows which of the two it was.
enum class MoveState { kNone, kBroken, kPrepared, kCopied };

// LUKS by librbd. Its header is at the beginning of the image and takes room there: the image of a volume is
// so much larger than the volume.
struct Encryption {
  std::string format;  // luks1, luks2
  std::string cipher;  // aes-128, aes-256, in XTS mode; for a new header
  std::string passphrase;
};
[[nodiscard]] constexpr std::uint64_t header_bytes(std::string_view format) {
  return format == "luks1" ? 4ULL << 20U : format == "luks2" ? 16ULL << 20U : 0;
}

// The volume in an encrypted image: its own bytes and its own size.
class PlainView {
 public:
  virtual ~PlainView() = default;
  [[nodiscard]] virtual std::uint64_t size_bytes() const = 0;
  [[nodiscard]] virtual Status read(std::uint64_t offset, char* out, std::size_t length) = 0;
  [[nodiscard]] virtual Status write(std::uint64_t offset, const char* data, std::size_t length) = 0;
  [[nodiscard]] virtual Status flush() = 0;
};

// Sequential writer of a new image (upload). Destroyed without finish(): the image is removed.
class ImageWriter {
 public:
  virtual ~ImageWriter() = default;
  [[nodiscard]] virtual Status write(const char* data, std::size_t length) = 0;  // appends; grows the image
  [[nodiscard]] virtual Status finish() = 0;                                     // exact size, flushed
};

class BlockStore {
 public:
  virtual ~BlockStore() = default;
  // Create-like calls are idempotent for the caller's sake: kConflict when it exists.
  [[nodiscard]] virtual Status create(const ImageRef& image, std::uint64_t size_bytes) = 0;
  [[nodiscard]] virtual Result<std::unique_ptr<ImageWriter>> create_for_write(const ImageRef& image) = 0;
  [[nodiscard]] virtual Status clone(const SnapshotRef& parent, const ImageRef& child) = 0;
  [[nodiscard]] virtual Status flatten(const ImageRef& image, const Progress& progress) = 0;
  [[nodiscard]] Status flatten(const ImageRef& image) { return flatten(image, {}); }
  [[nodiscard]] virtual Status resize(const ImageRef& image, std::uint64_t size_bytes) = 0;
  // A new header in an image that nobody uses: whatever was in it is lost. kBadRequest: format or cipher.
  [[nodiscard]] virtual Status encrypt(const ImageRef& image, const Encryption& encryption) = 0;
  // kForbidden: the passphrase is wrong. kBadRequest: the image is not encrypted so. Takes seconds.
  [[nodiscard]] virtual Result<std::unique_ptr<PlainView>> open_plain(const ImageRef& image,
                                                                      const Encryption& encryption) = 0;
  // These and no others, at once also for clients that have the image open. A clone starts with its parent's.
  [[nodiscard]] virtual Status set_limits(const ImageRef& image, const Limits& limits) = 0;
  // To another pool under the same name, with snapshots, clones and limits; `image` is always the one in the
  // old pool. From prepare_move() on it is used in the new pool, also while copy_move() brings the bytes
  // over.
  [[nodiscard]] virtual Result<MoveState> move_state(const ImageRef& image, const std::string& pool) = 0;
  // kConflict: somebody has it open. A copy tells how far it is, and cannot be broken off.
  [[nodiscard]] virtual Status prepare_move(const ImageRef& image, const std::string& pool) = 0;
  [[nodiscard]] virtual Status copy_move(const ImageRef& image, const std::string& pool,
                                         const Progress& progress) = 0;
  [[nodiscard]] virtual Status commit_move(const ImageRef& image, const std::string& pool) = 0;
  // As it was before prepare_move(), also when that was cut off.
  [[nodiscard]] virtual Status abort_move(const ImageRef& image, const std::string& pool) = 0;
  // Within its pool. kConflict when the new name is taken.
  [[nodiscard]] virtual Status rename(const ImageRef& image, const std::string& name) = 0;
  // Works also while clones of its snapshots live (clone v2, trash). kNotFound when there is none.
  [[nodiscard]] virtual Status remove(const ImageRef& image) = 0;
  // What removals that were cut off left behind, and what has lost its last clone since, goes for good. Gives
  // how many images went; those still needed stay. Safe beside any other call, also of other hosts.
  [[nodiscard]] virtual Result<std::size_t> purge_trash(const std::string& pool) = 0;
  [[nodiscard]] virtual Result<ImageInfo> info(const ImageRef& image) = 0;
  // Some client has it open, or had when it died less than half a minute ago.
  [[nodiscard]] virtual Result<bool> in_use(const ImageRef& image) = 0;
  [[nodiscard]] virtual Status create_snapshot(const SnapshotRef& snapshot) = 0;
  // Of several images as of one instant: no write is before it in one and after it in another, also of
  // clients that have them open, which wait meanwhile. All or none; but a process that dies may leave some.
  // kConflict: one exists, or a client does not lend its lock; kBadRequest: an image has no exclusive lock.
  [[nodiscard]] virtual Status create_snapshots(const std::vector<SnapshotRef>& snapshots) = 0;
  [[nodiscard]] virtual Status remove_snapshot(const SnapshotRef& snapshot) = 0;
  [[nodiscard]] virtual Result<std::vector<SnapshotInfo>> snapshots(const ImageRef& image) = 0;
  // Its clones do not mind. kConflict when the new name is taken.
  [[nodiscard]] virtual Status rename_snapshot(const SnapshotRef& snapshot, const std::string& name) = 0;
  // Bytes and size as they were; kNotFound when there is no such snapshot. Not for an image that is in use.
  [[nodiscard]] virtual Status rollback(const SnapshotRef& snapshot) = 0;
  // Reads at most `length`; short only at the end.
  [[nodiscard]] virtual Result<std::size_t> read(const ImageRef& image, std::uint64_t offset, char* out,
                                                 std::size_t length) = 0;
  [[nodiscard]] virtual Status write(const ImageRef& image, std::uint64_t offset, const char* data,
                                     std::size_t length) = 0;
  // Where the image may hold other than zeroes, in order; with what it has of its parent.
  [[nodiscard]] virtual Result<std::vector<Extent>> allocated(const ImageRef& image) = 0;
  [[nodiscard]] virtual Result<std::vector<std::string>> list(const std::string& pool) = 0;
  // Which cluster the images are in: image names are the same in many. Ceph's fsid.
  [[nodiscard]] virtual Result<std::string> cluster_id() = 0;
  [[nodiscard]] virtual Result<PoolInfo> pool_info(const std::string& pool) = 0;
};

// storage/rbd/rbd_store.h: open_rbd_store(conf_path, client_name). storage/block/memory_store.h: the twin for
// tests.

}  // namespace hanok::storage

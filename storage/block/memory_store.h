#pragma once
// The memory twin of RBD, for tests: images and snapshots as sparse bytes, with faults on demand.

#include <map>
#include <mutex>
#include <string>

#include "storage/block/block_store.h"
#include "storage/block/sparse_bytes.h"

namespace hanok::storage {

class MemoryStore final : public BlockStore {
 public:
  explicit MemoryStore(const std::vector<std::string>& pools = {"volumes", "images", "vms", "backups",
                                                                "volumes-2"});

  [[nodiscard]] Status create(const ImageRef& image, std::uint64_t size_bytes) override;
  [[nodiscard]] Result<std::unique_ptr<ImageWriter>> create_for_write(const ImageRef& image) override;
  [[nodiscard]] Status clone(const SnapshotRef& parent, const ImageRef& child) override;
  using BlockStore::flatten;
  [[nodiscard]] Status flatten(const ImageRef& image, const Progress& progress) override;
  [[nodiscard]] Result<MoveState> move_state(const ImageRef& image, const std::string& pool) override;
  [[nodiscard]] Status prepare_move(const ImageRef& image, const std::string& pool) override;
  [[nodiscard]] Status copy_move(const ImageRef& image, const std::string& pool,
                                 const Progress& progress) override;
  [[nodiscard]] Status commit_move(const ImageRef& image, const std::string& pool) override;
  [[nodiscard]] Status abort_move(const ImageRef& image, const std::string& pool) override;
  [[nodiscard]] Status resize(const ImageRef& image, std::uint64_t size_bytes) override;
  [[nodiscard]] Status encrypt(const ImageRef& image, const Encryption& encryption) override;
  [[nodiscard]] Result<std::unique_ptr<PlainView>> open_plain(const ImageRef& image,
                                                              const Encryption& encryption) override;
  [[nodiscard]] Status set_limits(const ImageRef& image, const Limits& limits) override;
  [[nodiscard]] Status rename(const ImageRef& image, const std::string& name) override;
  [[nodiscard]] Status remove(const ImageRef& image) override;
  [[nodiscard]] Result<std::size_t> purge_trash(const std::string& pool) override;  // has none
  [[nodiscard]] Result<ImageInfo> info(const ImageRef& image) override;
  [[nodiscard]] Result<bool> in_use(const ImageRef& image) override;  // by nobody
  [[nodiscard]] Status create_snapshot(const SnapshotRef& snapshot) override;
  // Each image is a step that may fail: then those before it stay, as after a kill.
  [[nodiscard]] Status create_snapshots(const std::vector<SnapshotRef>& snapshots) override;
  [[nodiscard]] Status remove_snapshot(const SnapshotRef& snapshot) override;
  [[nodiscard]] Result<std::vector<SnapshotInfo>> snapshots(const ImageRef& image) override;
  [[nodiscard]] Status rename_snapshot(const SnapshotRef& snapshot, const std::string& name) override;
  [[nodiscard]] Status rollback(const SnapshotRef& snapshot) override;
  [[nodiscard]] Result<std::size_t> read(const ImageRef& image, std::uint64_t offset, char* out,
                                         std::size_t length) override;
  [[nodiscard]] Status write(const ImageRef& image, std::uint64_t offset, const char* data,
                             std::size_t length) override;
  [[nodiscard]] Result<std::vector<Extent>> allocated(const ImageRef& image) override;
  [[nodiscard]] Result<std::vector<std::string>> list(const std::string& pool) override;
  [[nodiscard]] Result<std::string> cluster_id() override { return std::string("memory"); }
  [[nodiscard]] Result<PoolInfo> pool_info(const std::string& pool) override;

  // The next `good` calls work, all after them give kUnavailable until heal(): a cluster that dies in
  // between.
  void fail_after(int good);
  void heal();
  [[nodiscard]] Limits limits_of(const ImageRef& image);  // none for an image that is not there
  std::function<void()> in_the_middle;                    // of a flattening
  // What a death in prepare_move() leaves: the image in neither pool.
  void break_prepare(const ImageRef& image, const std::string& pool);

 private:
  friend class MemoryWriter;
  struct Image {
    SparseBytes bytes;
    std::optional<SnapshotRef> parent;
    std::map<std::string, SparseBytes> snapshots;
    Limits limits;
  };
  struct Move {
    MoveState state = MoveState::kPrepared;
    Image hidden;  // kBroken: the image, out of sight
  };
  using Pool = std::map<std::string, Image>;

  [[nodiscard]] Status enter();  // counts the call down; with the mutex held
  [[nodiscard]] Result<Pool*> find_pool(const std::string& name);
  [[nodiscard]] Result<Image*> find_image(const ImageRef& image);
  [[nodiscard]] Result<Image*> new_image(const ImageRef& image);

  [[nodiscard]] Move* find_move(const ImageRef& image, const std::string& pool);

  std::mutex mutex_;
  std::map<std::string, Pool> pools_;
  std::map<std::string, Move> moves_;  // by old pool, new pool and name
  std::optional<int> good_calls_left_;
};

}  // namespace hanok::storage

#include "storage/rbd/rbd_store.h"

#include <list>

#include "common/json.h"
#include "common/log.h"
#include "storage/rbd/image_closer.h"
#include "storage/rbd/long_failing.h"
#include "storage/rbd/rbd_image.h"
#include "storage/rbd/snapshot_turns.h"

namespace hanok::storage {
namespace {

// Within it a guest that writes has read of the last snapshot.
constexpr std::chrono::seconds kPauseBeforeTakingLocks{1};
// Longer than a client that died is taken for one that still has its images open: 30 s.
constexpr std::chrono::seconds kPatience{40};

// Makes an image by `make`, also in place of what a client that died left half-made: its name, without a
// header that could be opened. RBD answers such a name as one that is there, or as a part that is missing.
template <typename Make>
int make_image(librbd::RBD& rbd, librados::IoCtx& io, const std::string& name, const Make& make) {
  const int code = make();
  if (code != -EEXIST && code != -ENOENT) return code;
  {
    librbd::Image image;
    if (rbd.open_read_only(io, image, name.c_str(), nullptr) != -ENOENT) return code;
  }
  return rbd.remove(io, name.c_str()) < 0 ? code : make();
}

// But for the hidden ones, on which clones live whose snapshot was removed.
Result<std::vector<SnapshotInfo>> visible_snapshots(librbd::Image& image, const ImageRef& ref) {
  std::vector<librbd::snap_info_t> all;
  if (const int code = image.snap_list(all); code < 0) return rbd_error(code, "Snapshots of " + display(ref));
  std::vector<SnapshotInfo> out;
  for (auto& one : all) {
    librbd::snap_namespace_type_t kind = RBD_SNAP_NAMESPACE_TYPE_USER;
    static_cast<void>(image.snap_get_namespace_type(one.id, &kind));
    if (kind == RBD_SNAP_NAMESPACE_TYPE_USER) out.push_back({std::move(one.name), one.size});
  }
  return out;
}

class RbdStore final : public BlockStore {
 public:
  explicit RbdStore(RbdOptions options) : cluster_(std::move(options)) {}

  Status create(const ImageRef& image, std::uint64_t size_bytes) override {
    HANOK_TRY(pool, cluster_.pool(image.pool));
    librbd::ImageOptions options;
    const auto make = [&] { return rbd_.create4(pool.io, image.name.c_str(), size_bytes, options); };
    return status(make_image(rbd_, pool.io, image.name, make), "Creation of " + display(image));
  }

  Result<std::unique_ptr<ImageWriter>> create_for_write(const ImageRef& image) override {
    HANOK_CHECK(create(image, 0));
    return open_writer(cluster_, image);
  }

  Status clone(const SnapshotRef& parent, const ImageRef& child) override {
    HANOK_TRY(from, cluster_.pool(parent.image.pool));
    HANOK_TRY(to, cluster_.pool(child.pool));
    librbd::ImageOptions options;
    options.set(RBD_IMAGE_OPTION_CLONE_FORMAT, std::uint64_t{2});
    const auto make = [&] {
      return rbd_.clone3(from.io, parent.image.name.c_str(), parent.snapshot.c_str(), to.io,
                         child.name.c_str(), options);
    };
    return status(make_image(rbd_, to.io, child.name, make),
                  "Clone of " + display(parent.image) + "@" + parent.snapshot);
  }

  Status flatten(const ImageRef& image, const Progress& progress) override {
    return flatten_image(cluster_, image, progress);
  }

  Result<MoveState> move_state(const ImageRef& image, const std::string& pool) override {
    return storage::move_state(cluster_, image, pool);
  }
  Status prepare_move(const ImageRef& image, const std::string& pool) override {
    const auto turn = turn_of(image);
    return noted(image, storage::prepare_move(cluster_, image, pool));
  }
  Status copy_move(const ImageRef& image, const std::string& pool, const Progress& progress) override {
    return storage::copy_move(cluster_, image, pool, progress);
  }
  Status commit_move(const ImageRef& image, const std::string& pool) override {
    return storage::commit_move(cluster_, image, pool);
  }
  Status abort_move(const ImageRef& image, const std::string& pool) override {
    return storage::abort_move(cluster_, image, pool);
  }

  Status resize(const ImageRef& image, std::uint64_t size_bytes) override {
    HANOK_TRY(open, open_image(cluster_, image, OpenMode::kReadWrite));
    return status(open->image.resize(size_bytes), "Resize of " + display(image));
  }

  Status encrypt(const ImageRef& image, const Encryption& encryption) override {
    return encrypt_image(cluster_, image, encryption);
  }
  Result<std::unique_ptr<PlainView>> open_plain(const ImageRef& image,
                                                const Encryption& encryption) override {
    return storage::open_plain(cluster_, image, encryption);
  }

  Status set_limits(const ImageRef& image, const Limits& limits) override {
    return set_image_limits(cluster_, image, limits);
  }

  Status rename(const ImageRef& image, const std::string& name) override {
    HANOK_TRY(pool, cluster_.pool(image.pool));
    return status(rbd_.rename(pool.io, image.name.c_str(), name.c_str()), "Renaming of " + display(image));
  }

  Status remove(const ImageRef& image) override {
    const auto turn = turn_of(image);
    return noted(image, remove_image(cluster_, image));
  }

  Result<std::size_t> purge_trash(const std::string& pool) override {
    return purge_pool_trash(cluster_, pool);
  }

  Result<ImageInfo> info(const ImageRef& image) override {
    HANOK_TRY(open, open_image(cluster_, image, OpenMode::kReadOnly));
    ImageInfo out;
    HANOK_CHECK(status(open->image.size(&out.size_bytes), "Size of " + display(image)));
    librbd::linked_image_spec_t parent;
    librbd::snap_spec_t snapshot;
    if (open->image.get_parent(&parent, &snapshot) == 0) {
      out.parent = SnapshotRef{{parent.pool_name, parent.image_name}, snapshot.name};
    }
    HANOK_TRY(snapshots, visible_snapshots(open->image, image));
    for (auto& one : snapshots) out.snapshots.push_back(std::move(one.name));
    return out;
  }

  // Who looks only, as we do here, is no watcher.
  Result<bool> in_use(const ImageRef& image) override {
    const auto turn = turn_of(image);
    HANOK_TRY(open, open_image(cluster_, image, OpenMode::kReadOnly));
    std::list<librbd::image_watcher_t> watchers;
    HANOK_CHECK(status(open->image.list_watchers(watchers), "Watchers of " + display(image)));
    return !watchers.empty();
  }

  Status create_snapshot(const SnapshotRef& snapshot) override {
    auto turn = turn_of(snapshot.image);
    HANOK_TRY(open, create_image_snapshot(cluster_, snapshot));
    closer_.close(std::move(open), std::move(turn));
    return {};
  }

  Status create_snapshots(const std::vector<SnapshotRef>& snapshots) override {
    std::vector<ImageRef> images;
    for (const SnapshotRef& one : snapshots) images.push_back(one.image);
    const auto turn = turns_.begin(images, SnapshotTurns::Takes::kLock);
    return create_snapshots_at_once(cluster_, snapshots);
  }

  Status remove_snapshot(const SnapshotRef& snapshot) override {
    auto turn = turn_of(snapshot.image);
    HANOK_TRY(open, remove_image_snapshot(cluster_, snapshot));
    closer_.close(std::move(open), std::move(turn));
    return {};
  }

  Result<std::vector<SnapshotInfo>> snapshots(const ImageRef& image) override {
    HANOK_TRY(open, open_image(cluster_, image, OpenMode::kReadOnly));
    return visible_snapshots(open->image, image);
  }

  Status rename_snapshot(const SnapshotRef& snapshot, const std::string& name) override {
    HANOK_TRY(open, open_image(cluster_, snapshot.image, OpenMode::kReadWrite));
    return status(open->image.snap_rename(snapshot.snapshot.c_str(), name.c_str()),
                  "Renaming of snapshot " + snapshot.snapshot + " of " + display(snapshot.image));
  }

  Status rollback(const SnapshotRef& snapshot) override {
    HANOK_TRY(open, open_image(cluster_, snapshot.image, OpenMode::kReadWrite));
    return status(open->image.snap_rollback(snapshot.snapshot.c_str()),
                  "Rollback of " + display(snapshot.image) + " to " + snapshot.snapshot);
  }

  Result<std::size_t> read(const ImageRef& image, std::uint64_t offset, char* out,
                           std::size_t length) override {
    HANOK_TRY(open, open_image(cluster_, image, OpenMode::kReadOnly));
    std::uint64_t size = 0;
    HANOK_CHECK(status(open->image.size(&size), "Size of " + display(image)));
    if (offset >= size) return std::size_t{0};
    const std::size_t part = std::min<std::uint64_t>(length, size - offset);
    ceph::bufferlist bytes;
    const ssize_t got = open->image.read(offset, part, bytes);
    if (got < 0) return rbd_error(static_cast<int>(got), "Read of " + display(image));
    bytes.begin().copy(static_cast<unsigned>(got), out);
    return static_cast<std::size_t>(got);
  }

  Status write(const ImageRef& image, std::uint64_t offset, const char* data, std::size_t length) override {
    HANOK_TRY(open, open_image(cluster_, image, OpenMode::kReadWrite));
    ceph::bufferlist bytes;
    bytes.append(data, static_cast<unsigned>(length));
    const ssize_t done = open->image.write(offset, length, bytes);
    HANOK_CHECK(status(static_cast<int>(std::min<ssize_t>(done, 0)), "Write to " + display(image)));
    return status(open->image.flush(), "Flush of " + display(image));
  }

  Result<std::vector<Extent>> allocated(const ImageRef& image) override {
    HANOK_TRY(open, open_image(cluster_, image, OpenMode::kReadOnly));
    std::uint64_t size = 0;
    HANOK_CHECK(status(open->image.size(&size), "Size of " + display(image)));
    std::vector<Extent> out;
    const auto note = [](std::uint64_t offset, std::size_t length, int exists, void* list) {
      if (exists != 0) static_cast<std::vector<Extent>*>(list)->push_back({offset, length});
      return 0;
    };
    HANOK_CHECK(status(open->image.diff_iterate2(nullptr, 0, size, true, true, note, &out),
                       "Extents of " + display(image)));
    return out;
  }

  Result<std::vector<std::string>> list(const std::string& pool_name) override {
    HANOK_TRY(pool, cluster_.pool(pool_name));
    std::vector<librbd::image_spec_t> images;
    HANOK_CHECK(status(rbd_.list2(pool.io, &images), "List of pool " + pool_name));
    std::vector<std::string> out;
    for (auto& image : images) out.push_back(std::move(image.name));
    return out;
  }

  Result<std::string> cluster_id() override { return cluster_.id(); }

  Result<PoolInfo> pool_info(const std::string& pool_name) override {
    HANOK_TRY(pool, cluster_.pool(pool_name));
    librados::cluster_stat_t stat{};
    HANOK_CHECK(status(pool.rados->cluster_stat(stat), "Statistics of the cluster"));
    PoolInfo out{.total_bytes = stat.kb * 1024, .free_bytes = stat.kb_avail * 1024};
    ceph::bufferlist answer;
    const std::string ask = R"({"prefix": "df", "format": "json"})";
    HANOK_CHECK(status(pool.rados->mon_command(ask, {}, &answer, nullptr), "Statistics of the pools"));
    HANOK_TRY(told, parse_json(answer.to_str()));
    for (const Json& one : told.value("pools", Json::array())) {
      if (one.value("name", "") != pool_name) continue;
      const Json stats = one.value("stats", Json::object());
      out.stored_bytes = stats.value("stored", std::uint64_t{0});
      out.available_bytes = stats.value("max_avail", std::uint64_t{0});
    }
    return out;
  }

 private:
  // Without it, what we make a snapshot of ourselves, or close after one, would be in use.
  SnapshotTurns::Turn turn_of(const ImageRef& image) {
    return turns_.begin({image}, SnapshotTurns::Takes::kTurn);
  }

  // A failure that lasts is looked into, for the next try.
  Status noted(const ImageRef& image, Status done) {
    if (done.ok() || done.error().code == ErrorCode::kNotFound) {
      long_failing_.done(image);
    } else if (long_failing_.failed(image, LongFailing::Clock::now())) {
      const Status repaired = repair_image(cluster_, image);
      spdlog::info("[-] image {} fails for long; what a client that died may have left of it: {}",
                   display(image), repaired.ok() ? "taken up" : repaired.error().message);
    }
    return done;
  }

  Status status(int code, const std::string& what) {
    if (code >= 0) return {};
    if (code == -ESHUTDOWN) cluster_.drop();
    return rbd_error(code, what);
  }

  Cluster cluster_;
  librbd::RBD rbd_;
  SnapshotTurns turns_{kPauseBeforeTakingLocks};
  LongFailing long_failing_{kPatience};
  ImageCloser closer_;
};

}  // namespace

std::unique_ptr<BlockStore> open_rbd_store(RbdOptions options) {
  return std::make_unique<RbdStore>(std::move(options));
}

std::unique_ptr<BlockStore> open_rbd_store(const std::string& conf_path, const std::string& client) {
  RbdOptions options;
  options.conf_path = conf_path;
  if (!client.empty()) options.client = client;
  return open_rbd_store(std::move(options));
}

}  // namespace hanok::storage

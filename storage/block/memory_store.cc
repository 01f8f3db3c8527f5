#include "storage/block/memory_store.h"

#include <algorithm>

namespace hanok::storage {

class MemoryWriter final : public ImageWriter {
 public:
  MemoryWriter(MemoryStore& store, ImageRef image) : store_(store), image_(std::move(image)) {}
  ~MemoryWriter() override {
    if (!finished_) static_cast<void>(store_.remove(image_));
  }
  Status write(const char* data, std::size_t length) override {
    const std::lock_guard lock(store_.mutex_);
    HANOK_CHECK(store_.enter());
    HANOK_TRY(image, store_.find_image(image_));
    image->bytes.write(image->bytes.size(), data, length);
    return {};
  }
  Status finish() override {
    const std::lock_guard lock(store_.mutex_);
    HANOK_CHECK(store_.enter());
    finished_ = true;
    return {};
  }

 private:
  MemoryStore& store_;
  ImageRef image_;
  bool finished_ = false;
};

MemoryStore::MemoryStore(const std::vector<std::string>& pools) {
  for (const auto& pool : pools) pools_[pool];
}

void MemoryStore::fail_after(int good) {
  const std::lock_guard lock(mutex_);
  good_calls_left_ = good;
}

void MemoryStore::heal() {
  const std::lock_guard lock(mutex_);
  good_calls_left_.reset();
}

Status MemoryStore::enter() {
  if (!good_calls_left_) return {};
  if (*good_calls_left_ <= 0) return unavailable("The storage cluster does not answer.");
  --*good_calls_left_;
  return {};
}

Result<MemoryStore::Pool*> MemoryStore::find_pool(const std::string& name) {
  const auto it = pools_.find(name);
  if (it == pools_.end()) return not_found("There is no pool " + name + ".");
  return &it->second;
}

Result<MemoryStore::Image*> MemoryStore::find_image(const ImageRef& image) {
  HANOK_TRY(pool, find_pool(image.pool));
  const auto it = pool->find(image.name);
  if (it == pool->end()) return not_found("There is no image " + display(image) + ".");
  return &it->second;
}

Result<MemoryStore::Image*> MemoryStore::new_image(const ImageRef& image) {
  HANOK_TRY(pool, find_pool(image.pool));
  const auto [it, fresh] = pool->try_emplace(image.name);
  if (!fresh) return conflict("Image " + display(image) + " exists.");
  return &it->second;
}

Status MemoryStore::create(const ImageRef& image, std::uint64_t size_bytes) {
  const std::lock_guard lock(mutex_);
  HANOK_CHECK(enter());
  HANOK_TRY(made, new_image(image));
  made->bytes.resize(size_bytes);
  return {};
}

Result<std::unique_ptr<ImageWriter>> MemoryStore::create_for_write(const ImageRef& image) {
  const std::lock_guard lock(mutex_);
  HANOK_CHECK(enter());
  HANOK_CHECK(new_image(image));
  return std::unique_ptr<ImageWriter>(std::make_unique<MemoryWriter>(*this, image));
}

Status MemoryStore::clone(const SnapshotRef& parent, const ImageRef& child) {
  const std::lock_guard lock(mutex_);
  HANOK_CHECK(enter());
  HANOK_TRY(from, find_image(parent.image));
  const auto snapshot = from->snapshots.find(parent.snapshot);
  if (snapshot == from->snapshots.end()) return not_found("There is no snapshot " + parent.snapshot + ".");
  const SparseBytes bytes = snapshot->second;
  const Limits limits = from->limits;
  HANOK_TRY(made, new_image(child));
  made->bytes = bytes;
  made->parent = parent;
  made->limits = limits;
  return {};
}

Status MemoryStore::flatten(const ImageRef& image, const Progress& progress) {
  const std::lock_guard lock(mutex_);
  HANOK_CHECK(enter());
  HANOK_TRY(found, find_image(image));
  if (in_the_middle) in_the_middle();
  if (progress && found->parent && !progress(1, 2)) return conflict("The flattening was cancelled.");
  found->parent.reset();
  return {};
}

Status MemoryStore::resize(const ImageRef& image, std::uint64_t size_bytes) {
  const std::lock_guard lock(mutex_);
  HANOK_CHECK(enter());
  HANOK_TRY(found, find_image(image));
  found->bytes.resize(size_bytes);
  return {};
}

Status MemoryStore::set_limits(const ImageRef& image, const Limits& limits) {
  const std::lock_guard lock(mutex_);
  HANOK_CHECK(enter());
  HANOK_TRY(found, find_image(image));
  found->limits = limits;
  return {};
}

Limits MemoryStore::limits_of(const ImageRef& image) {
  const std::lock_guard lock(mutex_);
  auto found = find_image(image);
  return found.ok() ? (*found)->limits : Limits{};
}

Status MemoryStore::rename(const ImageRef& image, const std::string& name) {
  const std::lock_guard lock(mutex_);
  HANOK_CHECK(enter());
  HANOK_CHECK(find_image(image));
  Pool& pool = pools_[image.pool];
  if (pool.contains(name)) return conflict("Image " + image.pool + "/" + name + " exists.");
  auto node = pool.extract(image.name);
  node.key() = name;
  pool.insert(std::move(node));
  return {};
}

Status MemoryStore::remove(const ImageRef& image) {
  const std::lock_guard lock(mutex_);
  HANOK_CHECK(enter());
  HANOK_CHECK(find_image(image));
  pools_[image.pool].erase(image.name);
  return {};
}

Result<std::size_t> MemoryStore::purge_trash(const std::string& pool) {
  const std::lock_guard lock(mutex_);
  HANOK_CHECK(enter());
  HANOK_CHECK(find_pool(pool));
  return std::size_t{0};
}

Result<ImageInfo> MemoryStore::info(const ImageRef& image) {
  const std::lock_guard lock(mutex_);
  HANOK_CHECK(enter());
  HANOK_TRY(found, find_image(image));
  ImageInfo out{.size_bytes = found->bytes.size(), .parent = found->parent, .snapshots = {}};
  for (const auto& [name, bytes] : found->snapshots) out.snapshots.push_back(name);
  return out;
}

Result<bool> MemoryStore::in_use(const ImageRef& image) {
  const std::lock_guard lock(mutex_);
  HANOK_CHECK(enter());
  HANOK_TRY(found, find_image(image));
  static_cast<void>(found);
  return false;
}

Status MemoryStore::create_snapshot(const SnapshotRef& snapshot) {
  const std::lock_guard lock(mutex_);
  HANOK_CHECK(enter());
  HANOK_TRY(found, find_image(snapshot.image));
  if (!found->snapshots.emplace(snapshot.snapshot, found->bytes).second) {
    return conflict("Snapshot " + snapshot.snapshot + " exists.");
  }
  return {};
}

Status MemoryStore::create_snapshots(const std::vector<SnapshotRef>& snapshots) {
  const std::lock_guard lock(mutex_);
  for (const SnapshotRef& snapshot : snapshots) {
    HANOK_TRY(found, find_image(snapshot.image));
    if (found->snapshots.contains(snapshot.snapshot)) {
      return conflict("Snapshot " + snapshot.snapshot + " exists.");
    }
  }
  for (const SnapshotRef& snapshot : snapshots) {
    HANOK_CHECK(enter());
    HANOK_TRY(found, find_image(snapshot.image));
    found->snapshots.emplace(snapshot.snapshot, found->bytes);
  }
  return {};
}

Status MemoryStore::remove_snapshot(const SnapshotRef& snapshot) {
  const std::lock_guard lock(mutex_);
  HANOK_CHECK(enter());
  HANOK_TRY(found, find_image(snapshot.image));
  if (found->snapshots.erase(snapshot.snapshot) == 0) {
    return not_found("There is no snapshot " + snapshot.snapshot + ".");
  }
  return {};
}

Result<std::vector<SnapshotInfo>> MemoryStore::snapshots(const ImageRef& image) {
  const std::lock_guard lock(mutex_);
  HANOK_CHECK(enter());
  HANOK_TRY(found, find_image(image));
  std::vector<SnapshotInfo> out;
  for (const auto& [name, bytes] : found->snapshots) out.push_back({name, bytes.size()});
  return out;
}

Status MemoryStore::rename_snapshot(const SnapshotRef& snapshot, const std::string& name) {
  const std::lock_guard lock(mutex_);
  HANOK_CHECK(enter());
  HANOK_TRY(found, find_image(snapshot.image));
  if (!found->snapshots.contains(snapshot.snapshot)) {
    return not_found("There is no snapshot " + snapshot.snapshot + ".");
  }
  if (found->snapshots.contains(name)) return conflict("Snapshot " + name + " exists.");
  auto node = found->snapshots.extract(snapshot.snapshot);
  node.key() = name;
  found->snapshots.insert(std::move(node));
  return {};
}

Status MemoryStore::rollback(const SnapshotRef& snapshot) {
  const std::lock_guard lock(mutex_);
  HANOK_CHECK(enter());
  HANOK_TRY(found, find_image(snapshot.image));
  const auto it = found->snapshots.find(snapshot.snapshot);
  if (it == found->snapshots.end()) return not_found("There is no snapshot " + snapshot.snapshot + ".");
  found->bytes = it->second;
  return {};
}

Result<std::size_t> MemoryStore::read(const ImageRef& image, std::uint64_t offset, char* out,
                                      std::size_t length) {
  const std::lock_guard lock(mutex_);
  HANOK_CHECK(enter());
  HANOK_TRY(found, find_image(image));
  return found->bytes.read(offset, out, length);
}

Status MemoryStore::write(const ImageRef& image, std::uint64_t offset, const char* data, std::size_t length) {
  const std::lock_guard lock(mutex_);
  HANOK_CHECK(enter());
  HANOK_TRY(found, find_image(image));
  if (offset + length > found->bytes.size())
    return bad_request("The write goes beyond the end of the image.");
  found->bytes.write(offset, data, length);
  return {};
}

Result<std::vector<Extent>> MemoryStore::allocated(const ImageRef& image) {
  const std::lock_guard lock(mutex_);
  HANOK_CHECK(enter());
  HANOK_TRY(found, find_image(image));
  std::vector<Extent> out;
  const std::uint64_t end = found->bytes.size();
  found->bytes.for_blocks([&](std::uint64_t offset) {
    out.push_back({offset, std::min(SparseBytes::kBlock_bytes, end - offset)});
  });
  return out;
}

Result<std::vector<std::string>> MemoryStore::list(const std::string& pool) {
  const std::lock_guard lock(mutex_);
  HANOK_CHECK(enter());
  HANOK_TRY(found, find_pool(pool));
  std::vector<std::string> out;
  for (const auto& [name, image] : *found) out.push_back(name);
  return out;
}

Result<PoolInfo> MemoryStore::pool_info(const std::string& pool) {
  const std::lock_guard lock(mutex_);
  HANOK_CHECK(enter());
  HANOK_TRY(found, find_pool(pool));
  PoolInfo out{.total_bytes = 1ULL << 40U, .free_bytes = 1ULL << 40U};
  for (const auto& [name, image] : *found) out.stored_bytes += image.bytes.size();
  out.free_bytes -= out.stored_bytes;
  out.available_bytes = out.free_bytes;
  return out;
}

}  // namespace hanok::storage

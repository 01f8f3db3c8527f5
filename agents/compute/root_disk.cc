#include "agents/compute/root_disk.h"

#include <algorithm>

namespace hanok::agent {
namespace {

constexpr std::uint64_t kGib = 1ULL << 30U;
constexpr const char* kImageSnapshot = "snap";

// Idempotence: what is there already, or gone already, is what was wanted.
Status unless(Status status, ErrorCode fine) {
  return !status.ok() && status.error().code == fine ? Status{} : status;
}

}  // namespace

Status RootDisks::prepare(const RootDisk& disk) {
  const auto there = store_.info(disk.disk);
  if (!there.ok()) {
    if (there.error().code != ErrorCode::kNotFound) return there.error();
    if (disk.format == "raw") {
      HANOK_CHECK(unless(store_.clone(disk.source, disk.disk), ErrorCode::kConflict));
    } else {
      HANOK_CHECK(convert_whole(disk));
    }
  }
  return grow(disk);
}

Status RootDisks::grow(const RootDisk& disk) {
  HANOK_TRY(info, store_.info(disk.disk));
  const std::uint64_t wanted = static_cast<std::uint64_t>(std::max<std::int64_t>(disk.size_gib, 0)) * kGib;
  if (info.size_bytes >= wanted) return {};
  return store_.resize(disk.disk, wanted);
}

// A conversion that was broken off leaves half a disk: it is written under another name and takes its own by
// a clone, which is there whole or not at all.
Status RootDisks::convert_whole(const RootDisk& disk) {
  const storage::ImageRef part{disk.disk.pool, disk.disk.name + ".part"};
  HANOK_CHECK(unless(store_.remove(part), ErrorCode::kNotFound));
  HANOK_CHECK(converter_.convert(disk.source, disk.format, part));
  HANOK_CHECK(store_.create_snapshot({part, kImageSnapshot}));
  HANOK_CHECK(unless(store_.clone({part, kImageSnapshot}, disk.disk), ErrorCode::kConflict));
  HANOK_CHECK(store_.flatten(disk.disk));
  return unless(store_.remove(part), ErrorCode::kNotFound);
}

Status RootDisks::remove(const storage::ImageRef& disk) {
  HANOK_CHECK(unless(store_.remove({disk.pool, disk.name + ".part"}), ErrorCode::kNotFound));
  return unless(store_.remove(disk), ErrorCode::kNotFound);
}

Result<std::uint64_t> RootDisks::upload(const storage::ImageRef& disk, const storage::ImageRef& target) {
  const storage::SnapshotRef moment{disk, "upload-" + target.name};
  auto there = store_.info(target);
  if (!there.ok() && there.error().code != ErrorCode::kNotFound) return there.take_error();
  if (!there.ok()) {
    HANOK_CHECK(unless(store_.create_snapshot(moment), ErrorCode::kConflict));
    HANOK_CHECK(unless(store_.clone(moment, target), ErrorCode::kConflict));
    there = store_.info(target);
    if (!there.ok()) return there.take_error();
  }
  if (there->parent) HANOK_CHECK(store_.flatten(target));
  HANOK_CHECK(unless(store_.remove_snapshot(moment), ErrorCode::kNotFound));
  if (std::find(there->snapshots.begin(), there->snapshots.end(), kImageSnapshot) == there->snapshots.end()) {
    HANOK_CHECK(unless(store_.create_snapshot({target, kImageSnapshot}), ErrorCode::kConflict));
  }
  return there->size_bytes;
}

}  // namespace hanok::agent

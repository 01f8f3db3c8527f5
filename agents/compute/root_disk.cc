#include "agents/compute/root_disk.h"

#include <algorithm>

namespace hanok::agent {
namespace {

constexpr std::uint64_t kGib = 1ULL << 30U;

// Idempotence: what is there already, or gone already, is what was wanted.
Status unless(const Status& status, ErrorCode fine) {
  return !status.ok() && status.error().code == fine ? Status{} : status;
}

}  // namespace

Status RootDisks::prepare(const RootDisk& disk) {
  auto there = store_.info(disk.disk);
  if (!there.ok() && there.error().code != ErrorCode::kNotFound) return there.take_error();
  bool make = !there.ok();
  if (there.ok() && disk.format == "raw" && !there->parent) {
    // A clone that was broken off before it got its parent would be read as zeros.
    HANOK_TRY(source, store_.info(disk.source.image));
    make = there->size_bytes == source.size_bytes;
  }
  if (make) {
    // What a removal or a clone that was broken off may have left would be in the way.
    HANOK_CHECK(remove(disk.disk));
    HANOK_CHECK(disk.format == "raw" ? store_.clone(disk.source, disk.disk) : convert_whole(disk));
  }
  return grow(disk);
}

Status RootDisks::grow(const RootDisk& disk) {
  HANOK_TRY(info, store_.info(disk.disk));
  const std::uint64_t wanted = static_cast<std::uint64_t>(std::max<std::int64_t>(disk.size_gib, 0)) * kGib;
  if (info.size_bytes >= wanted) return {};
  return store_.resize(disk.disk, wanted);
}

// A conversion that was broken off leaves half a disk: it is written under another name and takes its own at
// the end.
Status RootDisks::convert_whole(const RootDisk& disk) {
  const storage::ImageRef part{disk.disk.pool, disk.disk.name + ".part"};
  HANOK_CHECK(storage::check_self_contained(store_, disk.source.image, disk.format));
  HANOK_CHECK(converter_.convert(disk.source, disk.format, part));
  return store_.rename(part, disk.disk.name);
}

Status RootDisks::remove(const storage::ImageRef& disk) {
  HANOK_CHECK(unless(store_.remove({disk.pool, disk.name + ".part"}), ErrorCode::kNotFound));
  return unless(store_.remove(disk), ErrorCode::kNotFound);
}

}  // namespace hanok::agent

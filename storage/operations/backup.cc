#include "storage/operations/backup.h"

#include <fmt/format.h>

#include <algorithm>

#include "storage/operations/operations.h"

namespace hanok::storage {
namespace {

// What is read from while the backup is made: a clone of the volume as it was at one moment.
ImageRef source_of(const BackupSpec& spec) {
  return {spec.backup.pool, spec.backup.name + ".source"};
}

SnapshotRef snapshot_of(const BackupSpec& spec) {
  return {spec.volume, spec.snapshot.empty() ? spec.backup.name : spec.snapshot};
}

Status drop_source(BlockStore& store, const BackupSpec& spec) {
  HANOK_CHECK(unless_gone(store.remove(source_of(spec))));
  return spec.snapshot.empty() ? unless_gone(store.remove_snapshot(snapshot_of(spec))) : Status();
}

// Which extents hold anything.
Result<std::vector<bool>> occupied(BlockStore& store, const ImageRef& image, std::uint64_t extents) {
  HANOK_TRY(areas, store.allocated(image));
  std::vector<bool> out(extents, false);
  for (const Extent& area : areas) {
    if (area.length == 0) continue;
    const std::uint64_t last = (area.offset + area.length - 1) / kBackupExtent_bytes;
    for (std::uint64_t i = area.offset / kBackupExtent_bytes; i <= last && i < extents; ++i) out[i] = true;
  }
  return out;
}

class Copy {
 public:
  Copy(BlockStore& store, ImageRef source, ImageWriter& writer, const BackupManifest* parent)
      : store_(store), source_(std::move(source)), writer_(writer), parent_(parent) {}

  Status run(const std::string& own_name) {
    HANOK_TRY(info, store_.info(source_));
    manifest_.size_bytes = info.size_bytes;
    manifest_.owners = {own_name};
    if (parent_ != nullptr) {
      manifest_.owners.insert(manifest_.owners.end(), parent_->owners.begin(), parent_->owners.end());
    }
    const std::uint64_t extents = (info.size_bytes + kBackupExtent_bytes - 1) / kBackupExtent_bytes;
    HANOK_TRY(busy, occupied(store_, source_, extents));
    for (std::uint64_t i = 0; i < extents; ++i) {
      if (!busy[i]) {
        manifest_.extents.emplace_back();
      } else {
        HANOK_CHECK(add(i));
      }
    }
    const std::string end = encode_manifest(manifest_, position_);
    return writer_.write(end.data(), end.size());
  }

 private:
  Status add(std::uint64_t index) {
    const std::uint64_t offset = index * kBackupExtent_bytes;
    buffer_.resize(std::min(kBackupExtent_bytes, manifest_.size_bytes - offset));
    HANOK_TRY(got, store_.read(source_, offset, buffer_.data(), buffer_.size()));
    if (got != buffer_.size()) return unavailable("The volume was cut off while it was read.");
    BackupExtent extent;
    if (buffer_.find_first_not_of('\0') != std::string::npos) {
      extent.digest = digest_of(buffer_.data(), buffer_.size());
      extent.length = static_cast<std::uint32_t>(buffer_.size());
      if (!inherit(index, extent)) HANOK_CHECK(store(extent));
    }
    manifest_.extents.push_back(extent);
    return {};
  }

  // The same bytes are in the chain already.
  bool inherit(std::uint64_t index, BackupExtent& extent) const {
    if (parent_ == nullptr || index >= parent_->extents.size()) return false;
    const BackupExtent& before = parent_->extents[index];
    if (before.length != extent.length || before.digest != extent.digest) return false;
    extent.owner = before.owner + 1;
    extent.position = before.position;
    return true;
  }

  Status store(BackupExtent& extent) {
    extent.position = position_;
    position_ += buffer_.size();
    return writer_.write(buffer_.data(), buffer_.size());
  }

  BlockStore& store_;
  const ImageRef source_;
  ImageWriter& writer_;
  const BackupManifest* parent_;
  BackupManifest manifest_;
  std::string buffer_;
  std::uint64_t position_ = 0;
};

// Written under another name, so that half a backup is never taken for one.
Status write_backup(BlockStore& store, const BackupSpec& spec) {
  const ImageRef partial = partial_image(spec.backup);
  const ImageRef source = source_of(spec);
  std::optional<BackupManifest> parent;
  if (spec.parent) {
    HANOK_TRY(read, read_manifest(store, *spec.parent));
    parent = std::move(read);
  }
  HANOK_CHECK(unless_gone(store.remove(partial)));  // of an interrupted attempt
  if (spec.snapshot.empty()) HANOK_CHECK(unless_exists(store.create_snapshot(snapshot_of(spec))));
  HANOK_CHECK(unless_gone(store.remove(source)));  // half a clone would read as zeroes
  const Status cloned = store.clone(snapshot_of(spec), source);
  HANOK_CHECK(spec.snapshot.empty() ? surely_there(cloned) : cloned);
  HANOK_CHECK(store.set_limits(source, {}));  // those of the volume came along
  {
    HANOK_TRY(writer, store.create_for_write(partial));
    HANOK_CHECK(Copy(store, source, *writer, parent ? &*parent : nullptr).run(spec.backup.name));
    HANOK_CHECK(writer->finish());
  }
  return store.rename(partial, spec.backup.name);
}

Status read_extent(BlockStore& store, const std::string& pool, const BackupManifest& manifest,
                   std::size_t index, std::string& out) {
  const BackupExtent& extent = manifest.extents[index];
  const std::string& owner = manifest.owners[extent.owner];
  out.resize(extent.length);
  HANOK_TRY(got, store.read({pool, owner}, extent.position, out.data(), out.size()));
  if (got == out.size() && digest_of(out.data(), out.size()) == extent.digest) return {};
  return bad_request(
      fmt::format("The backup is damaged: the checksum of extent {} (in image {}) is wrong.", index, owner));
}

}  // namespace

Result<BackupResult> create_backup(BlockStore& store, const BackupSpec& spec) {
  auto found = store.info(spec.backup);
  if (!found.ok() && found.error().code != ErrorCode::kNotFound) return found.take_error();
  if (!found.ok()) HANOK_CHECK(write_backup(store, spec));
  HANOK_CHECK(drop_source(store, spec));
  HANOK_TRY(info, store.info(spec.backup));
  HANOK_TRY(manifest, read_manifest(store, spec.backup));
  const auto stored =
      std::count_if(manifest.extents.begin(), manifest.extents.end(),
                    [](const BackupExtent& extent) { return extent.length != 0 && extent.owner == 0; });
  return BackupResult{.stored_bytes = info.size_bytes, .objects = static_cast<std::uint64_t>(stored)};
}

Status restore_backup(BlockStore& store, const ImageRef& backup, const ImageRef& volume,
                      std::uint64_t size_bytes) {
  HANOK_TRY(manifest, read_manifest(store, backup));
  std::string bytes;
  for (std::size_t i = 0; i < manifest.extents.size(); ++i) {
    if (manifest.extents[i].length != 0) HANOK_CHECK(read_extent(store, backup.pool, manifest, i, bytes));
  }
  HANOK_CHECK(unless_exists(store.create(volume, 0)));
  // To nothing and back: all that was there is zeroes, and takes no room.
  HANOK_CHECK(store.resize(volume, 0));
  HANOK_CHECK(store.resize(volume, std::max(size_bytes, manifest.size_bytes)));
  for (std::size_t i = 0; i < manifest.extents.size(); ++i) {
    if (manifest.extents[i].length == 0) continue;
    HANOK_CHECK(read_extent(store, backup.pool, manifest, i, bytes));
    HANOK_CHECK(store.write(volume, i * kBackupExtent_bytes, bytes.data(), bytes.size()));
  }
  return {};
}

Status delete_backup(BlockStore& store, const BackupSpec& spec) {
  HANOK_CHECK(unless_gone(store.remove(partial_image(spec.backup))));
  HANOK_CHECK(drop_source(store, spec));
  return unless_gone(store.remove(spec.backup));
}

}  // namespace hanok::storage

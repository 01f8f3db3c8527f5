#include <algorithm>
#include <array>
#include <string_view>

#include "storage/operations/operations.h"

namespace hanok::storage {
namespace {

Result<bool> exists(BlockStore& store, const ImageRef& image) {
  auto info = store.info(image);
  if (info.ok()) return true;
  if (info.error().code == ErrorCode::kNotFound) return false;
  return info.take_error();
}

// Written under another name, so that half a copy is never taken for a volume.
Status convert_image(BlockStore& store, Converter& converter, const ImageRef& volume,
                     const VolumeSource& source) {
  const ImageRef partial = partial_image(volume);
  HANOK_CHECK(check_self_contained(store, source.image, source.format));
  HANOK_CHECK(unless_gone(store.remove(partial)));  // of an interrupted attempt
  HANOK_CHECK(converter.convert({source.image, source.snapshot}, source.format, partial));
  return store.rename(partial, volume.name);
}

Status clone_volume(BlockStore& store, const ImageRef& volume, const ImageRef& source) {
  const SnapshotRef snapshot = clone_snapshot(source, volume);
  HANOK_CHECK(unless_exists(store.create_snapshot(snapshot)));
  return surely_there(clone_whole(store, snapshot, volume));
}

Status bring_about(BlockStore& store, Converter& converter, const ImageRef& volume, std::uint64_t size_bytes,
                   const VolumeSource& source) {
  switch (source.type) {
    case VolumeSource::Type::kNone:
      return unless_exists(store.create(volume, size_bytes));
    case VolumeSource::Type::kImage:
      if (source.format != "raw") return convert_image(store, converter, volume, source);
      [[fallthrough]];
    case VolumeSource::Type::kSnapshot:
      return clone_whole(store, {source.image, source.snapshot}, volume);
    case VolumeSource::Type::kVolume:
      return clone_volume(store, volume, source.image);
    case VolumeSource::Type::kManaged:
      return store.rename(source.image, volume.name);
  }
  return {};
}

}  // namespace

Status check_self_contained(BlockStore& store, const ImageRef& image, const std::string& format) {
  if (format != "qcow2") return {};
  std::array<char, 80> header{};
  HANOK_TRY(got, store.read(image, 0, header.data(), header.size()));
  if (got < header.size() || std::string_view(header.data(), 4) != "QFI\xfb") {
    return bad_request("The image is not in qcow2 format.");
  }
  // QEMU's docs/interop/qcow2.txt: backing_file_offset at byte 8, incompatible feature bit 2 at byte 72.
  const bool backing = std::any_of(header.begin() + 8, header.begin() + 16, [](char c) { return c != 0; });
  const bool version3 = header[7] >= 3;
  if (backing || (version3 && (static_cast<unsigned char>(header[79]) & 4U) != 0)) {
    return bad_request("The qcow2 image refers to another file.");
  }
  return {};
}

Status clone_whole(BlockStore& store, const SnapshotRef& snapshot, const ImageRef& child) {
  const ImageRef partial = partial_image(child);
  Status made = store.clone(snapshot, partial);
  if (!made.ok() && made.error().code == ErrorCode::kConflict) {  // of an interrupted attempt
    HANOK_CHECK(unless_gone(store.remove(partial)));
    made = store.clone(snapshot, partial);
  }
  HANOK_CHECK(std::move(made));
  return store.rename(partial, child.name);
}

SnapshotRef clone_snapshot(const ImageRef& source, const ImageRef& child) {
  return {source, "clone-" + child.name};
}

ImageRef partial_image(const ImageRef& volume) {
  return {volume.pool, volume.name + ".part"};
}

Status create_volume(BlockStore& store, Converter& converter, const ImageRef& volume,
                     std::uint64_t size_bytes, const VolumeSource& source) {
  HANOK_TRY(there, exists(store, volume));
  if (!there) HANOK_CHECK(bring_about(store, converter, volume, size_bytes, source));
  if (source.type == VolumeSource::Type::kVolume) {
    HANOK_CHECK(unless_gone(store.remove_snapshot(clone_snapshot(source.image, volume))));
  }
  if (source.type == VolumeSource::Type::kNone && !there) return {};
  return extend_volume(store, volume, size_bytes);
}

}  // namespace hanok::storage

// Encrypted volumes: what goes into them and comes out of them goes through the encryption, extent by extent.
// Made under another name, so that one whose header or bytes are not whole is never taken for a volume.
#include <algorithm>
#include <optional>

#include "storage/operations/operations.h"

namespace hanok::storage {
namespace {

constexpr std::uint64_t kExtent_bytes = 4U << 20U;  // an RBD object: written whole or not at all

// The image's own bytes while they are copied.
ImageRef plain_image(const ImageRef& volume) {
  return {volume.pool, volume.name + ".plain"};
}

// Which extents of a volume may hold anything, in order; its image begins with `header` bytes that are not
// it.
Result<std::vector<std::uint64_t>> extents_of(BlockStore& store, const ImageRef& image,
                                              std::uint64_t header) {
  HANOK_TRY(areas, store.allocated(image));
  std::vector<std::uint64_t> out;
  for (const Extent& area : areas) {
    const std::uint64_t end = area.offset + area.length;
    if (area.length == 0 || end <= header) continue;
    const std::uint64_t first = std::max(area.offset, header) - header;
    for (std::uint64_t at = first / kExtent_bytes; at <= (end - header - 1) / kExtent_bytes; ++at) {
      if (out.empty() || out.back() < at) out.push_back(at);
    }
  }
  return out;
}

Status copy_in(BlockStore& store, const ImageRef& from, const ImageRef& to, const Encryption& encryption) {
  HANOK_TRY(extents, extents_of(store, from, 0));
  HANOK_TRY(view, store.open_plain(to, encryption));
  std::string bytes;
  for (const std::uint64_t extent : extents) {
    const std::uint64_t offset = extent * kExtent_bytes;
    if (offset >= view->size_bytes()) break;
    bytes.assign(std::min(kExtent_bytes, view->size_bytes() - offset), '\0');
    HANOK_TRY(got, store.read(from, offset, bytes.data(), bytes.size()));
    if (std::all_of(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(got),
                    [](char c) { return c == 0; })) {
      continue;
    }
    HANOK_CHECK(view->write(offset, bytes.data(), bytes.size()));
  }
  return view->flush();
}

Status copy_out(BlockStore& store, const ImageRef& from, const ImageRef& to, const Encryption& encryption) {
  HANOK_TRY(extents, extents_of(store, from, header_bytes(encryption.format)));
  HANOK_TRY(view, store.open_plain(from, encryption));
  HANOK_TRY(writer, store.create_for_write(to));
  std::string bytes;
  auto next = extents.begin();
  for (std::uint64_t offset = 0; offset < view->size_bytes(); offset += kExtent_bytes) {
    bytes.assign(std::min(kExtent_bytes, view->size_bytes() - offset), '\0');
    if (next != extents.end() && *next == offset / kExtent_bytes) {
      HANOK_CHECK(view->read(offset, bytes.data(), bytes.size()));
      ++next;
    }
    HANOK_CHECK(writer->write(bytes.data(), bytes.size()));
  }
  return writer->finish();
}

Status bring_plain(BlockStore& store, Converter& converter, const ImageRef& plain,
                   const VolumeSource& source) {
  if (source.format == "raw") return store.clone({source.image, source.snapshot}, plain);
  HANOK_CHECK(check_self_contained(store, source.image, source.format));
  return converter.convert({source.image, source.snapshot}, source.format, plain);
}

}  // namespace

ImageRef cipher_image(const ImageRef& image) {
  return {image.pool, image.name + ".cipher"};
}

Status drop_encrypted_parts(BlockStore& store, const ImageRef& volume) {
  HANOK_CHECK(unless_gone(store.remove(plain_image(volume))));
  return unless_gone(store.remove(partial_image(volume)));
}

Status create_encrypted_volume(BlockStore& store, Converter& converter, const ImageRef& volume,
                               std::uint64_t size_bytes, const VolumeSource& source,
                               const Encryption& encryption) {
  const bool from_image = source.type == VolumeSource::Type::kImage;
  if (!from_image && source.type != VolumeSource::Type::kNone) {
    return bad_request(
        "An encrypted volume is made empty, from an image, or as a clone of an encrypted one.");
  }
  if (encryption.passphrase.empty()) return bad_request("The key of the encrypted volume does not open.");
  auto there = store.info(volume);
  if (there.ok()) return {};
  if (there.error().code != ErrorCode::kNotFound) return there.take_error();
  const ImageRef plain = plain_image(volume), partial = partial_image(volume);
  HANOK_CHECK(drop_encrypted_parts(store, volume));  // of an interrupted attempt
  HANOK_CHECK(store.create(partial, size_bytes + header_bytes(encryption.format)));
  HANOK_CHECK(store.encrypt(partial, encryption));
  if (from_image) {
    HANOK_CHECK(bring_plain(store, converter, plain, source));
    HANOK_CHECK(copy_in(store, plain, partial, encryption));
    HANOK_CHECK(unless_gone(store.remove(plain)));
  }
  return store.rename(partial, volume.name);
}

Result<std::uint64_t> upload_encrypted(BlockStore& store, const ImageRef& volume, const ImageRef& image,
                                       const Encryption& encryption) {
  const SnapshotRef source = clone_snapshot(volume, image);
  const ImageRef cipher = cipher_image(image), partial = partial_image(image);
  auto there = store.info(image);
  if (!there.ok() && there.error().code != ErrorCode::kNotFound) return there.take_error();
  if (!there.ok()) {
    HANOK_CHECK(unless_gone(store.remove(partial)));  // of an interrupted attempt
    HANOK_CHECK(unless_gone(store.remove(cipher)));
    HANOK_CHECK(unless_exists(store.create_snapshot(source)));
    HANOK_CHECK(surely_there(store.clone(source, cipher)));
    HANOK_CHECK(store.set_limits(cipher, {}));  // those of the volume came along
    HANOK_CHECK(copy_out(store, cipher, partial, encryption));
    HANOK_CHECK(store.rename(partial, image.name));
  }
  HANOK_CHECK(unless_exists(store.create_snapshot({image, "snap"})));
  HANOK_CHECK(unless_gone(store.remove(cipher)));
  HANOK_CHECK(unless_gone(store.remove_snapshot(source)));
  HANOK_TRY(info, store.info(image));
  return info.size_bytes;
}

}  // namespace hanok::storage

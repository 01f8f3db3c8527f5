#pragma once
// Backups of volumes: images in a pool of their own. A backup's image holds the bytes of its extents one
// after the other, then a manifest of all the volume's extents with a SHA-256 of each, then a footer with the
// manifest's own. An incremental backup stores what differs from its parent and names, for all else, the
// image of the chain that has it: a restore reads one manifest, however long the chain. All calls are
// idempotent, as those of operations.h.

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "storage/block/block_store.h"

namespace hanok::storage {

constexpr std::uint64_t kBackupExtent_bytes = 4U << 20U;
using Digest = std::array<unsigned char, 32>;

// Where the bytes of one extent of the volume are.
struct BackupExtent {
  Digest digest{};
  std::uint64_t position = 0;  // in the owner's image
  std::uint32_t owner = 0;     // of BackupManifest::owners
  std::uint32_t length = 0;    // 0: the extent is all zeroes and stored nowhere
};
struct BackupManifest {
  std::uint64_t size_bytes = 0;     // of the volume
  std::vector<std::string> owners;  // names of images; the first is the backup itself
  std::vector<BackupExtent> extents;
};
struct BackupSpec {
  ImageRef volume;
  std::string snapshot;  // of the volume, to be kept; empty: one is taken as long as the backup lasts
  ImageRef backup;
  std::optional<ImageRef> parent;  // incremental to this one, of the same pool
};
struct BackupResult {
  std::uint64_t stored_bytes = 0;
  std::uint64_t objects = 0;  // extents stored in this image
};

// kNotFound: no volume, snapshot or parent. kBadRequest: the parent's manifest is damaged.
[[nodiscard]] Result<BackupResult> create_backup(BlockStore& store, const BackupSpec& spec);
// Every checksum is verified before the first byte of the volume changes. Makes the volume if it is not
// there; what the backup has as zeroes is zeroes afterwards, whatever was there. kBadRequest: the backup is
// damaged, with the extent and the image in its text.
[[nodiscard]] Status restore_backup(BlockStore& store, const ImageRef& backup, const ImageRef& volume,
                                    std::uint64_t size_bytes);
// With all that an interrupted creation may have left.
[[nodiscard]] Status delete_backup(BlockStore& store, const BackupSpec& spec);

// backup_format.cc. Numbers are little-endian.
[[nodiscard]] Digest digest_of(const char* data, std::size_t length);
[[nodiscard]] std::string encode_manifest(const BackupManifest& manifest,
                                          std::uint64_t position);               // + footer
[[nodiscard]] Result<BackupManifest> decode_manifest(const std::string& bytes);  // without the footer
[[nodiscard]] Result<BackupManifest> read_manifest(BlockStore& store, const ImageRef& backup);

}  // namespace hanok::storage

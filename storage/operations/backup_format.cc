#include <fmt/format.h>
#include <openssl/evp.h>

#include <cstring>

#include "common/error.h"
#include "storage/operations/backup.h"

namespace hanok::storage {
namespace {

constexpr std::string_view kMagic = "HANOKBK1";
constexpr std::size_t kFooter_bytes = 8 + 8 + 8 + 32;  // magic, position, length, digest of the manifest
constexpr std::size_t kEntry_bytes = 32 + 8 + 4 + 4;
constexpr std::uint32_t kMostOwners = 65536;
constexpr std::uint32_t kLongestName = 255;

template <typename Number>
void put(std::string& out, Number number) {
  for (std::size_t i = 0; i < sizeof(Number); ++i) out += static_cast<char>(number >> (8 * i) & 0xffU);
}

class Reader {
 public:
  explicit Reader(std::string_view bytes) : left_(bytes) {}
  template <typename Number>
  Number number() {
    Number out{};
    const std::string_view bytes = text(sizeof(Number));
    for (std::size_t i = bytes.size(); i-- > 0;) {
      out = static_cast<Number>(out << 8U | static_cast<unsigned char>(bytes[i]));
    }
    return out;
  }
  std::string_view text(std::size_t length) {
    if (!need(length)) return {};
    const std::string_view out = left_.substr(0, length);
    left_.remove_prefix(length);
    return out;
  }
  Digest digest() {
    Digest out{};
    const std::string_view bytes = text(out.size());
    std::memcpy(out.data(), bytes.data(), bytes.size());
    return out;
  }
  [[nodiscard]] bool good() const { return good_; }
  [[nodiscard]] std::size_t left() const { return left_.size(); }

 private:
  bool need(std::size_t length) {
    good_ = good_ && left_.size() >= length;
    return good_;
  }
  std::string_view left_;
  bool good_ = true;
};

Error damaged(const std::string& what) {
  return bad_request("The backup is damaged: " + what + ".");
}

Result<std::string> read_all(BlockStore& store, const ImageRef& image, std::uint64_t offset,
                             std::uint64_t length) {
  std::string out(length, '\0');
  for (std::uint64_t done = 0; done < length;) {
    const std::size_t part = std::min(length - done, kBackupExtent_bytes);
    HANOK_TRY(got, store.read(image, offset + done, out.data() + done, part));
    if (got != part) return damaged("image " + image.name + " is short");
    done += part;
  }
  return out;
}

}  // namespace

Digest digest_of(const char* data, std::size_t length) {
  Digest out{};
  unsigned size = 0;
  HANOK_ASSERT(EVP_Digest(data, length, out.data(), &size, EVP_sha256(), nullptr) == 1);
  return out;
}

std::string encode_manifest(const BackupManifest& manifest, std::uint64_t position) {
  std::string out(kMagic);
  put(out, manifest.size_bytes);
  put(out, static_cast<std::uint32_t>(manifest.owners.size()));
  put(out, static_cast<std::uint64_t>(manifest.extents.size()));
  for (const std::string& owner : manifest.owners) {
    put(out, static_cast<std::uint32_t>(owner.size()));
    out += owner;
  }
  for (const BackupExtent& extent : manifest.extents) {
    out.append(reinterpret_cast<const char*>(extent.digest.data()), extent.digest.size());
    put(out, extent.position);
    put(out, extent.owner);
    put(out, extent.length);
  }
  const Digest digest = digest_of(out.data(), out.size());
  const std::uint64_t length = out.size();
  out += kMagic;
  put(out, position);
  put(out, length);
  out.append(reinterpret_cast<const char*>(digest.data()), digest.size());
  return out;
}

Result<BackupManifest> decode_manifest(const std::string& bytes) {
  Reader reader(bytes);
  if (reader.text(kMagic.size()) != kMagic) return damaged("its manifest is of no known format");
  BackupManifest out;
  out.size_bytes = reader.number<std::uint64_t>();
  const auto owners = reader.number<std::uint32_t>();
  const auto extents = reader.number<std::uint64_t>();
  if (!reader.good() || owners == 0 || owners > kMostOwners) return damaged("its manifest names no owner");
  for (std::uint32_t i = 0; i < owners; ++i) {
    const auto length = reader.number<std::uint32_t>();
    if (!reader.good() || length > kLongestName) return damaged("its manifest is cut off");
    out.owners.emplace_back(reader.text(length));
  }
  const std::uint64_t expected =
      out.size_bytes / kBackupExtent_bytes + (out.size_bytes % kBackupExtent_bytes == 0 ? 0 : 1);
  if (!reader.good() || extents != expected || reader.left() / kEntry_bytes != extents ||
      reader.left() % kEntry_bytes != 0) {
    return damaged("its manifest has not one entry per extent");
  }
  out.extents.reserve(extents);
  for (std::uint64_t i = 0; i < extents; ++i) {
    BackupExtent extent;
    extent.digest = reader.digest();
    extent.position = reader.number<std::uint64_t>();
    extent.owner = reader.number<std::uint32_t>();
    extent.length = reader.number<std::uint32_t>();
    const std::uint64_t whole = std::min(kBackupExtent_bytes, out.size_bytes - i * kBackupExtent_bytes);
    if (extent.owner >= owners || (extent.length != 0 && extent.length != whole)) {
      return damaged(fmt::format("entry {} of its manifest makes no sense", i));
    }
    out.extents.push_back(extent);
  }
  return out;
}

Result<BackupManifest> read_manifest(BlockStore& store, const ImageRef& backup) {
  HANOK_TRY(info, store.info(backup));
  if (info.size_bytes < kFooter_bytes) return damaged("image " + backup.name + " is short");
  HANOK_TRY(footer, read_all(store, backup, info.size_bytes - kFooter_bytes, kFooter_bytes));
  Reader reader(footer);
  const std::string_view magic = reader.text(kMagic.size());
  const auto position = reader.number<std::uint64_t>();
  const auto length = reader.number<std::uint64_t>();
  const Digest digest = reader.digest();
  const std::uint64_t room = info.size_bytes - kFooter_bytes;
  if (magic != kMagic || position > room || length != room - position) {
    return damaged("image " + backup.name + " has no footer");
  }
  HANOK_TRY(bytes, read_all(store, backup, position, length));
  if (digest_of(bytes.data(), bytes.size()) != digest) {
    return damaged("the checksum of the manifest of " + backup.name + " is wrong");
  }
  return decode_manifest(bytes);
}

}  // namespace hanok::storage

// Encrypted images of the memory twin: a header with the passphrase, and every byte XORed with its sum.
#include <algorithm>
#include <numeric>

#include "storage/block/memory_store.h"

namespace hanok::storage {
namespace {

std::string header_of(const Encryption& encryption) {
  return "LUKS" + encryption.format + ":" + encryption.passphrase + "\n";
}

char pad_of(const Encryption& encryption) {
  const std::string& text = encryption.passphrase;
  return static_cast<char>(std::accumulate(text.begin(), text.end(), 1) | 1);
}

class MemoryPlainView final : public PlainView {
 public:
  MemoryPlainView(MemoryStore& store, ImageRef image, const Encryption& encryption, std::uint64_t raw_bytes)
      : store_(store),
        image_(std::move(image)),
        pad_(pad_of(encryption)),
        header_bytes_(header_bytes(encryption.format)),
        raw_bytes_(raw_bytes) {}
  std::uint64_t size_bytes() const override { return raw_bytes_ - header_bytes_; }
  Status read(std::uint64_t offset, char* out, std::size_t length) override {
    HANOK_TRY(got, store_.read(image_, header_bytes_ + offset, out, length));
    // What was never written is zeroes.
    std::for_each(out, out + got, [this](char& c) { c = c == 0 ? c : static_cast<char>(c ^ pad_); });
    return got == length ? Status() : Status(bad_request("The read goes beyond the end of the image."));
  }
  Status write(std::uint64_t offset, const char* data, std::size_t length) override {
    std::string bytes(data, length);
    for (char& c : bytes) c = static_cast<char>(c ^ pad_);
    return store_.write(image_, header_bytes_ + offset, bytes.data(), length);
  }
  Status flush() override { return {}; }

 private:
  MemoryStore& store_;
  const ImageRef image_;
  const char pad_;
  const std::uint64_t header_bytes_, raw_bytes_;
};

}  // namespace

Status MemoryStore::encrypt(const ImageRef& image, const Encryption& encryption) {
  const std::lock_guard lock(mutex_);
  HANOK_CHECK(enter());
  HANOK_TRY(found, find_image(image));
  const std::uint64_t needed = header_bytes(encryption.format);
  if (needed == 0 || needed > found->bytes.size()) return bad_request("The image cannot be encrypted.");
  const std::string header = header_of(encryption);
  found->bytes.clear();
  found->bytes.write(0, header.data(), header.size());
  return {};
}

Result<std::unique_ptr<PlainView>> MemoryStore::open_plain(const ImageRef& image,
                                                           const Encryption& encryption) {
  std::uint64_t raw_bytes = 0;
  {
    const std::lock_guard lock(mutex_);
    HANOK_CHECK(enter());
    HANOK_TRY(found, find_image(image));
    if (!found->bytes.starts_with("LUKS" + encryption.format))
      return bad_request("The image is not encrypted.");
    if (!found->bytes.starts_with(header_of(encryption))) {
      return Error{ErrorCode::kForbidden, "The passphrase is wrong.", {}};
    }
    raw_bytes = found->bytes.size();
  }
  return std::unique_ptr<PlainView>(std::make_unique<MemoryPlainView>(*this, image, encryption, raw_bytes));
}

}  // namespace hanok::storage

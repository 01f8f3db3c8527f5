#include "control/image/digest.h"

#include <openssl/evp.h>

#include <array>

#include "common/error.h"
#include "common/secret.h"

namespace hanok::image {

struct StreamDigest::State {
  EVP_MD_CTX* md5 = EVP_MD_CTX_new();
  EVP_MD_CTX* sha512 = EVP_MD_CTX_new();
  ~State() {
    EVP_MD_CTX_free(md5);
    EVP_MD_CTX_free(sha512);
  }
};

namespace {

std::string hex_of(EVP_MD_CTX* context) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> sum{};
  unsigned length = 0;
  HANOK_ASSERT(EVP_DigestFinal_ex(context, sum.data(), &length) == 1);
  return hex(std::string_view(reinterpret_cast<const char*>(sum.data()), length));
}

}  // namespace

StreamDigest::StreamDigest() : state_(std::make_unique<State>()) {
  HANOK_ASSERT(EVP_DigestInit_ex(state_->md5, EVP_md5(), nullptr) == 1);
  HANOK_ASSERT(EVP_DigestInit_ex(state_->sha512, EVP_sha512(), nullptr) == 1);
}

StreamDigest::~StreamDigest() = default;

void StreamDigest::update(const char* data, std::size_t length) {
  HANOK_ASSERT(EVP_DigestUpdate(state_->md5, data, length) == 1);
  HANOK_ASSERT(EVP_DigestUpdate(state_->sha512, data, length) == 1);
}

StreamDigest::Sums StreamDigest::finish() {
  return {.md5 = hex_of(state_->md5), .sha512 = hex_of(state_->sha512)};
}

// QEMU's docs/interop/qcow2.txt: magic, version, ..., size as big-endian 64 bits at byte 24.
std::optional<std::uint64_t> qcow2_virtual_size(std::string_view header) {
  if (header.size() < 32 || header.substr(0, 4) != "QFI\xfb") return std::nullopt;
  std::uint64_t size = 0;
  for (std::size_t i = 24; i < 32; ++i) size = size << 8U | static_cast<unsigned char>(header[i]);
  return size;
}

}  // namespace hanok::image

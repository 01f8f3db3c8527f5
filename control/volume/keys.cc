#include "control/volume/keys.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <array>
#include <memory>

#include "common/log.h"
#include "common/secret.h"

namespace hanok::volume {
namespace {

using KeyContext = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;
constexpr std::size_t kNonce_bytes = 12, kTag_bytes = 16, kPassphrase_bytes = 32;

const unsigned char* raw(const std::string& text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* raw(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());
}

}  // namespace

Keys::Keys(const std::string& master) : key_(SHA256_DIGEST_LENGTH, '\0') {
  SHA256(raw(master), master.size(), raw(key_));
}

// Nonce, text, tag.
std::string Keys::seal(const std::string& text) const {
  std::string out(kNonce_bytes + text.size() + kTag_bytes, '\0');
  random_bytes(raw(out), kNonce_bytes);
  const KeyContext context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  int length = 0;
  HANOK_ASSERT(EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, raw(key_), raw(out)) == 1);
  HANOK_ASSERT(EVP_EncryptUpdate(context.get(), raw(out) + kNonce_bytes, &length, raw(text),
                                 static_cast<int>(text.size())) == 1);
  HANOK_ASSERT(EVP_EncryptFinal_ex(context.get(), raw(out) + kNonce_bytes + length, &length) == 1);
  HANOK_ASSERT(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, kTag_bytes,
                                   raw(out) + kNonce_bytes + text.size()) == 1);
  return base64_encode(out);
}

std::string Keys::fresh() const {
  return seal(random_token(kPassphrase_bytes));
}

Result<std::string> Keys::open(const std::string& sealed) const {
  const Error wrong = internal_error("The volume's key does not open: the master key is another one.");
  auto decoded = base64_decode(sealed);
  if (!decoded.ok() || decoded->size() <= kNonce_bytes + kTag_bytes) return wrong;
  std::string& bytes = *decoded;
  std::string out(bytes.size() - kNonce_bytes - kTag_bytes, '\0');
  const KeyContext context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  int length = 0;
  HANOK_ASSERT(EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, raw(key_), raw(bytes)) == 1);
  HANOK_ASSERT(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kTag_bytes,
                                   raw(bytes) + bytes.size() - kTag_bytes) == 1);
  HANOK_ASSERT(EVP_DecryptUpdate(context.get(), raw(out), &length, raw(bytes) + kNonce_bytes,
                                 static_cast<int>(out.size())) == 1);
  if (EVP_DecryptFinal_ex(context.get(), raw(out) + length, &length) != 1) return wrong;
  return out;
}

void Keys::open_all(Json& document) const {
  if (!document.is_structured()) return;
  for (auto& [name, value] : document.items()) {
    if (name == "encryption" && value.is_object() && value.contains("sealed")) {
      const auto passphrase = open(value["sealed"].get<std::string>());
      value.erase("sealed");
      if (passphrase.ok()) {
        value["passphrase"] = *passphrase;
      } else {
        spdlog::error("volume: {}", passphrase.error().message);
      }
    } else {
      open_all(value);
    }
  }
}

}  // namespace hanok::volume

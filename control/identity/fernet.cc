#include "control/identity/fernet.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <memory>

#include "common/secret.h"

namespace hanok::identity {
namespace {

constexpr unsigned char kVersion = 0x80;
constexpr std::size_t kHeaderBytes = 1 + 8 + 16;
constexpr std::size_t kMacBytes = 32;
constexpr std::size_t kBlockBytes = 16;

using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

const unsigned char* bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string mac_of(const FernetKey& key, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned length = 0;
  HANOK_ASSERT(HMAC(EVP_sha256(), key.data(), 16, bytes(text), text.size(), out.data(), &length) != nullptr);
  return {reinterpret_cast<const char*>(out.data()), length};
}

std::string encrypt(const FernetKey& key, std::string_view plaintext, const unsigned char* iv) {
  const CipherContext context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  std::string out(plaintext.size() + kBlockBytes, '\0');
  auto* to = reinterpret_cast<unsigned char*>(out.data());
  int used = 0;
  int last = 0;
  HANOK_ASSERT(EVP_EncryptInit_ex(context.get(), EVP_aes_128_cbc(), nullptr, key.data() + 16, iv) == 1);
  HANOK_ASSERT(
      EVP_EncryptUpdate(context.get(), to, &used, bytes(plaintext), static_cast<int>(plaintext.size())) == 1);
  HANOK_ASSERT(EVP_EncryptFinal_ex(context.get(), to + used, &last) == 1);
  out.resize(static_cast<std::size_t>(used) + static_cast<std::size_t>(last));
  return out;
}

std::optional<std::string> decrypt(const FernetKey& key, std::string_view ciphertext,
                                   const unsigned char* iv) {
  const CipherContext context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  std::string out(ciphertext.size() + kBlockBytes, '\0');
  auto* to = reinterpret_cast<unsigned char*>(out.data());
  int used = 0;
  int last = 0;
  if (EVP_DecryptInit_ex(context.get(), EVP_aes_128_cbc(), nullptr, key.data() + 16, iv) != 1 ||
      EVP_DecryptUpdate(context.get(), to, &used, bytes(ciphertext), static_cast<int>(ciphertext.size())) !=
          1 ||
      EVP_DecryptFinal_ex(context.get(), to + used, &last) != 1) {
    return std::nullopt;
  }
  out.resize(static_cast<std::size_t>(used) + static_cast<std::size_t>(last));
  return out;
}

}  // namespace

FernetKey new_fernet_key() {
  FernetKey key{};
  random_bytes(key.data(), key.size());
  return key;
}

std::string encode_fernet_key(const FernetKey& key) {
  return base64url_encode({reinterpret_cast<const char*>(key.data()), key.size()}, true);
}

Result<FernetKey> decode_fernet_key(std::string_view file_text) {
  while (!file_text.empty() && (file_text.back() == '\n' || file_text.back() == ' '))
    file_text.remove_suffix(1);
  HANOK_TRY(raw, base64url_decode(file_text));
  FernetKey key{};
  if (raw.size() != key.size()) return bad_request("a Fernet key has 32 bytes");
  std::copy(raw.begin(), raw.end(), reinterpret_cast<char*>(key.data()));
  return key;
}

std::string fernet_encrypt(const FernetKey& key, std::string_view plaintext, std::int64_t time_s,
                           std::optional<FernetIv> iv) {
  if (!iv) {
    iv.emplace();
    random_bytes(iv->data(), iv->size());
  }
  std::string out(1, static_cast<char>(kVersion));
  for (int shift = 56; shift >= 0; shift -= 8) {
    out += static_cast<char>((static_cast<std::uint64_t>(time_s) >> static_cast<unsigned>(shift)) & 0xffU);
  }
  out.append(reinterpret_cast<const char*>(iv->data()), iv->size());
  out += encrypt(key, plaintext, iv->data());
  out += mac_of(key, out);
  return base64url_encode(out, false);
}

std::optional<FernetMessage> fernet_decrypt(const FernetKey& key, std::string_view token) {
  const auto raw = base64url_decode(token);
  if (!raw.ok() || raw->size() < kHeaderBytes + kBlockBytes + kMacBytes) return std::nullopt;
  const std::string_view all(*raw);
  if (static_cast<unsigned char>(all[0]) != kVersion) return std::nullopt;
  const std::string_view covered = all.substr(0, all.size() - kMacBytes);
  if (!equal_constant_time(mac_of(key, covered), all.substr(covered.size()))) return std::nullopt;
  std::uint64_t time_s = 0;
  for (std::size_t i = 1; i <= 8; ++i) time_s = (time_s << 8U) | static_cast<unsigned char>(all[i]);
  auto plaintext = decrypt(key, covered.substr(kHeaderBytes), bytes(all.substr(9)));
  if (!plaintext) return std::nullopt;
  return FernetMessage{std::move(*plaintext), static_cast<std::int64_t>(time_s)};
}

}  // namespace hanok::identity

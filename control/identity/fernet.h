#pragma once
// Fernet (https://github.com/fernet/spec): AES-128-CBC with HMAC-SHA256 over version, time, IV and
// ciphertext.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/result.h"

namespace hanok::identity {

// 16 bytes to sign with, then 16 to encrypt with.
using FernetKey = std::array<unsigned char, 32>;

[[nodiscard]] FernetKey new_fernet_key();
[[nodiscard]] std::string encode_fernet_key(const FernetKey& key);              // as in a key file
[[nodiscard]] Result<FernetKey> decode_fernet_key(std::string_view file_text);  // kBadRequest

using FernetIv = std::array<unsigned char, 16>;
// Without padding, as Keystone gives its tokens. `iv`: only for tests with fixed vectors.
[[nodiscard]] std::string fernet_encrypt(const FernetKey& key, std::string_view plaintext,
                                         std::int64_t time_s, std::optional<FernetIv> iv = {});

struct FernetMessage {
  std::string plaintext;
  std::int64_t time_s = 0;  // when it was made
};
// nullopt: not made with this key, or damaged. The age is the caller's matter.
[[nodiscard]] std::optional<FernetMessage> fernet_decrypt(const FernetKey& key, std::string_view token);

}  // namespace hanok::identity

#include "control/identity/fernet.h"

#include <gtest/gtest.h>

#include <numeric>

namespace hanok::identity {
namespace {

// The vector of the specification (generate.json).
constexpr const char* kSpecKey = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=";
constexpr const char* kSpecToken =
    "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA";
constexpr std::int64_t kSpecTime = 499162800;

FernetKey spec_key() {
  auto key = decode_fernet_key(std::string(kSpecKey) + "\n");
  EXPECT_TRUE(key.ok());
  return *key;
}

TEST(Fernet, makes_the_token_of_the_specification) {
  FernetIv iv{};
  std::iota(iv.begin(), iv.end(), static_cast<unsigned char>(0));
  EXPECT_EQ(fernet_encrypt(spec_key(), "hello", kSpecTime, iv), kSpecToken);
}

TEST(Fernet, reads_the_token_of_the_specification_with_and_without_padding) {
  for (const std::string padding : {"", "=="}) {
    const auto message = fernet_decrypt(spec_key(), kSpecToken + padding);
    ASSERT_TRUE(message.has_value());
    EXPECT_EQ(message->plaintext, "hello");
    EXPECT_EQ(message->time_s, kSpecTime);
  }
}

TEST(Fernet, two_tokens_of_the_same_text_differ) {
  const FernetKey key = new_fernet_key();
  EXPECT_NE(fernet_encrypt(key, "text", 1), fernet_encrypt(key, "text", 1));
}

TEST(Fernet, refuses_another_key) {
  EXPECT_FALSE(fernet_decrypt(new_fernet_key(), kSpecToken).has_value());
}

TEST(Fernet, refuses_every_changed_character) {
  const FernetKey key = new_fernet_key();
  const std::string token = fernet_encrypt(key, "sixteen bytes...", 1'700'000'000);
  // The last character may carry bits that belong to no byte.
  for (std::size_t i = 0; i + 1 < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(fernet_decrypt(key, changed).has_value()) << i;
  }
}

TEST(Fernet, refuses_every_prefix) {
  const FernetKey key = new_fernet_key();
  const std::string token = fernet_encrypt(key, "text", 1'700'000'000);
  for (std::size_t length = 0; length < token.size(); ++length) {
    EXPECT_FALSE(fernet_decrypt(key, token.substr(0, length)).has_value()) << length;
  }
}

TEST(Fernet, a_key_file_of_another_length_is_refused) {
  EXPECT_FALSE(decode_fernet_key("").ok());
  EXPECT_FALSE(decode_fernet_key("c2hvcnQ=").ok());
  EXPECT_FALSE(decode_fernet_key("not base64 at all!").ok());
}

}  // namespace
}  // namespace hanok::identity

#include "control/identity/password.h"

#include <gtest/gtest.h>

#include <chrono>

namespace hanok::identity {
namespace {

TEST(Password, hashes_as_bcrypt_and_verifies) {
  PasswordHasher hasher(4, 2);
  const std::string hash = hasher.hash("secret");
  EXPECT_EQ(hash.rfind("$2b$04$", 0), 0U) << hash;
  EXPECT_EQ(hash.size(), 60U);
  EXPECT_NE(hash, hasher.hash("secret"));
  EXPECT_TRUE(hasher.verify("secret", hash));
  EXPECT_FALSE(hasher.verify("Secret", hash));
  EXPECT_FALSE(hasher.verify("", hash));
}

TEST(Password, reads_a_hash_made_elsewhere) {
  // A published bcrypt test vector (Openwall), whose prefix every implementation takes.
  PasswordHasher hasher(4, 1);
  EXPECT_TRUE(hasher.verify("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"));
}

TEST(Password, nothing_matches_a_missing_or_broken_hash) {
  PasswordHasher hasher(4, 1);
  for (const char* stored : {"", "*0", "$2b$", "plain"}) {
    EXPECT_FALSE(hasher.verify("", stored)) << stored;
    EXPECT_FALSE(hasher.verify("plain", stored)) << stored;
  }
}

TEST(Password, beyond_72_bytes_is_not_looked_at) {
  PasswordHasher hasher(4, 1);
  const std::string start(72, 'x');
  EXPECT_TRUE(hasher.verify(start + "ignored", hasher.hash(start)));
  EXPECT_FALSE(hasher.verify(start.substr(1), hasher.hash(start)));
}

}  // namespace
}  // namespace hanok::identity

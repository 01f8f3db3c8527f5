#include "control/compute/validate.h"

#include <gtest/gtest.h>

namespace hanok::compute {
namespace {

TEST(Validate, HostnamesComeFromNames) {
  EXPECT_EQ(hostname_from("My Server_1", "id"), "my-server-1");
  EXPECT_EQ(hostname_from("-a.b-", "id"), "a-b");
  EXPECT_EQ(hostname_from("\xe2\x82\xa1", "id"), "server-id");
  EXPECT_EQ(hostname_from(std::string(100, 'x'), "id").size(), 63U);
}

TEST(Validate, LengthsAreCountedInCharacters) {
  std::string name;
  for (int i = 0; i < 255; ++i) name += "\xe2\x82\xa1";
  EXPECT_TRUE(need_name({{"name", name}}, "name").ok());
  EXPECT_FALSE(need_name({{"name", name + "x"}}, "name").ok());
  EXPECT_EQ(*need_name({{"name", "  x "}}, "name"), "x");
  EXPECT_FALSE(need_name({{"name", "a\nb"}}, "name").ok());
}

TEST(Validate, OneSpellingOfAnIpv6Address) {
  EXPECT_EQ(canonical_ipv6("0000:0000:0000:0000:0000:babe:220.12.22.2"), "::babe:dc0c:1602");
  EXPECT_EQ(canonical_ipv6(""), "");
}

TEST(Validate, PasswordsAreLettersAndDigits) {
  const std::string one = random_password();
  EXPECT_EQ(one.size(), 12U);
  EXPECT_NE(one, random_password());
}

}  // namespace
}  // namespace hanok::compute

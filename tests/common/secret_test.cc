#include "common/secret.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

namespace hanok {
namespace {

class SecretFile : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = std::filesystem::temp_directory_path() / ("hanok-secret-" + std::to_string(getpid()));
    std::filesystem::create_directories(directory_);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::filesystem::path directory_;
};

TEST_F(SecretFile, IsForItsOwnerOnlyAndReplacedWhole) {
  const std::string path = directory_ / "token";
  ASSERT_TRUE(write_file(path, "old", 0644).ok());
  ASSERT_TRUE(write_secret_file(path, "new").ok());
  struct stat info {};
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  EXPECT_EQ(read_file(path).value(), "new");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory_), {}), 1)
      << "no temporary file stays";
}

TEST_F(SecretFile, ReadingIsBounded) {
  const std::string path = directory_ / "big";
  ASSERT_TRUE(write_file(path, std::string(100, 'x'), 0600).ok());
  EXPECT_EQ(read_file(path, 99).error().code, ErrorCode::kTooLarge);
  EXPECT_EQ(read_file(directory_ / "absent").error().code, ErrorCode::kNotFound);
}

TEST(Base64, BothAlphabetsRoundTripAtEveryLength) {
  std::string bytes;
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(base64url_decode(base64url_encode(bytes, false)).value(), bytes);
    EXPECT_EQ(base64url_decode(base64url_encode(bytes, true)).value(), bytes);
    EXPECT_EQ(base64_decode(base64_encode(bytes)).value(), bytes);
    bytes += static_cast<char>(i * 37 + 250);
  }
  EXPECT_EQ(base64_encode("hanok"), "aGFub2s=");
}

TEST(Base64, RefusesOtherCharacters) {
  EXPECT_FALSE(base64_decode("a*==").ok());
  EXPECT_FALSE(base64_decode("aaaaa").ok());
  EXPECT_FALSE(base64_decode("_-_-").ok());
}

TEST(Secrets, CompareAndDiffer) {
  EXPECT_TRUE(equal_constant_time("same", "same"));
  EXPECT_FALSE(equal_constant_time("same", "sama"));
  EXPECT_FALSE(equal_constant_time("same", "sam"));
  EXPECT_NE(random_token(), random_token());
  EXPECT_EQ(hex(std::string("\x01\xff", 2)), "01ff");
}

}  // namespace
}  // namespace hanok

#include "control/identity/key_repository.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ctime>
#include <filesystem>
#include <fstream>

namespace hanok::identity {
namespace {

class KeyRepositoryTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = "/tmp/hanok-keys-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern + "/keys";
  }
  void TearDown() override { std::filesystem::remove_all(std::filesystem::path(folder_).parent_path()); }

  std::unique_ptr<KeyRepository> open() {
    auto repository = KeyRepository::open(folder_);
    EXPECT_TRUE(repository.ok()) << repository.error().message;
    return std::move(repository).value();
  }
  [[nodiscard]] bool has(const std::string& name) const {
    return std::filesystem::exists(folder_ + "/" + name);
  }

  std::string folder_;
};

TEST_F(KeyRepositoryTest, the_first_start_makes_private_keys) {
  auto repository = open();
  EXPECT_EQ(repository->size(), 2U);
  for (const auto& [path, mode] :
       {std::pair{folder_, 0700U}, {folder_ + "/0", 0600U}, {folder_ + "/1", 0600U}}) {
    struct stat info {};
    ASSERT_EQ(stat(path.c_str(), &info), 0) << path;
    EXPECT_EQ(info.st_mode & 0777U, mode) << path;
  }
}

TEST_F(KeyRepositoryTest, a_restart_reads_the_tokens_of_before) {
  const std::string token = open()->encrypt("text", 1);
  const auto message = open()->decrypt(token);
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->plaintext, "text");
}

TEST_F(KeyRepositoryTest, tokens_live_through_one_rotation_and_no_more_keys_pile_up) {
  auto repository = open();
  const std::string token = repository->encrypt("text", 1);
  ASSERT_TRUE(repository->rotate().ok());
  EXPECT_TRUE(repository->decrypt(token).has_value());
  EXPECT_EQ(repository->size(), KeyRepository::kMaxKeys);
  ASSERT_TRUE(repository->rotate().ok());
  EXPECT_FALSE(repository->decrypt(token).has_value());
  EXPECT_EQ(repository->size(), KeyRepository::kMaxKeys);
  EXPECT_TRUE(has("0") && has("2") && has("3"));
  EXPECT_FALSE(has("1"));
}

TEST_F(KeyRepositoryTest, the_staged_key_becomes_the_primary) {
  // What a second controller that has not rotated yet must be able to read.
  auto repository = open();
  auto other = open();
  ASSERT_TRUE(repository->rotate().ok());
  EXPECT_TRUE(other->decrypt(repository->encrypt("text", 1)).has_value());
}

TEST_F(KeyRepositoryTest, rotation_goes_by_the_age_of_the_primary) {
  auto repository = open();
  const std::int64_t now = std::time(nullptr);
  ASSERT_TRUE(repository->rotate_when_older(now, 3600).ok());
  EXPECT_FALSE(has("2"));
  ASSERT_TRUE(repository->rotate_when_older(now + 3700, 3600).ok());
  EXPECT_TRUE(has("2"));
  ASSERT_TRUE(repository->rotate_when_older(now + 3800, 3600).ok());
  EXPECT_FALSE(has("3"));
}

TEST_F(KeyRepositoryTest, a_damaged_key_is_an_error_that_names_the_file) {
  (void)open();
  std::ofstream(folder_ + "/1") << "no key";
  const auto repository = KeyRepository::open(folder_);
  ASSERT_FALSE(repository.ok());
  EXPECT_NE(repository.error().message.find(folder_ + "/1"), std::string::npos);
}

}  // namespace
}  // namespace hanok::identity

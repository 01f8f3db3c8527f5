#include "agents/compute/guest_files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace hanok::agent {
namespace {

const std::string kInstanceId = "22222222-0000-4000-8000-000000000001";

class GuestFilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/hanok-files-XXXXXX";
    root_ = mkdtemp(name);
    files_ = std::make_unique<GuestFiles>(root_);
  }
  void TearDown() override { std::filesystem::remove_all(root_); }
  static unsigned mode(const std::string& path) {
    struct stat info {};
    return stat(path.c_str(), &info) == 0 ? info.st_mode & 0777U : 0U;
  }

  std::string root_;
  std::unique_ptr<GuestFiles> files_;
};

TEST_F(GuestFilesTest, FilesAreForRootAlone) {
  ASSERT_TRUE(files_->prepare(kInstanceId).ok());
  ASSERT_TRUE(
      files_->write_config_drive(kInstanceId, {{"meta_data", {{"uuid", kInstanceId}}}, {"user_data", "aGk="}})
          .ok());
  EXPECT_EQ(mode(files_->console(kInstanceId)), 0600U);
  EXPECT_EQ(mode(files_->config_drive(kInstanceId)), 0600U);
  EXPECT_EQ(mode(files_->folder(kInstanceId)), 0700U);
  std::ifstream iso(files_->config_drive(kInstanceId), std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(iso)), {});
  EXPECT_NE(bytes.find("config-2"), std::string::npos);
  EXPECT_NE(bytes.find(kInstanceId), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(files_->folder(kInstanceId) + "/config"));
}

TEST_F(GuestFilesTest, UserDataThatIsNotBase64IsRefused) {
  ASSERT_TRUE(files_->prepare(kInstanceId).ok());
  EXPECT_FALSE(files_->write_config_drive(kInstanceId, {{"user_data", "***"}}).ok());
  EXPECT_FALSE(std::filesystem::exists(files_->config_drive(kInstanceId)));
}

TEST_F(GuestFilesTest, TheConsoleTailHasAsManyLinesAsAskedFor) {
  ASSERT_TRUE(files_->prepare(kInstanceId).ok());
  std::ofstream(files_->console(kInstanceId)) << "one\ntwo\nthree\n";
  EXPECT_EQ(files_->console_tail(kInstanceId, 2).value(), "two\nthree\n");
  EXPECT_EQ(files_->console_tail(kInstanceId, 0).value(), "one\ntwo\nthree\n");
  EXPECT_EQ(files_->console_tail(kInstanceId, 99).value(), "one\ntwo\nthree\n");
  EXPECT_FALSE(files_->console_tail("33333333-0000-4000-8000-000000000001", 1).ok());
}

TEST_F(GuestFilesTest, AConsoleThatGrewTooLargeIsCut) {
  ASSERT_TRUE(files_->prepare(kInstanceId).ok());
  std::ofstream(files_->console(kInstanceId))
      << std::string(GuestFiles::kConsoleLimitBytes + 1, 'x') << "the end";
  ASSERT_TRUE(files_->trim_console(kInstanceId).ok());
  EXPECT_EQ(std::filesystem::file_size(files_->console(kInstanceId)), GuestFiles::kMaxConsoleBytes);
  EXPECT_TRUE(files_->console_tail(kInstanceId, 0).value().ends_with("the end"));
}

TEST_F(GuestFilesTest, RemovalCanBeRepeated) {
  ASSERT_TRUE(files_->prepare(kInstanceId).ok());
  EXPECT_TRUE(files_->remove(kInstanceId).ok());
  EXPECT_TRUE(files_->remove(kInstanceId).ok());
  EXPECT_FALSE(std::filesystem::exists(files_->folder(kInstanceId)));
}

}  // namespace
}  // namespace hanok::agent

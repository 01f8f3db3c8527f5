// What hanok-storage reads without librbd is what librbd would have read, and where a limit or a cache of
// librbd's stands between, librbd reads. On a real cluster.
#include "storage/target/rbd/rbd_device.h"

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <rbd/librbd.hpp>

#include "common/uuid.h"
#include "storage/rbd/rbd_store.h"
#include "tests/storage/block/store_contract.h"
#include "tests/storage/rbd/model_disk.h"

namespace hanok::storage::target {
namespace {

constexpr std::uint64_t kObject = 4 * kMib, kSize = 4 * kObject;

std::string setting(const char* name, const std::string& otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : value;
}

class RbdDeviceReads : public ::testing::Test {
 public:
  void SetUp() override {
    options_.conf_path =
        setting("HANOK_TEST_CEPH_CONF", setting("HANOK_STATE", "/var/lib/hanok") + "/ceph/ceph.conf");
    options_.client = setting("HANOK_TEST_CEPH_CLIENT", "hanok");
    options_.pool = "volumes";
    options_.image = "reads-" + new_uuid_hex().substr(0, 8);
    std::string folder = "/tmp/hanok-reads-XXXXXX";
    ASSERT_NE(mkdtemp(folder.data()), nullptr);
    folder_ = folder;
    options_.owner_file = folder_ + "/owner";
    options_.admin_socket = folder_ + "/asok";
    store_ = open_rbd_store(options_.conf_path, options_.client);
    ASSERT_EQ(rados_.init(options_.client.c_str()), 0);
    ASSERT_EQ(rados_.conf_read_file(options_.conf_path.c_str()), 0);
    ASSERT_EQ(rados_.connect(), 0);
    ASSERT_EQ(rados_.ioctx_create("volumes", io_), 0);
    ASSERT_OK(store_->create(name(), kSize));
  }
  void TearDown() override {
    device_.reset();
    EXPECT_OK(store_->remove(name()));
    std::filesystem::remove_all(folder_);
  }
  [[nodiscard]] ImageRef name() const { return {options_.pool, options_.image}; }
  void open() {
    device_.reset();
    auto opened = open_rbd_device(options_);
    ASSERT_OK(opened);
    device_ = std::move(opened).value();
  }
  int run(IoType type, std::uint64_t offset, std::uint64_t length, std::string& data) {
    IoRequest request;
    request.type = type;
    request.offset_bytes = offset;
    request.length_bytes = length;
    request.data = reinterpret_cast<std::byte*>(data.data());
    request.may_unmap = true;
    request.list = &list_;
    device_->submit(request);
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(some_.wait_for(lock, std::chrono::seconds{60}, [this] { return !list_.empty(); }));
    EXPECT_EQ(list_.take(), &request);
    if (request.osd_ns != 0) ++direct_;
    return request.result;
  }
  std::string read(std::uint64_t offset, std::uint64_t length) {
    std::string out(length, '?');
    EXPECT_EQ(run(IoType::kRead, offset, length, out), 0);
    return out;
  }
  void write(std::uint64_t offset, std::string data) {
    ASSERT_EQ(run(IoType::kWrite, offset, data.size(), data), 0);
  }
  [[nodiscard]] std::uint64_t direct() const { return direct_; }  // went to librados first
  [[nodiscard]] std::uint64_t not_read() const { return device_->osd_times()->not_read.load(); }
  // Whether the next read goes to librados first.
  bool reads_directly() {
    const std::uint64_t before = direct();
    static_cast<void>(read(0, 4096));
    return direct() != before;
  }
  [[nodiscard]] Status become(bool directly) {
    return testing::eventually(
        [&] { return reads_directly() == directly ? Status() : unavailable("it does not change"); });
  }

  RbdDeviceOptions options_;
  std::string folder_;
  std::unique_ptr<BlockStore> store_;
  librados::Rados rados_;
  librados::IoCtx io_;
  std::uint64_t direct_ = 0;
  std::mutex mutex_;
  std::condition_variable some_;
  CompletionList list_{[this] {
    const std::lock_guard lock(mutex_);
    some_.notify_all();
  }};
  std::unique_ptr<BlockDevice> device_;
};

TEST_F(RbdDeviceReads, AnObjectIsReadWithoutLibrbd) {
  open();
  write(8192, std::string(8192, 'a'));
  EXPECT_EQ(read(4096, 16384), std::string(4096, '\0') + std::string(8192, 'a') + std::string(4096, '\0'));
  EXPECT_EQ(direct(), 1U);
  EXPECT_EQ(not_read(), 0U);
  // The object ends at 16 KiB: what follows is zeroes.
  EXPECT_EQ(read(kObject - 4096, 4096), std::string(4096, '\0'));
  EXPECT_EQ(direct(), 2U);
  EXPECT_EQ(not_read(), 0U);
}

TEST_F(RbdDeviceReads, SilentReadsAreToldByCollectAndWhenTheDeviceGoes) {
  constexpr std::size_t kReads = 32;
  open();
  write(0, std::string(kReads * 4096, 'j'));
  std::vector<std::string> data(kReads, std::string(4096, '?'));
  std::vector<IoRequest> requests(kReads);
  for (const bool collected : {true, false}) {
    for (std::size_t i = 0; i < kReads; ++i) {
      data[i].assign(4096, '?');
      requests[i] = {.type = IoType::kRead, .offset_bytes = i * 4096, .length_bytes = 4096};
      requests[i].data = reinterpret_cast<std::byte*>(data[i].data());
      requests[i].silent = true;
      requests[i].list = &list_;
      device_->submit(requests[i]);
    }
    EXPECT_TRUE(list_.empty());
    if (collected) {
      ASSERT_OK(
          testing::eventually([&] { return device_->collect() == 0 ? Status() : unavailable("not all"); }));
    } else {
      device_.reset();
    }
    std::size_t done = 0;
    for (const IoRequest* one = list_.take(); one != nullptr; one = one->next) done += one->result == 0;
    EXPECT_EQ(done, kReads);
    for (const std::string& one : data) EXPECT_EQ(one, std::string(4096, 'j'));
  }
}

TEST_F(RbdDeviceReads, ReadsOverObjectsAreLibrbds) {
  open();
  write(kObject - 4096, std::string(8192, 'b'));
  EXPECT_EQ(read(kObject - 8192, 16384),
            std::string(4096, '\0') + std::string(8192, 'b') + std::string(4096, '\0'));
  EXPECT_EQ(direct(), 0U);
}

TEST_F(RbdDeviceReads, AbsentObjectsAreZeroesAndAreAskedForSeldom) {
  open();
  constexpr int kReads = 60;
  for (int i = 0; i < kReads; ++i) EXPECT_EQ(read(2 * kObject, 4096), std::string(4096, '\0'));
  EXPECT_EQ(not_read(), direct());
  EXPECT_GE(direct(), 2U);
  EXPECT_LE(direct(), 5U);
  write(2 * kObject, std::string(4096, 'c'));
  for (int i = 0; i < kReads; ++i) EXPECT_EQ(read(2 * kObject, 4096), std::string(4096, 'c'));
  EXPECT_GT(direct(), not_read());
}

TEST_F(RbdDeviceReads, ACloneHasItsParentsDataUntilItsOwn) {
  const std::string data(2 * kObject, 'p');
  ASSERT_OK(store_->write(name(), 0, data.data(), data.size()));
  ASSERT_OK(store_->create_snapshot({name(), "s"}));
  const ImageRef parent = name();
  options_.image += "-clone";
  ASSERT_OK(store_->clone({parent, "s"}, name()));
  ASSERT_OK(store_->remove(parent));
  open();
  EXPECT_EQ(read(4096, 4096), std::string(4096, 'p'));
  EXPECT_EQ(not_read(), 1U);
  write(4096, std::string(4096, 'o'));  // takes the whole object over
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(read(0, 12288), std::string(4096, 'p') + std::string(4096, 'o') + std::string(4096, 'p'));
  }
  EXPECT_GT(direct(), not_read());
  std::string none;
  ASSERT_EQ(run(IoType::kDiscard, kObject, kObject, none), 0);  // must not show the parent again
  EXPECT_EQ(read(kObject + 4096, 4096), std::string(4096, '\0'));
  ASSERT_OK(store_->flatten(name()));
  EXPECT_EQ(read(0, 4096), std::string(4096, 'p'));
  EXPECT_EQ(read(kObject, 4096), std::string(4096, '\0'));
}

TEST_F(RbdDeviceReads, SnapshotsDiscardsAndSizes) {
  open();
  write(0, std::string(kObject, 'd'));
  ASSERT_OK(store_->create_snapshot({name(), "s"}));
  write(0, std::string(4096, 'e'));
  EXPECT_EQ(read(0, 8192), std::string(4096, 'e') + std::string(4096, 'd'));
  std::string none;
  ASSERT_EQ(run(IoType::kDiscard, 0, kObject, none), 0);
  EXPECT_EQ(read(0, 8192), std::string(8192, '\0'));
  write(0, std::string(kObject, 'f'));
  ASSERT_OK(store_->resize(name(), 8192));
  ASSERT_OK(store_->resize(name(), kSize));
  EXPECT_EQ(read(4096, 8192), std::string(4096, 'f') + std::string(4096, '\0'));
  ASSERT_EQ(run(IoType::kWriteZeroes, 0, 4096, none), 0);
  EXPECT_EQ(read(0, 8192), std::string(4096, '\0') + std::string(4096, 'f'));
  ASSERT_OK(store_->remove_snapshot({name(), "s"}));
}

TEST_F(RbdDeviceReads, ALimitOnReadsMakesThemLibrbdsAtOnce) {
  open();
  write(0, std::string(4096, 'g'));
  ASSERT_TRUE(reads_directly());
  ASSERT_OK(store_->set_limits(name(), {{"read_iops", {1000, 0}}}));
  ASSERT_OK(become(false));
  ASSERT_OK(store_->set_limits(name(), {{"write_bps", {100'000'000, 0}}}));
  ASSERT_OK(become(true));
  ASSERT_OK(store_->set_limits(name(), {{"bps", {100'000'000, 0}}}));
  ASSERT_OK(become(false));
}

TEST_F(RbdDeviceReads, AnImageWithACacheStaysLibrbds) {
  {
    librbd::Image image;
    ASSERT_EQ(librbd::RBD().open(io_, image, name().name.c_str()), 0);
    ASSERT_EQ(image.metadata_set("conf_rbd_cache", "true"), 0);
  }
  open();
  write(0, std::string(4096, 'h'));
  EXPECT_FALSE(reads_directly());
  EXPECT_EQ(read(0, 4096), std::string(4096, 'h'));
}

TEST_F(RbdDeviceReads, AStripedImageStaysLibrbds) {
  ASSERT_OK(store_->remove(name()));
  int order = 22;
  ASSERT_EQ(librbd::RBD().create3(io_, name().name.c_str(), kSize,
                                  RBD_FEATURE_LAYERING | RBD_FEATURE_STRIPINGV2 | RBD_FEATURE_EXCLUSIVE_LOCK,
                                  &order, 65536, 4),
            0);
  open();
  write(0, std::string(2 * kMib, 'i'));
  EXPECT_EQ(read(65536, 4096), std::string(4096, 'i'));
  EXPECT_EQ(direct(), 0U);
}

}  // namespace
}  // namespace hanok::storage::target

// Snapshots of two images that another client writes to all the while: an increasing number, to the first and
// then to the second, each write when the one before was answered. At any one instant the second has the
// number of the first, or the one before it.
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <future>
#include <list>
#include <mutex>
#include <optional>
#include <rbd/librbd.hpp>
#include <thread>

#include "common/uuid.h"
#include "storage/operations/operations.h"
#include "storage/rbd/quiesce_watch.h"
#include "storage/rbd/rbd_store.h"
#include "tests/storage/block/store_contract.h"
#include "tests/storage/rbd/model_disk.h"

namespace hanok::storage {
namespace {

constexpr std::size_t kWrite_bytes = 512;

std::string environment_or(const char* name, const std::string& otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : value;
}

// A client of its own.
struct Peer {
  librados::Rados rados;
  librados::IoCtx io;
  librbd::RBD rbd;
  Status connect(const std::string& conf, const std::string& client) {
    const bool up = rados.init(client.c_str()) == 0 && rados.conf_read_file(conf.c_str()) == 0 &&
                    rados.conf_set("librados_thread_count", "1") == 0 &&  // as in cluster.cc
                    rados.connect() == 0 && rados.ioctx_create("volumes", io) == 0;
    return up ? Status() : Status(unavailable("no connection"));
  }
};

std::uint64_t number_of(librbd::Image& image) {
  ceph::bufferlist bytes;
  std::uint64_t out = 0;
  EXPECT_EQ(image.read(0, sizeof(out), bytes), static_cast<ssize_t>(sizeof(out)));
  std::memcpy(&out, bytes.c_str(), sizeof(out));
  return out;
}

class GroupSnapshot : public ::testing::Test {
 protected:
  void SetUp() override {
    conf_ = environment_or("HANOK_TEST_CEPH_CONF",
                           environment_or("HANOK_STATE", "/var/lib/hanok") + "/ceph/ceph.conf");
    client_ = environment_or("HANOK_TEST_CEPH_CLIENT", "hanok");
    store_ = open_rbd_store(conf_, client_);
    for (const ImageRef& image : {first_, second_}) ASSERT_OK(store_->create(image, 4 * kMib));
    ASSERT_OK(reader_.connect(conf_, client_));
  }
  void TearDown() override {
    stop_writing();
    for (const ImageRef& image : {first_, second_}) EXPECT_OK(store_->remove(image));
  }

  // The first image by librbd; the second too, or by a hanok-storage.
  void start_writing(bool by_hanok_storage = false) {
    writer_ = std::thread([this, by_hanok_storage] {
      const Status written = write_numbers(by_hanok_storage);
      if (!written.ok()) ADD_FAILURE() << "the writer: " << written.error().message;
      stop_ = true;
    });
    wait_for_pairs(5);
  }
  void stop_writing() {
    stop_ = true;
    if (writer_.joinable()) writer_.join();
  }
  void wait_for_pairs(std::uint64_t least) {
    while (pairs_ < least && !stop_) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  Status write_numbers(bool by_hanok_storage) {
    Peer peer;
    HANOK_CHECK(peer.connect(conf_, client_));
    const auto first = testing::librbd_disk(peer.io);
    const auto second =
        by_hanok_storage ? testing::virtio_disk(conf_, client_) : testing::librbd_disk(peer.io);
    HANOK_CHECK(first->open(first_));
    HANOK_CHECK(second->open(second_));
    for (std::uint64_t number = 1; !stop_; ++number) {
      std::string text(kWrite_bytes, '\0');
      std::memcpy(text.data(), &number, sizeof(number));
      HANOK_CHECK(first->write(0, text));
      HANOK_CHECK(second->write(0, text));
      pairs_ = number;
    }
    HANOK_CHECK(first->close());
    return second->close();
  }
  // As the reconciler does: on a busy machine the writers may have the locks back before all are held.
  Status take(const std::string& name) {
    Status status;
    for (int tries = 0; tries < 5; ++tries) {
      status = create_group_snapshot(*store_, both(name));
      if (status.ok() || status.error().code != ErrorCode::kUnavailable) break;
    }
    return status;
  }
  void take_and_check(int count) {
    for (int i = 0; i < count; ++i) {
      const std::uint64_t before = pairs_;
      const std::string name = "s" + std::to_string(i);
      ASSERT_OK(take(name));
      EXPECT_TRUE(of_one_instant(name)) << number_in(first_, name) << " and " << number_in(second_, name);
      EXPECT_GE(number_in(second_, name), before) << "what was answered before is in it";
      wait_for_pairs(before + 1);
    }
  }
  std::uint64_t number_in(const ImageRef& image, const std::string& snapshot) {
    librbd::Image open;
    EXPECT_EQ(reader_.rbd.open_read_only(reader_.io, open, image.name.c_str(), snapshot.c_str()), 0);
    return number_of(open);
  }
  bool of_one_instant(const std::string& snapshot) {
    const std::uint64_t first = number_in(first_, snapshot), second = number_in(second_, snapshot);
    return second <= first && first <= second + 1;
  }
  std::vector<SnapshotRef> both(const std::string& snapshot) const {
    return {{first_, snapshot}, {second_, snapshot}};
  }

  std::string conf_, client_, tag_ = "test-" + new_uuid_hex().substr(0, 8);
  ImageRef first_{"volumes", tag_ + "-1"}, second_{"volumes", tag_ + "-2"};
  std::unique_ptr<BlockStore> store_;
  Peer reader_;
  std::thread writer_;
  std::atomic<bool> stop_{false};
  std::atomic<std::uint64_t> pairs_{0};
};

TEST_F(GroupSnapshot, DoesAsTheTwinDoes) {
  test_group_snapshots(*store_, tag_);
}

TEST_F(GroupSnapshot, IsOfOneInstantUnderWrites) {
  start_writing();
  take_and_check(15);
}

TEST_F(GroupSnapshot, IsOfOneInstantUnderWritesByHanokStorage) {
  start_writing(true);
  take_and_check(15);
}

// Nobody may find the image free for more than a moment.
TEST_F(GroupSnapshot, AGuestThatWritesNothingHasItsLockBack) {
  const auto disk = testing::virtio_disk(conf_, client_);
  ASSERT_OK(disk->open(second_));
  ASSERT_OK(store_->create_snapshots(both("s")));
  librbd::Image open;
  ASSERT_EQ(reader_.rbd.open(reader_.io, open, second_.name.c_str(), nullptr), 0);
  EXPECT_OK(testing::eventually([&]() -> Status {
    rbd_lock_mode_t mode = RBD_LOCK_MODE_EXCLUSIVE;
    std::list<std::string> owners;
    open.lock_get_owners(&mode, &owners);
    return owners.empty() ? Status(unavailable("nobody has the lock")) : Status();
  }));
  open.close();
  EXPECT_OK(disk->close());
}

TEST_F(GroupSnapshot, OneAfterTheOtherWouldNotBe) {
  start_writing();
  int good = 0;
  constexpr int kTries = 50;
  for (int i = 0; i < kTries; ++i) {
    const std::string name = "s" + std::to_string(i);
    for (const SnapshotRef& snapshot : both(name)) ASSERT_OK(store_->create_snapshot(snapshot));
    if (!of_one_instant(name)) return;
    ++good;
  }
  EXPECT_LT(good, kTries) << "this writer cannot tell";
}

// That one is held up by a third client until the group's watch has begun.
TEST_F(GroupSnapshot, BeginsInTheMiddleOfAnothersSnapshot) {
  Peer other;
  ASSERT_OK(other.connect(conf_, client_));
  librbd::Image image;
  std::string id;
  ASSERT_EQ(other.rbd.open(other.io, image, first_.name.c_str(), nullptr), 0);
  ASSERT_EQ(image.get_id(&id), 0);
  const auto watchers = [&] {
    std::list<obj_watch_t> all;
    EXPECT_EQ(reader_.io.list_watchers("rbd_header." + id, &all), 0);
    return all.size();
  };

  std::mutex mutex;
  std::optional<std::uint64_t> held;
  bool holds = true;
  Cluster cluster({conf_, client_});
  auto pool = cluster.pool("volumes");
  ASSERT_OK(pool);
  std::function<void(std::uint64_t)> answer;
  QuiesceWatch third(
      [&](const QuiesceWatch::Request&, std::uint64_t question) {
        const std::lock_guard lock(mutex);
        if (holds) {
          held = question;
        } else {
          answer(question);
        }
      },
      [] {});
  answer = [&](std::uint64_t question) { third.answer(question, 0); };
  ASSERT_OK(third.open(*pool, id));

  auto others = std::async(std::launch::async, [&] { return image.snap_create("other"); });
  ASSERT_OK(testing::eventually([&]() -> Status {
    const std::lock_guard lock(mutex);
    return held ? Status() : Status(unavailable("nobody asks for a quiesce"));
  }));
  const std::size_t before = watchers();
  auto ours = std::async(std::launch::async, [&] { return take("ours"); });
  ASSERT_OK(testing::eventually([&]() -> Status {
    return watchers() >= before + 2 ? Status() : Status(unavailable("the group does not watch"));
  }));
  {
    const std::lock_guard lock(mutex);
    holds = false;
    answer(*held);
  }
  EXPECT_EQ(others.get(), 0);
  EXPECT_OK(ours.get());
  third.close();
  EXPECT_EQ(image.close(), 0);
  EXPECT_EQ(store_->info(first_)->snapshots, (std::vector<std::string>{"other", "ours"}));
}

TEST_F(GroupSnapshot, IsMadeBesideSnapshotsOfOneImage) {
  start_writing();
  std::atomic<bool> done{false};
  std::atomic<int> made{0};
  std::vector<std::thread> others;
  for (int number = 0; number < 3; ++number) {
    others.emplace_back([&, number] {
      for (int i = 0; !done; ++i, ++made) {
        const std::string name = "other" + std::to_string(number) + "-" + std::to_string(i);
        EXPECT_OK(store_->create_snapshot({first_, name}));
      }
    });
  }
  take_and_check(5);
  done = true;
  for (std::thread& other : others) other.join();
  EXPECT_GE(made, 5) << "nobody was beside it";
}

TEST_F(GroupSnapshot, IsRefusedWhereALockIsKeptOrAbsent) {
  librbd::Image keeper;
  ASSERT_EQ(reader_.rbd.open(reader_.io, keeper, second_.name.c_str()), 0);
  ASSERT_EQ(keeper.lock_acquire(RBD_LOCK_MODE_EXCLUSIVE), 0);
  EXPECT_EQ(code_of(store_->create_snapshots(both("kept"))), ErrorCode::kConflict);
  EXPECT_TRUE(store_->info(first_)->snapshots.empty());
  ASSERT_EQ(keeper.lock_release(), 0);
  ASSERT_EQ(keeper.update_features(
                RBD_FEATURE_FAST_DIFF | RBD_FEATURE_OBJECT_MAP | RBD_FEATURE_EXCLUSIVE_LOCK, false),
            0);
  ASSERT_EQ(keeper.close(), 0);
  EXPECT_EQ(code_of(store_->create_snapshots(both("absent"))), ErrorCode::kBadRequest);
  EXPECT_TRUE(store_->info(first_)->snapshots.empty());
}

}  // namespace
}  // namespace hanok::storage

#include "storage/rbd/rbd_store.h"

#include <array>
#include <chrono>
#include <cstdlib>
#include <future>
#include <rbd/librbd.hpp>

#include "common/secret.h"
#include "common/uuid.h"
#include "storage/operations/backup.h"
#include "storage/operations/operations.h"
#include "storage/operations/qemu_img.h"
#include "tests/storage/block/store_contract.h"

namespace hanok::storage {
namespace {

constexpr std::uint64_t kGib = 1ULL << 30U;

std::string environment(const char* name, const std::string& otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : value;
}

class RbdStore : public ::testing::Test {
 protected:
  void SetUp() override {
    conf_ =
        environment("HANOK_TEST_CEPH_CONF", environment("HANOK_STATE", "/var/lib/hanok") + "/ceph/ceph.conf");
    client_ = environment("HANOK_TEST_CEPH_CLIENT", "hanok");
    ASSERT_TRUE(read_file(conf_).ok())
        << "no cluster: " << conf_ << " is absent (HANOK_TEST_CEPH_CONF names another)";
    store_ = open_rbd_store(conf_, client_);
  }
  std::string conf_, client_;
  std::string tag_ = "test-" + new_uuid_hex().substr(0, 8);
  std::unique_ptr<BlockStore> store_;
};

TEST_F(RbdStore, KeepsImages) {
  test_images(*store_, tag_);
}

TEST_F(RbdStore, ClonesOutliveTheirParents) {
  test_clones_outlive_parents(*store_, tag_);
}

TEST_F(RbdStore, Encrypts) {
  test_encryption(*store_, tag_);
}

TEST_F(RbdStore, RenamesSnapshots) {
  test_snapshots_by_name(*store_, tag_);
}

TEST_F(RbdStore, RollsBack) {
  test_rollback(*store_, tag_);
}

TEST_F(RbdStore, WritesUploadsInSequence) {
  test_sequential_writer(*store_, tag_);
}

TEST_F(RbdStore, KnowsTheCapacity) {
  auto info = store_->pool_info("volumes");
  ASSERT_OK(info);
  EXPECT_GT(info->total_bytes, info->free_bytes);
}

TEST_F(RbdStore, KnowsTheClusterAndWhoHasAnImageOpen) {
  auto cluster = store_->cluster_id();
  ASSERT_OK(cluster);
  EXPECT_TRUE(is_uuid(*cluster)) << *cluster;
  const ImageRef image{"volumes", tag_ + "-open"};
  EXPECT_EQ(store_->in_use(image).error().code, ErrorCode::kNotFound);
  ASSERT_OK(store_->create(image, kMib));
  const auto is_open = [&] {
    auto in_use = store_->in_use(image);
    EXPECT_OK(in_use);
    return in_use.ok() && *in_use;
  };
  EXPECT_FALSE(is_open());
  {
    librados::Rados rados;
    librados::IoCtx io;
    librbd::Image other;
    ASSERT_EQ(rados.init(client_.c_str()), 0);
    ASSERT_EQ(rados.conf_read_file(conf_.c_str()), 0);
    ASSERT_EQ(rados.connect(), 0);
    ASSERT_EQ(rados.ioctx_create("volumes", io), 0);
    ASSERT_EQ(librbd::RBD().open(io, other, image.name.c_str()), 0);
    EXPECT_TRUE(is_open());
  }
  EXPECT_FALSE(is_open());
  ASSERT_OK(store_->remove(image));
}

// Images are closed behind the caller's back, one after the other.
TEST_F(RbdStore, AnImageIsFreeRightAfterASnapshotAndItsRemoval) {
  const std::string second_pool = "volumes-2";
  const auto try_one = [&](const std::string& name, int way, bool removed) {
    const ImageRef image{"volumes", name};
    ASSERT_OK(store_->create(image, kMib));
    ASSERT_OK(store_->create_snapshot({image, "s"}));
    if (removed) ASSERT_OK(store_->remove_snapshot({image, "s"}));
    if (way == 0) {
      auto in_use = store_->in_use(image);
      ASSERT_OK(in_use);
      EXPECT_FALSE(*in_use);
    }
    if (way == 1) {
      ASSERT_OK(store_->prepare_move(image, second_pool));
      ASSERT_OK(store_->abort_move(image, second_pool));
    }
    EXPECT_OK(store_->remove(image));
  };
  std::vector<std::future<void>> all;
  for (int i = 0; i < 24; ++i) {
    const std::string name = tag_ + "-free-" + std::to_string(i);
    all.push_back(std::async(std::launch::async, try_one, name, i % 3, i % 2 == 0));
  }
  for (auto& one : all) one.get();
}

// By another client that has the image open all the while: 20 operations a second would take it half a
// minute.
TEST_F(RbdStore, LimitsHoldAtOnceForWhoeverHasTheImageOpen) {
  const ImageRef image{"volumes", tag_ + "-limited"};
  const auto write_some = [&](int operations) {
    return run_program({"rbd", "--conf", conf_, "--id", client_, "bench", "--io-type", "write", "--io-size",
                        "4096", "--io-threads", "4", "--io-pattern", "rand", "--io-total",
                        std::to_string(operations * 4096), "volumes/" + image.name},
                       120);
  };
  const auto seconds = [](const auto start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  ASSERT_OK(store_->create(image, 64 * kMib));
  ASSERT_OK(store_->set_limits(image, {{"iops", {20, 0}}}));
  auto start = std::chrono::steady_clock::now();
  EXPECT_OK(write_some(80));
  EXPECT_GT(seconds(start), 2.0);
  start = std::chrono::steady_clock::now();
  auto bench = std::async(std::launch::async, [&] { return write_some(600); });
  EXPECT_EQ(bench.wait_for(std::chrono::seconds(2)), std::future_status::timeout);
  EXPECT_OK(store_->set_limits(image, {{"write_iops", {100'000, 200'000}}}));
  EXPECT_OK(bench.get());
  EXPECT_LT(seconds(start), 20.0);
  EXPECT_OK(store_->set_limits(image, {}));
  EXPECT_OK(store_->set_limits(image, {}));
  EXPECT_EQ(code_of(store_->set_limits({"volumes", tag_ + "-none"}, {})), ErrorCode::kNotFound);
  EXPECT_OK(store_->remove(image));
}

// 20 writes a second, and a second of burst: 80 take about three.
TEST_F(RbdStore, LimitsHoldForEncryptedImages) {
  const ImageRef image{"volumes", tag_ + "-encrypted-limited"};
  const Encryption encryption{"luks2", "aes-256", "right words"};
  ASSERT_OK(store_->create(image, 64 * kMib));
  ASSERT_OK(store_->encrypt(image, encryption));
  const auto seconds_of = [&](int writes) {
    auto view = store_->open_plain(image, encryption);
    EXPECT_OK(view);
    const std::string block(4096, 'b');
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < writes && view.ok(); ++i)
      EXPECT_OK((*view)->write(i * 8192ULL, block.data(), block.size()));
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  ASSERT_OK(store_->set_limits(image, {{"iops", {20, 0}}}));
  const double limited = seconds_of(80);
  ASSERT_OK(store_->set_limits(image, {}));
  const double free = seconds_of(80);
  std::printf("80 encrypted writes: %.2f s at 20/s, %.2f s without a limit\n", limited, free);
  EXPECT_GT(limited, 2.0);
  EXPECT_LT(free, limited);
  EXPECT_OK(store_->remove(image));
}

TEST_F(RbdStore, MakesImagesInPlaceOfWhatADeadClientLeftHalfMade) {
  const auto rbd = [this](const std::string& program) {
    return program + " --conf " + conf_ + " --id " + client_ + " -p volumes ";
  };
  const auto lose_header = [&](const ImageRef& image) {
    const std::string id = rbd("rbd") + "info " + image.name + " | sed -n 's/.*id: //p' | head -1";
    return run_program({"sh", "-c", rbd("rados") + "rm rbd_header.$(" + id + ")"}, 60);
  };
  const ImageRef parent{"volumes", tag_ + "-parent"};
  const ImageRef image{"volumes", tag_ + "-half"};
  ASSERT_OK(store_->create(parent, kMib));
  ASSERT_OK(store_->create_snapshot({parent, "s"}));
  ASSERT_OK(store_->create(image, kMib));
  ASSERT_OK(lose_header(image));
  EXPECT_EQ(store_->info(image).error().code, ErrorCode::kNotFound);
  ASSERT_OK(store_->clone({parent, "s"}, image));
  EXPECT_TRUE(store_->info(image)->parent);
  ASSERT_OK(store_->remove(image));
  ASSERT_OK(store_->create(image, kMib));
  ASSERT_OK(lose_header(image));
  ASSERT_OK(store_->create(image, 2 * kMib));
  EXPECT_EQ(store_->info(image)->size_bytes, 2 * kMib);
  EXPECT_EQ(store_->create(image, kMib).error().code, ErrorCode::kConflict);  // whole ones are left alone
  EXPECT_EQ(store_->info(image)->size_bytes, 2 * kMib);
  ASSERT_OK(store_->remove(image));
  ASSERT_OK(store_->remove(parent));
}

TEST_F(RbdStore, MendsASnapshotThatADeadClientLeftWithoutItsObjectMap) {
  const std::string in_pool = " --conf " + conf_ + " --id " + client_ + " -p volumes ";
  const auto lose_map = [&](const ImageRef& image) {
    const std::string id = "$(rbd" + in_pool + "info " + image.name + " | sed -n 's/.*id: //p' | head -1)";
    const std::string map = "$(rados" + in_pool + "ls | grep rbd_object_map." + id + "[.])";
    return run_program({"sh", "-c", "rados" + in_pool + "rm " + map}, 60);
  };
  const ImageRef parent{"volumes", tag_ + "-parent"};
  const ImageRef child{"volumes", tag_ + "-child"};
  ASSERT_OK(store_->create(parent, 64 * kMib));
  ASSERT_OK(store_->write(parent, 40 * kMib, "data", 4));
  ASSERT_OK(store_->create_snapshot({parent, "s"}));
  ASSERT_OK(lose_map(parent));
  EXPECT_EQ(store_->clone({parent, "s"}, child).error().code,
            ErrorCode::kNotFound);  // what librbd makes of it
  EXPECT_EQ(store_->create_snapshot({parent, "s"}).error().code, ErrorCode::kConflict);
  ASSERT_OK(store_->clone({parent, "s"}, child));
  std::array<char, 4> bytes{};
  ASSERT_OK(store_->read(child, 40 * kMib, bytes.data(), bytes.size()));
  EXPECT_EQ(std::string(bytes.data(), 4), "data");
  ASSERT_OK(store_->remove(child));
  ASSERT_OK(lose_map(parent));
  EXPECT_OK(store_->remove_snapshot({parent, "s"}));  // goes as it is
  ASSERT_OK(store_->remove(parent));
}

// What other hands left in the trash goes, once it has no clones.
TEST_F(RbdStore, EmptiesTheTrash) {
  const std::string rbd = "rbd --conf " + conf_ + " --id " + client_ + " ";
  const auto shell = [&](const std::string& command) { return run_program({"sh", "-c", command}, 60); };
  const auto in_trash = [&](const std::string& name) {
    return shell(rbd + "trash ls volumes | grep -qw " + name).ok();
  };
  // The agent's own sweeper may be at it too.
  const auto purged = [&](const std::string& name) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (in_trash(name) && std::chrono::steady_clock::now() < end)
      EXPECT_OK(store_->purge_trash("volumes"));
    return !in_trash(name);
  };
  const ImageRef left{"volumes", tag_ + "-left"};
  const ImageRef kept{"volumes", tag_ + "-kept"};
  const ImageRef parent{"volumes", tag_ + "-parent"};
  const ImageRef child{"volumes", tag_ + "-child"};
  for (const auto& image : {left, kept, parent}) ASSERT_OK(store_->create(image, kMib));
  ASSERT_OK(store_->write(parent, 0, "base", 4));
  ASSERT_OK(store_->create_snapshot({parent, "s"}));
  ASSERT_OK(store_->clone({parent, "s"}, child));
  ASSERT_OK(shell(rbd + "trash mv volumes/" + left.name));
  ASSERT_OK(shell(rbd + "trash mv --expires-at '1 hour' volumes/" + kept.name));
  ASSERT_OK(store_->remove(parent));
  EXPECT_TRUE(purged(left.name));
  EXPECT_TRUE(in_trash(kept.name));
  EXPECT_TRUE(in_trash(parent.name));
  EXPECT_EQ(read_text(*store_, child, 0, 4), "base");
  ASSERT_OK(shell(rbd + "--no-progress rm volumes/" + child.name));
  EXPECT_TRUE(purged(parent.name));
  EXPECT_OK(shell(rbd + "trash rm --force volumes/$(" + rbd + "trash ls volumes | grep -w " + kept.name +
                  " | cut -d' ' -f1)"));
}

TEST_F(RbdStore, ConvertsQcow2ToAVolume) {
  const ImageRef image{"images", tag_ + "-qcow2"};
  const ImageRef volume{"volumes", tag_ + "-volume"};
  const std::string folder = ::testing::TempDir();
  const std::string raw = folder + tag_ + ".raw";
  const std::string qcow2 = folder + tag_ + ".qcow2";
  std::string bytes(2 * kMib, '\0');
  bytes.replace(0, 11, "boot sector");
  ASSERT_OK(write_file(raw, bytes, 0600));
  ASSERT_OK(run_program({"qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, qcow2}, 60));
  auto file = read_file(qcow2);
  ASSERT_OK(file);
  {
    auto writer = store_->create_for_write(image);
    ASSERT_OK(writer);
    ASSERT_OK((*writer)->write(file->data(), file->size()));
    ASSERT_OK((*writer)->finish());
  }
  ASSERT_OK(store_->create_snapshot({image, "snap"}));
  QemuImg converter(conf_, client_);
  const VolumeSource source{VolumeSource::Type::kImage, image, "snap", "qcow2"};
  ASSERT_OK(create_volume(*store_, converter, volume, kGib, source));
  EXPECT_EQ(read_text(*store_, volume, 0, 11), "boot sector");
  EXPECT_EQ(store_->info(volume)->size_bytes, kGib);
  EXPECT_FALSE(has(*store_, partial_image(volume)));
  EXPECT_OK(delete_volume(*store_, volume, source));
  EXPECT_OK(store_->remove(image));
  std::remove(raw.c_str());
  std::remove(qcow2.c_str());
}

// Whole and incremental, of a clone with limits; restored over other bytes; damaged.
TEST_F(RbdStore, BacksUpAndRestores) {
  const ImageRef parent{"volumes", tag_ + "-parent"};
  const ImageRef volume{"volumes", tag_ + "-source"};
  const ImageRef target{"volumes", tag_ + "-target"};
  const BackupSpec full{.volume = volume, .snapshot = "", .backup = {"backups", tag_ + "-1"}, .parent = {}};
  const BackupSpec increment{
      .volume = volume, .snapshot = "", .backup = {"backups", tag_ + "-2"}, .parent = full.backup};
  ASSERT_OK(store_->create(parent, 64 * kMib));
  ASSERT_OK(store_->write(parent, 20 * kMib, "inherited", 9));
  ASSERT_OK(store_->create_snapshot({parent, "s"}));
  ASSERT_OK(store_->clone({parent, "s"}, volume));
  ASSERT_OK(store_->write(volume, 40 * kMib, "own", 3));
  auto made = create_backup(*store_, full);
  ASSERT_OK(made);
  EXPECT_EQ(made->objects, 2U);
  ASSERT_OK(store_->write(volume, 60 * kMib, "late", 4));
  made = create_backup(*store_, increment);
  ASSERT_OK(made);
  EXPECT_EQ(made->objects, 1U);
  EXPECT_TRUE(store_->info(volume)->snapshots.empty());
  ASSERT_OK(store_->create(target, 64 * kMib));
  ASSERT_OK(store_->write(target, 30 * kMib, "rubbish", 7));
  ASSERT_OK(store_->create_snapshot({target, "kept"}));
  ASSERT_OK(restore_backup(*store_, increment.backup, target, 64 * kMib));
  EXPECT_EQ(read_text(*store_, target, 20 * kMib, 9), "inherited");
  EXPECT_EQ(read_text(*store_, target, 30 * kMib, 7), std::string(7, '\0'));
  EXPECT_EQ(read_text(*store_, target, 40 * kMib, 3), "own");
  EXPECT_EQ(read_text(*store_, target, 60 * kMib, 4), "late");
  EXPECT_EQ(store_->allocated(target)->size(), 3U) << "what was sparse is sparse again";
  ASSERT_OK(store_->rollback({target, "kept"}));
  EXPECT_EQ(read_text(*store_, target, 30 * kMib, 7), "rubbish");
  ASSERT_OK(store_->write(full.backup, 3, "?", 1));
  EXPECT_EQ(code_of(restore_backup(*store_, increment.backup, target, 64 * kMib)), ErrorCode::kBadRequest);
  EXPECT_EQ(read_text(*store_, target, 30 * kMib, 7), "rubbish");
  EXPECT_OK(delete_backup(*store_, increment));
  EXPECT_OK(delete_backup(*store_, full));
  for (const auto& image : {target, volume, parent}) EXPECT_OK(store_->remove(image));
  EXPECT_FALSE(has(*store_, full.backup));
}

// A monitor that nobody runs: the answer is an error within the deadline, not a hang.
TEST(RbdStoreWithoutCluster, GivesUpAtItsDeadline) {
  const std::string conf = ::testing::TempDir() + "dead-ceph.conf";
  const std::string keyring = ::testing::TempDir() + "dead-ceph.keyring";
  ASSERT_OK(write_file(keyring, "[client.x]\n\tkey = AQDv1GRnAAAAABAAqC0X0bIvVQUxl0dPpYqGzQ==\n", 0600));
  ASSERT_OK(write_file(conf, "[global]\nmon host = [v2:127.0.0.1:1/0]\nkeyring = " + keyring + "\n", 0600));
  RbdOptions options;
  options.conf_path = conf;
  options.client = "x";
  options.deadline_s = 2;
  auto store = open_rbd_store(options);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(code_of(store->info({"volumes", "a"})), ErrorCode::kUnavailable);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

}  // namespace
}  // namespace hanok::storage

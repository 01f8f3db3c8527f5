// Moves between pools on a real cluster: also from each state that a death within RBD's own calls leaves,
// which are made here by hand.
#include <cstdlib>
#include <map>
#include <rbd/librbd.hpp>
#include <set>

#include "common/uuid.h"
#include "storage/rbd/rbd_store.h"
#include "tests/storage/block/store_contract.h"

namespace hanok::storage {
namespace {

constexpr char kFromMigration = 2;          // as the trash says where an entry comes from
constexpr std::size_t kSourceAt_bytes = 6;  // in the entry, after its version and length

class RbdMove : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* conf = std::getenv("HANOK_TEST_CEPH_CONF");
    const char* state = std::getenv("HANOK_STATE");
    const std::string path =
        conf != nullptr ? conf : std::string(state != nullptr ? state : "/var/lib/hanok") + "/ceph/ceph.conf";
    store_ = open_rbd_store(path, "hanok");
    ASSERT_EQ(rados_.init("hanok"), 0);
    ASSERT_EQ(rados_.conf_read_file(path.c_str()), 0);
    ASSERT_EQ(rados_.connect(), 0);
    ASSERT_EQ(rados_.ioctx_create("volumes", from_), 0);
    ASSERT_EQ(rados_.ioctx_create("volumes-2", to_), 0);
    ASSERT_OK(store_->create(image_, 16 * kMib));
    ASSERT_OK(store_->write(image_, 0, "first", 5));
    ASSERT_OK(store_->create_snapshot({image_, "s"}));
    ASSERT_OK(store_->write(image_, 0, "later", 5));
    std::string id;
    librbd::Image open;
    ASSERT_EQ(rbd_.open_read_only(from_, open, image_.name.c_str(), nullptr), 0);
    ASSERT_EQ(open.get_id(&id), 0);
    id_ = id;
  }

  void prepare() { ASSERT_OK(store_->prepare_move(image_, to_pool_)); }
  // The target is an image like any other.
  void lose_note_of_target() {
    std::string id;
    {
      librbd::Image open;
      ASSERT_EQ(rbd_.open_read_only(to_, open, image_.name.c_str(), nullptr), 0);
      ASSERT_EQ(open.get_id(&id), 0);
    }
    ceph::bufferlist none, out;
    ASSERT_EQ(to_.exec("rbd_header." + id, "rbd", "migration_remove", none, out), 0);
  }
  // The source is in the trash for a migration, without a note of it in its header.
  void hide_source() {
    ASSERT_EQ(rbd_.trash_move(from_, image_.name.c_str(), 0), 0);
    std::map<std::string, ceph::bufferlist> entry;
    ASSERT_EQ(from_.omap_get_vals_by_keys("rbd_trash", {"id_" + id_}, &entry), 0);
    std::string bytes = entry["id_" + id_].to_str();
    ASSERT_GT(bytes.size(), kSourceAt_bytes);
    bytes[kSourceAt_bytes] = kFromMigration;
    ceph::bufferlist changed;
    changed.append(bytes);
    ASSERT_EQ(from_.omap_set("rbd_trash", {{"id_" + id_, changed}}), 0);
  }
  bool in_trash() {
    std::vector<librbd::trash_image_info_t> entries;
    EXPECT_EQ(rbd_.trash_list(from_, entries), 0);
    return std::any_of(entries.begin(), entries.end(), [&](const auto& entry) { return entry.id == id_; });
  }
  // Back where it was, and it can still be moved.
  void expect_back_and_move() {
    EXPECT_FALSE(in_trash());
    EXPECT_EQ(read_text(*store_, image_, 0, 5), "later");
    EXPECT_EQ(store_->info(image_)->snapshots, std::vector<std::string>{"s"});
    EXPECT_FALSE(has(*store_, moved_));
    ASSERT_OK(store_->prepare_move(image_, to_pool_));
    ASSERT_OK(store_->copy_move(image_, to_pool_, {}));
    ASSERT_OK(store_->commit_move(image_, to_pool_));
    expect_moved();
  }
  void expect_moved() {
    EXPECT_FALSE(in_trash());
    EXPECT_EQ(code_of(store_->info(image_)), ErrorCode::kNotFound);
    EXPECT_EQ(read_text(*store_, moved_, 0, 5), "later");
    EXPECT_FALSE(*store_->in_use(moved_));
    ASSERT_OK(store_->rollback({moved_, "s"}));
    EXPECT_EQ(read_text(*store_, moved_, 0, 5), "first");
    EXPECT_OK(store_->remove(moved_));
  }

  const std::string to_pool_ = "volumes-2";
  const ImageRef image_{"volumes", "test-" + new_uuid_hex().substr(0, 8)};
  const ImageRef moved_{to_pool_, image_.name};
  std::string id_;
  librados::Rados rados_;
  librados::IoCtx from_, to_;
  librbd::RBD rbd_;
  std::unique_ptr<BlockStore> store_;
};

TEST_F(RbdMove, FromBeginningToEnd) {
  ASSERT_OK(store_->remove(image_));
  test_moves(*store_, image_.name);
}

TEST_F(RbdMove, AnOpenImageStaysWhereItIs) {
  {
    librbd::Image open;
    ASSERT_EQ(rbd_.open(from_, open, image_.name.c_str(), nullptr), 0);
    EXPECT_EQ(code_of(store_->prepare_move(image_, to_pool_)), ErrorCode::kConflict);
  }
  expect_back_and_move();
}

TEST_F(RbdMove, ASourceInTheTrashWithoutANoteIsFoundAndIsNoRubbish) {
  hide_source();
  EXPECT_EQ(*store_->move_state(image_, to_pool_), MoveState::kBroken);
  EXPECT_OK(store_->purge_trash("volumes"));
  EXPECT_TRUE(in_trash());
  ASSERT_OK(store_->abort_move(image_, to_pool_));
  expect_back_and_move();
}

TEST_F(RbdMove, ATargetWithoutANoteGoesAndTheSourceComesBack) {
  prepare();
  lose_note_of_target();
  EXPECT_EQ(*store_->move_state(image_, to_pool_), MoveState::kBroken);
  ASSERT_OK(store_->abort_move(image_, to_pool_));
  expect_back_and_move();
}

TEST_F(RbdMove, ASourceThatIsLeftAtTheEndGoes) {
  prepare();
  ASSERT_OK(store_->copy_move(image_, to_pool_, {}));
  lose_note_of_target();
  ASSERT_OK(store_->commit_move(image_, to_pool_));
  expect_moved();
}

// Into the trash, but with its name still there; and a target of which there is but the name.
TEST_F(RbdMove, HalfAWayIntoTheTrashAndHalfATargetAreNoHindrance) {
  hide_source();
  ceph::bufferlist id;
  const auto length = static_cast<char>(id_.size());
  id.append(std::string{length, 0, 0, 0} + id_);
  librados::ObjectWriteOperation name;
  name.create(true);
  name.exec("rbd", "set_id", id);
  ASSERT_EQ(from_.operate("rbd_id." + image_.name, &name), 0);
  EXPECT_EQ(*store_->move_state(image_, to_pool_), MoveState::kNone);
  ASSERT_OK(store_->create(moved_, kMib));
  std::string target;
  {
    librbd::Image open;
    ASSERT_EQ(rbd_.open_read_only(to_, open, image_.name.c_str(), nullptr), 0);
    ASSERT_EQ(open.get_id(&target), 0);
  }
  ASSERT_EQ(to_.remove("rbd_header." + target), 0);
  ASSERT_OK(store_->prepare_move(image_, to_pool_));
  ASSERT_OK(store_->copy_move(image_, to_pool_, {}));
  ASSERT_OK(store_->commit_move(image_, to_pool_));
  expect_moved();
}

}  // namespace
}  // namespace hanok::storage

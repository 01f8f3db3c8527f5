// Random operations on an image, compared with a model in memory, byte by byte. A failure prints its seed;
//   HANOK_MODEL_SEED=<seed> HANOK_MODEL_OPERATIONS=<count> rbd_model_test
// does exactly the same again. What is done to data goes through one disk that stays open, as a guest's does:
// librbd's, or one that hanok-storage serves. All else goes through the store, as the agent's does.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <random>
#include <rbd/librbd.hpp>

#include "common/uuid.h"
#include "storage/rbd/rbd_store.h"
#include "tests/storage/block/store_contract.h"
#include "tests/storage/rbd/model_disk.h"

namespace hanok::storage {
namespace {

constexpr std::uint64_t kMaxSize = 12 * kMib;
constexpr std::size_t kMaxIo = testing::ModelDisk::kMaxIo_bytes;
constexpr std::size_t kMaxSnapshots = 3;
constexpr std::size_t kWritesAtDeath = 8;

std::string setting(const char* name, const std::string& otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : value;
}

class RbdModel : public ::testing::TestWithParam<const char*> {
 public:
  void SetUp() override {
    const std::string conf =
        setting("HANOK_TEST_CEPH_CONF", setting("HANOK_STATE", "/var/lib/hanok") + "/ceph/ceph.conf");
    const std::string client = setting("HANOK_TEST_CEPH_CLIENT", "hanok");
    store_ = open_rbd_store(conf, client);
    ASSERT_EQ(rados_.init(client.c_str()), 0);
    ASSERT_EQ(rados_.conf_read_file(conf.c_str()), 0) << conf;
    ASSERT_EQ(rados_.connect(), 0);
    ASSERT_EQ(rados_.ioctx_create("volumes", io_), 0);
    disk_ =
        GetParam() == std::string("librbd") ? testing::librbd_disk(io_) : testing::virtio_disk(conf, client);
    model_.assign(4 * kMib, '\0');
    ASSERT_OK(store_->create(name(), model_.size()));
    ASSERT_OK(disk_->open(name()));
  }
  void TearDown() override {
    if (disk_) EXPECT_OK(disk_->close());
    disk_.reset();
    EXPECT_OK(store_->remove(name()));
    auto left = store_->list("volumes");
    ASSERT_OK(left);
    for (const auto& one : *left) EXPECT_EQ(one.find(tag_), std::string::npos) << one << " is left";
    std::vector<librbd::trash_image_info_t> trash;
    ASSERT_GE(librbd::RBD().trash_list(io_, trash), 0);
    for (const auto& one : trash) EXPECT_EQ(one.name.find(tag_), std::string::npos) << one.name << " is left";
  }

  ImageRef name() const { return {"volumes", tag_ + "-" + std::to_string(generation_)}; }
  std::uint64_t below(std::uint64_t end) { return end == 0 ? 0 : random_() % end; }
  // A part of the image, some of them aligned as a file system's are.
  std::pair<std::uint64_t, std::size_t> part() {
    const std::uint64_t unit = disk_->unit_bytes();
    const std::uint64_t mask = below(2) == 0 ? ~(unit - 1) : ~4095ULL;
    const std::uint64_t offset = below(model_.size()) & mask;
    const std::uint64_t length = (unit + below(kMaxIo)) & ~(unit - 1);
    return {offset, std::min<std::uint64_t>(length, model_.size() - offset)};
  }
  std::string noise(std::size_t length) {
    std::string out(length, '\0');
    for (char& c : out) c = static_cast<char>(random_());
    return out;
  }
  static void compare(const std::string& got, const std::string& with, std::uint64_t offset,
                      std::size_t length) {
    ASSERT_EQ(got.size(), length);
    for (std::size_t i = 0; i < length; ++i) {
      ASSERT_EQ(got[i], with[offset + i]) << "at byte " << offset + i << " of " << with.size();
    }
  }

  void write() {
    const auto [offset, length] = part();
    const std::string data = noise(length);
    ASSERT_OK(disk_->write(offset, data));
    model_.replace(offset, length, data);
  }
  void read() {
    const auto [offset, length] = part();
    auto got = disk_->read(offset, length);
    ASSERT_OK(got);
    compare(*got, model_, offset, length);
  }
  // Discarding is a hint: each byte is zero afterwards, or what it was (Ceph rounds to its granularity).
  void discard() {
    const auto [offset, length] = part();
    ASSERT_OK(disk_->discard(offset, length));
    auto got = disk_->read(offset, length);
    ASSERT_OK(got);
    ASSERT_EQ(got->size(), length);
    for (std::size_t i = 0; i < length; ++i) {
      ASSERT_TRUE((*got)[i] == '\0' || (*got)[i] == model_[offset + i]) << "at byte " << offset + i;
    }
    model_.replace(offset, length, *got);
  }
  void write_zeroes() {
    const auto [offset, length] = part();
    ASSERT_OK(disk_->write_zeroes(offset, length));
    model_.replace(offset, length, std::string(length, '\0'));
  }
  void resize() {
    const std::uint64_t unit = disk_->unit_bytes();
    const std::uint64_t size = (unit + below(kMaxSize)) & ~(unit - 1);
    ASSERT_OK(store_->resize(name(), size));
    ASSERT_OK(disk_->resized(size));
    model_.resize(size, '\0');
  }
  void snapshot() {
    if (snapshots_.size() >= kMaxSnapshots) return;
    const std::string one = "s" + std::to_string(++snapshot_number_);
    ASSERT_OK(store_->create_snapshot({name(), one}));
    snapshots_[one] = model_;
  }
  std::map<std::string, std::string>::iterator any_snapshot() {
    auto it = snapshots_.begin();
    std::advance(it, static_cast<std::ptrdiff_t>(below(snapshots_.size())));
    return it;
  }
  void read_back() {
    if (snapshots_.empty()) return;
    const auto one = any_snapshot();
    librbd::Image image;
    ASSERT_GE(librbd::RBD().open_read_only(io_, image, name().name.c_str(), one->first.c_str()), 0);
    ceph::bufferlist list;
    ASSERT_GE(image.read(0, one->second.size(), list), 0);
    compare(list.to_str(), one->second, 0, one->second.size());
  }
  void forget() {
    if (snapshots_.empty()) return;
    const auto one = any_snapshot();
    ASSERT_OK(store_->remove_snapshot({name(), one->first}));
    snapshots_.erase(one);
  }
  void revert() {
    if (snapshots_.empty()) return;
    const auto one = any_snapshot();
    ASSERT_OK(disk_->close());
    ASSERT_OK(store_->rollback({name(), one->first}));
    model_ = one->second;
    ASSERT_OK(disk_->open(name()));
  }
  // Goes on with the clone; the parent is removed at once, with all its snapshots.
  void clone() {
    snapshot();
    if (snapshots_.empty()) return;
    const auto one = any_snapshot();
    const ImageRef parent = name();
    ASSERT_OK(disk_->close());
    ++generation_;
    ASSERT_OK(store_->clone({parent, one->first}, name()));
    ASSERT_OK(store_->remove(parent));
    model_ = one->second;
    snapshots_.clear();
    ASSERT_OK(disk_->open(name()));
  }
  void flatten() { ASSERT_OK(store_->flatten(name())); }
  void compare_all() {
    auto got = disk_->read(0, model_.size());
    ASSERT_OK(got);
    compare(*got, model_, 0, model_.size());
  }
  void reopen() {
    ASSERT_OK(disk_->close());
    ASSERT_OK(disk_->open(name()));
    compare_all();
  }
  void die() {
    testing::ModelDisk::Writes writes;
    const std::uint64_t stripe = model_.size() / kWritesAtDeath & ~(disk_->unit_bytes() - 1);
    for (std::size_t i = 0; i < kWritesAtDeath && stripe > 0; ++i) {
      writes.emplace_back(i * stripe, noise(std::min<std::uint64_t>(stripe, kMaxIo)));
    }
    ASSERT_OK(disk_->die_during(writes, below(4000)));
    for (const auto& [offset, data] : writes) model_.replace(offset, data.size(), data);
    compare_all();
  }

  const std::string tag_ = "model-" + new_uuid_hex().substr(0, 8);
  librados::Rados rados_;
  librados::IoCtx io_;
  std::unique_ptr<BlockStore> store_;
  std::unique_ptr<testing::ModelDisk> disk_;
  std::mt19937_64 random_;
  std::string model_;
  std::map<std::string, std::string> snapshots_;
  int generation_ = 0, snapshot_number_ = 0;
};

struct Step {
  const char* name;
  unsigned weight;
  void (RbdModel::*run)();
};
constexpr Step kSteps[] = {
    {"write", 40, &RbdModel::write},
    {"read", 20, &RbdModel::read},
    {"discard", 10, &RbdModel::discard},
    {"write zeroes", 10, &RbdModel::write_zeroes},
    {"resize", 5, &RbdModel::resize},
    {"snapshot", 4, &RbdModel::snapshot},
    {"read back", 2, &RbdModel::read_back},
    {"forget", 2, &RbdModel::forget},
    {"revert", 2, &RbdModel::revert},
    {"clone", 3, &RbdModel::clone},
    {"flatten", 2, &RbdModel::flatten},
    {"reopen", 3, &RbdModel::reopen},
    {"die", 3, &RbdModel::die},
};

TEST_P(RbdModel, ImageAndModelStayTheSame) {
  const std::uint64_t seed =
      std::strtoull(setting("HANOK_MODEL_SEED", std::to_string(std::random_device()())).c_str(), nullptr, 10);
  const int operations = std::atoi(setting("HANOK_MODEL_OPERATIONS", "150").c_str());
  RecordProperty("seed", std::to_string(seed));
  random_.seed(seed);
  unsigned weights = 0;
  for (const Step& step : kSteps) weights += step.weight;
  std::map<std::string, int> done;
  for (int i = 0; i < operations; ++i) {
    std::uint64_t at = below(weights);
    const Step* step = kSteps;
    for (; at >= step->weight; ++step) at -= step->weight;
    ++done[step->name];
    (this->*step->run)();
    if (HasFailure()) {
      FAIL() << "seed " << seed << ", operation " << i << ": " << step->name
             << "; again: HANOK_MODEL_SEED=" << seed << " HANOK_MODEL_OPERATIONS=" << i + 1;
    }
  }
  reopen();
  ASSERT_FALSE(HasFailure()) << "seed " << seed;
  for (const auto& [what, count] : done) std::printf("%s %d, ", what.c_str(), count);
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
}

std::string disk_name(const ::testing::TestParamInfo<const char*>& one) {
  return one.param;
}
INSTANTIATE_TEST_SUITE_P(Through, RbdModel, ::testing::Values("librbd", "virtio"), disk_name);

}  // namespace
}  // namespace hanok::storage

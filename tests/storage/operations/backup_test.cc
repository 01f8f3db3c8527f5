// Backups over the memory twin: whole, incremental, broken off everywhere, damaged.
#include "storage/operations/backup.h"

#include <functional>

#include "tests/storage/operations/operations_bed.h"

namespace hanok::storage {
namespace {

const ImageRef kSource{"volumes", "volume-a"};
const ImageRef kTarget{"volumes", "volume-b"};
const ImageRef kFull{"backups", "backup-1"};
const ImageRef kIncrement{"backups", "backup-2"};
constexpr std::uint64_t kSize = 9 * kMib;  // two extents and a short one
constexpr int kMostSteps = 60;

void make_volume(BlockStore& store) {
  ASSERT_OK(store.create(kSource, kSize));
  ASSERT_OK(store.write(kSource, 10, "first", 5));
  ASSERT_OK(store.write(kSource, 8 * kMib + 7, "last", 4));  // the middle extent stays a hole
}

std::string whole(BlockStore& store, const ImageRef& image) {
  return read_text(store, image, 0, store.info(image)->size_bytes);
}

void backup(BlockStore& store) {
  make_volume(store);
  ASSERT_OK(create_backup(store, {.volume = kSource, .snapshot = "", .backup = kFull, .parent = {}}));
}

void increment(BlockStore& store) {
  backup(store);
  ASSERT_OK(store.write(kSource, 5 * kMib, "middle", 6));
  ASSERT_OK(create_backup(store, {.volume = kSource, .snapshot = "", .backup = kIncrement, .parent = kFull}));
}

void break_off_everywhere(const std::function<void(BlockStore&)>& begin,
                          const std::function<Status(BlockStore&)>& operation,
                          const std::function<void(BlockStore&)>& check) {
  break_off_at_each_step(kMostSteps, begin, operation, check);
}

Status status_of(const Result<BackupResult>& result) {
  return result.ok() ? Status() : Status(result.error());
}

TEST(Backup, IsMadeAndLeavesNothingElse) {
  break_off_everywhere(
      make_volume,
      [](BlockStore& store) {
        return status_of(
            create_backup(store, {.volume = kSource, .snapshot = "", .backup = kFull, .parent = {}}));
      },
      [](BlockStore& store) {
        EXPECT_EQ(*store.list("backups"), std::vector<std::string>{kFull.name});
        EXPECT_TRUE(store.info(kSource)->snapshots.empty());
        EXPECT_EQ(read_manifest(store, kFull)->extents[1].length, 0U) << "a hole is stored nowhere";
      });
}

TEST(Backup, RestoresOverWhateverWasThere) {
  for (const bool there : {false, true}) {
    break_off_everywhere(
        [&](BlockStore& store) {
          backup(store);
          if (!there) return;
          ASSERT_OK(store.create(kTarget, 12 * kMib));
          const std::string rubbish(12 * kMib, 'x');
          ASSERT_OK(store.write(kTarget, 0, rubbish.data(), rubbish.size()));
        },
        [](BlockStore& store) { return restore_backup(store, kFull, kTarget, 12 * kMib); },
        [](BlockStore& store) {
          EXPECT_TRUE(whole(store, kTarget) == whole(store, kSource) + std::string(3 * kMib, '\0'));
        });
  }
}

TEST(Backup, OfASnapshotIsOfItsBytesAndKeepsIt) {
  MemoryStore store;
  make_volume(store);
  ASSERT_OK(store.create_snapshot({kSource, "s"}));
  ASSERT_OK(store.write(kSource, 10, "later", 5));
  ASSERT_OK(create_backup(store, {.volume = kSource, .snapshot = "s", .backup = kFull, .parent = {}}));
  ASSERT_OK(restore_backup(store, kFull, kTarget, kSize));
  EXPECT_EQ(read_text(store, kTarget, 10, 5), "first");
  EXPECT_EQ(store.info(kSource)->snapshots, std::vector<std::string>{"s"});
}

TEST(Backup, IncrementalStoresOnlyWhatChanged) {
  MemoryStore store;
  increment(store);
  // Of three extents with data one is new; zeroes over old data are kept as zeroes.
  const std::string zeroes(5, '\0');
  ASSERT_OK(store.write(kSource, 10, zeroes.data(), zeroes.size()));
  const ImageRef third{"backups", "backup-3"};
  auto made =
      create_backup(store, {.volume = kSource, .snapshot = "", .backup = third, .parent = kIncrement});
  ASSERT_OK(made);
  EXPECT_EQ(made->objects, 0U);
  EXPECT_LT(made->stored_bytes, 1024U);
  EXPECT_EQ(read_manifest(store, third)->owners,
            (std::vector<std::string>{"backup-3", "backup-2", "backup-1"}));
  ASSERT_OK(restore_backup(store, third, kTarget, kSize));
  EXPECT_TRUE(whole(store, kTarget) == whole(store, kSource));
  ASSERT_OK(restore_backup(store, kFull, kTarget, kSize));
  EXPECT_EQ(read_text(store, kTarget, 10, 5), "first");
  EXPECT_EQ(read_text(store, kTarget, 5 * kMib, 6), std::string(6, '\0'));
}

TEST(Backup, IncrementalBrokenOffEverywhere) {
  break_off_everywhere(
      [](BlockStore& store) {
        backup(store);
        ASSERT_OK(store.resize(kSource, 14 * kMib));
        ASSERT_OK(store.write(kSource, 13 * kMib, "grown", 5));
      },
      [](BlockStore& store) {
        return status_of(
            create_backup(store, {.volume = kSource, .snapshot = "", .backup = kIncrement, .parent = kFull}));
      },
      [](BlockStore& store) {
        ASSERT_OK(restore_backup(store, kIncrement, kTarget, 14 * kMib));
        EXPECT_TRUE(whole(store, kTarget) == whole(store, kSource));
        EXPECT_EQ(store.list("backups")->size(), 2U);
      });
}

// Any byte of any image of the chain, flipped: refused, and the volume keeps what it has.
TEST(Backup, DamagedIsRefusedBeforeTheVolumeChanges) {
  for (const ImageRef& image : {kFull, kIncrement}) {
    std::uint64_t size = 0;
    {
      MemoryStore store;
      increment(store);
      size = store.info(image)->size_bytes;
    }
    // 8 MiB and after: the manifest of the full one. Its parent's manifest is not read by an increment.
    for (const std::uint64_t at :
         {std::uint64_t{0}, std::uint64_t{3 * kMib}, size - 57, size - 56, size - 30, size - 1, size - 100}) {
      MemoryStore store;
      increment(store);
      ASSERT_OK(store.create(kTarget, kSize));
      ASSERT_OK(store.write(kTarget, 0, "mine", 4));
      std::string byte = read_text(store, image, at, 1);
      byte[0] = static_cast<char>(byte[0] ^ 0x10);
      ASSERT_OK(store.write(image, at, byte.data(), 1));
      const Status refused = restore_backup(store, image, kTarget, kSize);
      SCOPED_TRACE(image.name + " at " + std::to_string(at));
      ASSERT_EQ(code_of(refused), ErrorCode::kBadRequest);
      EXPECT_NE(refused.error().message.find("The backup is damaged"), std::string::npos);
      EXPECT_EQ(read_text(store, kTarget, 0, 4), "mine");
    }
  }
  MemoryStore store;
  increment(store);
  ASSERT_OK(store.write(kFull, 10, "F", 1));
  EXPECT_EQ(code_of(restore_backup(store, kIncrement, kTarget, kSize)), ErrorCode::kBadRequest)
      << "what an increment takes from its parent is verified too";
  ASSERT_OK(store.resize(kIncrement, 20));
  EXPECT_EQ(code_of(restore_backup(store, kIncrement, kTarget, kSize)), ErrorCode::kBadRequest);
  EXPECT_EQ(code_of(restore_backup(store, {"backups", "none"}, kTarget, kSize)), ErrorCode::kNotFound);
  EXPECT_FALSE(has(store, kTarget));
}

TEST(Backup, ManifestOfOddBytesIsRefused) {
  const std::string good = [] {
    MemoryStore store;
    backup(store);
    return encode_manifest(*read_manifest(store, kFull), 0);
  }();
  const std::string manifest = good.substr(0, good.size() - 56);
  EXPECT_OK(decode_manifest(manifest));
  for (std::size_t length = 0; length < manifest.size(); ++length) {
    EXPECT_FALSE(decode_manifest(manifest.substr(0, length)).ok()) << length;
  }
  for (std::size_t at = 0; at < 28; ++at) {
    std::string odd = manifest;
    odd[at] = '\xff';
    EXPECT_FALSE(decode_manifest(odd).ok()) << at;
  }
}

TEST(Backup, DeletionTakesAllAlongThatAnAttemptLeft) {
  for (int good = 0; good < 12; ++good) {
    MemoryStore store;
    make_volume(store);
    const BackupSpec spec{.volume = kSource, .snapshot = "", .backup = kFull, .parent = {}};
    store.fail_after(good);
    static_cast<void>(create_backup(store, spec));
    store.heal();
    ASSERT_OK(delete_backup(store, spec));
    ASSERT_OK(delete_backup(store, spec));
    EXPECT_TRUE(store.list("backups")->empty());
    EXPECT_TRUE(store.info(kSource)->snapshots.empty());
  }
}

}  // namespace
}  // namespace hanok::storage

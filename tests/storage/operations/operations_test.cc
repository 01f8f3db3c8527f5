// Every operation is broken off at every one of its steps and then repeated: it must end as if nothing had
// happened.
#include "storage/operations/operations.h"

#include "storage/operations/qemu_img.h"
#include "tests/storage/operations/operations_bed.h"

namespace hanok::storage {
namespace {

Status create(BlockStore& store, const VolumeSource& source, std::uint64_t size_bytes) {
  FakeConverter converter(store);
  return create_volume(store, converter, kVolume, size_bytes, source);
}

void expect_volume(BlockStore& store, const std::string& begin, std::uint64_t size_bytes) {
  auto info = store.info(kVolume);
  ASSERT_OK(info);
  EXPECT_EQ(info->size_bytes, size_bytes);
  EXPECT_EQ(read_text(store, kVolume, 0, 4), begin);
  EXPECT_FALSE(has(store, partial_image(kVolume)));
  EXPECT_EQ(store.info(kParent)->snapshots, std::vector<std::string>{"s1"});
}

TEST(RevertVolume, TakesTheBytesBackAndKeepsTheSize) {
  break_off_at_each_step(
      "base",
      [](BlockStore& store) -> Status {
        HANOK_CHECK(extend_volume(store, kParent, 16));
        HANOK_CHECK(store.write(kParent, 0, "XXXXXXXX", 8));
        return revert_volume(store, {kParent, "s1"}, 16);
      },
      [](BlockStore& store) {
        EXPECT_EQ(read_text(store, kParent, 0, 8), "data" + std::string(4, '\0'));
        EXPECT_EQ(store.info(kParent)->size_bytes, 16U);
        EXPECT_EQ(store.info(kParent)->snapshots, std::vector<std::string>{"s1"});
      });
  MemoryStore store;
  prepare(store);
  EXPECT_EQ(code_of(revert_volume(store, {kParent, "none"}, 4)), ErrorCode::kNotFound);
}

std::string plain_text(BlockStore& store, const ImageRef& image) {
  auto view = store.open_plain(image, kEncryption);
  EXPECT_OK(view);
  std::string out(4, '?');
  if (view.ok()) EXPECT_OK((*view)->read(0, out.data(), out.size()));
  return out;
}

TEST(EncryptedVolume, IsEmptyOrHasTheImagesBytesAndNothingIsLeftInTheClear) {
  const VolumeSource raw{VolumeSource::Type::kImage, kImage, "snap", "raw"};
  const VolumeSource qcow2{VolumeSource::Type::kImage, kImage, "snap", "qcow2"};
  const std::pair<VolumeSource, std::string> cases[] = {
      {{}, std::string(4, '\0')}, {raw, "base"}, {qcow2, "disk"}};
  for (const auto& one : cases) {
    const VolumeSource& source = one.first;
    break_off_at_each_step(
        source.format == "qcow2" ? qcow2_header(false) : "base",
        [&](BlockStore& store) {
          FakeConverter converter(store);
          return create_encrypted_volume(store, converter, kVolume, 4 * kMib, source, kEncryption);
        },
        [&](BlockStore& store) {
          EXPECT_EQ(store.info(kVolume)->size_bytes, 8 * kMib);
          EXPECT_EQ(plain_text(store, kVolume), one.second);
          EXPECT_EQ(read_text(store, kVolume, 0, 4), "LUKS");
          EXPECT_EQ(store.list("volumes")->size(), 2U);  // it and the parent of other tests
          EXPECT_FALSE(store.info(kVolume)->parent.has_value());
        });
  }
}

TEST(EncryptedVolume, IsNotMadeFromWhatIsInTheClear) {
  MemoryStore store;
  prepare(store);
  FakeConverter converter(store);
  for (const auto type :
       {VolumeSource::Type::kSnapshot, VolumeSource::Type::kVolume, VolumeSource::Type::kManaged}) {
    const VolumeSource source{type, kParent, "s1", ""};
    EXPECT_EQ(code_of(create_encrypted_volume(store, converter, kVolume, kMib, source, kEncryption)),
              ErrorCode::kBadRequest);
  }
  EXPECT_FALSE(has(store, kVolume));
}

TEST(EncryptedVolume, IsUploadedInTheClearAndAllThatWasLeftGoesWithIt) {
  const ImageRef target{"images", "new"};
  break_off_at_each_step(
      "base",
      [&](BlockStore& store) -> Status {
        FakeConverter converter(store);
        const VolumeSource source{VolumeSource::Type::kImage, kImage, "snap", "raw"};
        HANOK_CHECK(create_encrypted_volume(store, converter, kVolume, 4 * kMib, source, kEncryption));
        HANOK_TRY(bytes, upload_encrypted(store, kVolume, target, kEncryption));
        EXPECT_EQ(bytes, 4 * kMib);
        return {};
      },
      [&](BlockStore& store) {
        EXPECT_EQ(read_text(store, target, 0, 4), "base");
        EXPECT_EQ(store.info(target)->snapshots, std::vector<std::string>{"snap"});
        EXPECT_TRUE(store.info(kVolume)->snapshots.empty());
        EXPECT_EQ(store.list("images")->size(), 2U);
      });
  MemoryStore store;
  ASSERT_OK(store.create(partial_image(kVolume), 1));
  ASSERT_OK(drop_encrypted_parts(store, kVolume));
  EXPECT_TRUE(store.list("volumes")->empty());
}

TEST(MoveVolume, IsUsedInTheNewPoolAndThenLeavesTheOldOne) {
  const ImageRef moved{"volumes-2", kParent.name};
  break_off_at_each_step(
      "base",
      [&](BlockStore& store) -> Status {
        auto there = store.info(moved);
        if (!there.ok() && there.error().code != ErrorCode::kNotFound) return there.take_error();
        if (!there.ok()) HANOK_CHECK(begin_move(store, kParent, moved.pool));
        return finish_move(store, kParent, moved.pool, {});
      },
      [&](BlockStore& store) {
        EXPECT_FALSE(has(store, kParent));
        EXPECT_EQ(read_text(store, moved, 0, 4), "data");
        EXPECT_EQ(store.info(moved)->snapshots, std::vector<std::string>{"s1"});
        EXPECT_EQ(*store.move_state(kParent, moved.pool), MoveState::kNone);
      });
}

TEST(MoveVolume, WhatADeathLeftInNeitherPoolIsTakenBackAndMovesAfterAll) {
  for (const bool undone : {false, true}) {
    MemoryStore store;
    prepare(store);
    store.break_prepare(kParent, "volumes-2");
    EXPECT_FALSE(has(store, kParent));
    ASSERT_OK(undone ? undo_move(store, kParent, "volumes-2") : begin_move(store, kParent, "volumes-2"));
    EXPECT_EQ(has(store, kParent), undone);
    EXPECT_EQ(read_text(store, {undone ? "volumes" : "volumes-2", kParent.name}, 0, 4), "data");
  }
  MemoryStore store;
  EXPECT_EQ(code_of(begin_move(store, kParent, "volumes-2")), ErrorCode::kNotFound);
  EXPECT_OK(finish_move(store, kParent, "volumes-2", {}));
  EXPECT_OK(undo_move(store, kParent, "volumes-2"));
}

TEST(CreateVolume, Empty) {
  break_off_at_each_step(
      "base", [](BlockStore& store) { return create(store, {}, 8); },
      [](BlockStore& store) { expect_volume(store, std::string(4, '\0'), 8); });
}

TEST(CreateVolume, ClonesARawImageAndGrowsIt) {
  const VolumeSource source{VolumeSource::Type::kImage, kImage, "snap", "raw"};
  break_off_at_each_step(
      "base", [&](BlockStore& store) { return create(store, source, 16); },
      [](BlockStore& store) {
        expect_volume(store, "base", 16);
        EXPECT_TRUE(store.info(kVolume)->parent.has_value());
      });
}

TEST(CreateVolume, ConvertsOtherFormats) {
  const VolumeSource source{VolumeSource::Type::kImage, kImage, "snap", "qcow2"};
  break_off_at_each_step(
      qcow2_header(false), [&](BlockStore& store) { return create(store, source, 16); },
      [](BlockStore& store) { expect_volume(store, "disk", 16); });
}

TEST(CreateVolume, RefusesAnImageThatNamesFilesOfTheHost) {
  std::string data_file = qcow2_header(false);
  data_file[79] = 4;  // incompatible feature bit 2
  for (const std::string& header :
       {qcow2_header(true), data_file, std::string("QFI\xfb"), std::string(104, 'x')}) {
    MemoryStore store;
    prepare(store, header);
    const VolumeSource source{VolumeSource::Type::kImage, kImage, "snap", "qcow2"};
    EXPECT_EQ(code_of(create(store, source, 16)), ErrorCode::kBadRequest);
    EXPECT_FALSE(has(store, kVolume));
  }
}

TEST(CreateVolume, ClonesASnapshot) {
  const VolumeSource source{VolumeSource::Type::kSnapshot, kParent, "s1", ""};
  break_off_at_each_step(
      "base", [&](BlockStore& store) { return create(store, source, 8); },
      [](BlockStore& store) { expect_volume(store, "data", 8); });
}

TEST(CreateVolume, ClonesAVolumeAndLeavesNoSnapshotBehind) {
  const VolumeSource source{VolumeSource::Type::kVolume, kParent, "", ""};
  break_off_at_each_step(
      "base", [&](BlockStore& store) { return create(store, source, 4); },
      [](BlockStore& store) { expect_volume(store, "data", 4); });
}

// What RBD's clone leaves when its maker dies early: an image of the right size, without a parent.
TEST(CreateVolume, HalfACloneIsMadeAgainAndGoesWithItsVolume) {
  MemoryStore store;
  prepare(store);
  const VolumeSource source{VolumeSource::Type::kSnapshot, kParent, "s1", ""};
  ASSERT_OK(store.create(partial_image(kVolume), 4));
  ASSERT_OK(create(store, source, 4));
  expect_volume(store, "data", 4);
  EXPECT_FALSE(has(store, partial_image(kVolume)));
  ASSERT_OK(store.create(partial_image(kVolume), 4));
  ASSERT_OK(delete_volume(store, kVolume, source));
  EXPECT_FALSE(has(store, partial_image(kVolume)));
}

TEST(CreateVolume, MissingSourceIsNotFound) {
  MemoryStore store;
  const VolumeSource source{VolumeSource::Type::kSnapshot, kParent, "s1", ""};
  EXPECT_EQ(code_of(create(store, source, 8)), ErrorCode::kNotFound);
}

TEST(DeleteVolume, AlsoWhatAnInterruptedCopyLeft) {
  const VolumeSource source{VolumeSource::Type::kVolume, kParent, "", ""};
  break_off_at_each_step(
      "base",
      [&](BlockStore& store) {
        static_cast<void>(store.create_snapshot(clone_snapshot(kParent, kVolume)));
        return delete_volume(store, kVolume, source);
      },
      [](BlockStore& store) {
        EXPECT_FALSE(has(store, kVolume));
        EXPECT_EQ(store.info(kParent)->snapshots, std::vector<std::string>{"s1"});
      });
}

TEST(ExtendVolume, GrowsAndNeverShrinks) {
  break_off_at_each_step(
      "base", [](BlockStore& store) { return extend_volume(store, kParent, 32); },
      [](BlockStore& store) { EXPECT_EQ(store.info(kParent)->size_bytes, 32U); });
  MemoryStore store;
  prepare(store);
  EXPECT_OK(extend_volume(store, kParent, 1));
  EXPECT_EQ(store.info(kParent)->size_bytes, 4U);
}

TEST(Snapshot, MadeAndRemovedOnceHoweverOftenAsked) {
  break_off_at_each_step(
      "base",
      [](BlockStore& store) {
        return create_volume_snapshot(store, {kParent, "s2"});
      },
      [](BlockStore& store) { EXPECT_EQ(store.info(kParent)->snapshots.size(), 2U); });
  break_off_at_each_step(
      "base",
      [](BlockStore& store) {
        return delete_volume_snapshot(store, {kParent, "s1"});
      },
      [](BlockStore& store) { EXPECT_TRUE(store.info(kParent)->snapshots.empty()); });
  MemoryStore empty;
  EXPECT_OK(delete_volume_snapshot(empty, {kParent, "s1"}));
  EXPECT_EQ(code_of(create_volume_snapshot(empty, {kParent, "s1"})), ErrorCode::kNotFound);
}

TEST(RunProgram, TellsWhatWentWrong) {
  EXPECT_OK(run_program({"true"}, 10));
  const Status failed = run_program({"ls", "/no/such/folder"}, 10);
  EXPECT_EQ(code_of(failed), ErrorCode::kBadRequest);
  EXPECT_NE(failed.error().message.find("/no/such/folder"), std::string::npos);
  EXPECT_EQ(code_of(run_program({"/no/such/program"}, 10)), ErrorCode::kInternal);
  EXPECT_EQ(code_of(run_program({"sleep", "60"}, 1)), ErrorCode::kTimeout);
}

// Part of an attempt that was cut off is of another instant.
TEST(GroupSnapshot, IsTakenAnewAfterAnInterruption) {
  const std::vector<SnapshotRef> both = {{kParent, "g"}, {kImage, "g"}};
  for (int good = 0; good < kMoreThanAnyOperationTakes; ++good) {
    MemoryStore store;
    prepare(store);
    store.fail_after(good);
    const bool done = create_group_snapshot(store, both).ok();
    store.heal();
    SCOPED_TRACE("repeated after " + std::to_string(good) + " good steps");
    ASSERT_OK(store.write(kParent, 0, "late", 4));
    ASSERT_OK(create_group_snapshot(store, both));
    ASSERT_OK(store.clone({kParent, "g"}, kVolume));
    EXPECT_EQ(read_text(store, kVolume, 0, 4), "late");
    if (done) return;
  }
  FAIL() << "the operation never gets through";
}

}  // namespace
}  // namespace hanok::storage

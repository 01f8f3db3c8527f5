// Images made of volumes: whole, or nothing of them left.
#include "tests/storage/operations/operations_bed.h"

namespace hanok::storage {
namespace {

TEST(UploadImage, IsAWholeCopy) {
  const ImageRef target{"images", "new"};
  break_off_at_each_step(
      "base",
      [&](BlockStore& store) -> Status {
        HANOK_TRY(bytes, upload_image(store, kParent, target));
        EXPECT_EQ(bytes, 4U);
        return {};
      },
      [&](BlockStore& store) {
        auto info = store.info(target);
        ASSERT_OK(info);
        EXPECT_EQ(info->snapshots, std::vector<std::string>{"snap"});
        EXPECT_FALSE(info->parent.has_value());
        EXPECT_EQ(read_text(store, target, 0, 4), "data");
        EXPECT_EQ(store.info(kParent)->snapshots, std::vector<std::string>{"s1"});
      });
}

// Whatever step it was broken off at.
TEST(DeleteImage, TakesAwayWhatAnUploadLeft) {
  using Upload = std::function<Result<std::uint64_t>(BlockStore&)>;
  const ImageRef target{"images", "new"};
  const Upload plain = [&](BlockStore& store) { return upload_image(store, kParent, target); };
  const Upload encrypted = [&](BlockStore& store) {
    return upload_encrypted(store, kVolume, target, kEncryption);
  };
  for (const bool encrypting : {false, true}) {
    const Upload& upload = encrypting ? encrypted : plain;
    bool done = false, seen_part = false;
    for (int good = 0; !done; ++good) {
      ASSERT_LT(good, kMoreThanAnyOperationTakes);
      MemoryStore store;
      prepare(store, "base");
      FakeConverter converter(store);
      ASSERT_OK(create_encrypted_volume(store, converter, kVolume, 4 * kMib, {}, kEncryption));
      const auto before = *store.list("images");
      store.fail_after(good);
      done = upload(store).ok();
      store.heal();
      seen_part |= store.list("images")->size() > before.size() && !has(store, target);
      const ImageRef& source = encrypting ? kVolume : kParent;
      ASSERT_OK(delete_image(store, target, source));
      EXPECT_EQ(*store.list("images"), before);
      const auto kept = store.info(source)->snapshots;
      EXPECT_EQ(std::count_if(kept.begin(), kept.end(),
                              [](const auto& name) { return name.starts_with("clone-"); }),
                0);
    }
    EXPECT_TRUE(seen_part);
  }
}

// As RBD leaves it when the client dies in the making: of the right size, and reads as zeroes.
TEST(UploadImage, DoesNotTakeHalfACloneForAWholeOne) {
  const ImageRef target{"images", "new"};
  MemoryStore store;
  prepare(store, "base");
  store.fail_after(2);  // looks for the image, takes the snapshot
  EXPECT_FALSE(upload_image(store, kParent, target).ok());
  store.heal();
  ASSERT_FALSE(has(store, target));
  ASSERT_OK(store.create(partial_image(target), 4));
  ASSERT_OK(upload_image(store, kParent, target));
  EXPECT_EQ(read_text(store, target, 0, 4), "data");
}

}  // namespace
}  // namespace hanok::storage

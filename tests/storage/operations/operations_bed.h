#pragma once
// What the tests of operations begin with, and how an operation is broken off at each of its steps.

#include <functional>
#include <string>

#include "storage/block/memory_store.h"
#include "storage/operations/operations.h"
#include "tests/storage/block/store_contract.h"

namespace hanok::storage {

inline const ImageRef kImage{"images", "image"};
inline const ImageRef kParent{"volumes", "parent"};
inline const ImageRef kVolume{"volumes", "volume"};
inline constexpr int kMoreThanAnyOperationTakes = 40;
inline const Encryption kEncryption{"luks1", "aes-256", "secret words"};

// Copies what stands in for a guest image.
class FakeConverter final : public Converter {
 public:
  explicit FakeConverter(BlockStore& store) : store_(store) {}
  Status convert(const SnapshotRef&, const std::string&, const ImageRef& to) override {
    HANOK_CHECK(store_.create(to, 4));
    return store_.write(to, 0, "disk", 4);
  }

 private:
  BlockStore& store_;
};

inline std::string qcow2_header(bool backing_file) {
  std::string out(104, '\0');
  out.replace(0, 4, "QFI\xfb");
  out[7] = 3;
  if (backing_file) out[15] = 104;
  return out;
}

inline void prepare(BlockStore& store, const std::string& image_bytes = "base") {
  ASSERT_OK(store.create(kImage, image_bytes.size()));
  ASSERT_OK(store.write(kImage, 0, image_bytes.data(), image_bytes.size()));
  ASSERT_OK(store.create_snapshot({kImage, "snap"}));
  ASSERT_OK(store.create(kParent, 4));
  ASSERT_OK(store.write(kParent, 0, "data", 4));
  ASSERT_OK(store.create_snapshot({kParent, "s1"}));
}

// Fails at step 0, 1, 2 ... until the operation gets through; after each failure it is repeated in good
// times.
inline void break_off_at_each_step(int most_steps, const std::function<void(BlockStore&)>& begin,
                                   const std::function<Status(BlockStore&)>& operation,
                                   const std::function<void(BlockStore&)>& check) {
  for (int good = 0; good < most_steps; ++good) {
    MemoryStore store;
    begin(store);
    store.fail_after(good);
    const bool done = operation(store).ok();
    store.heal();
    SCOPED_TRACE("repeated after " + std::to_string(good) + " good steps");
    ASSERT_OK(operation(store));
    check(store);
    if (done) return;
  }
  FAIL() << "the operation never gets through";
}

inline void break_off_at_each_step(const std::string& image_bytes,
                                   const std::function<Status(BlockStore&)>& operation,
                                   const std::function<void(BlockStore&)>& check) {
  break_off_at_each_step(
      kMoreThanAnyOperationTakes, [&](BlockStore& store) { prepare(store, image_bytes); }, operation, check);
}

}  // namespace hanok::storage

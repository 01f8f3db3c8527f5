#pragma once
// What every BlockStore must do; run against the memory twin and against RBD.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>

#include "storage/block/block_store.h"

namespace hanok::storage {

constexpr std::uint64_t kMib = 1U << 20U;

inline std::string read_text(BlockStore& store, const ImageRef& image, std::uint64_t offset,
                             std::size_t length) {
  std::string out(length, '?');
  auto got = store.read(image, offset, out.data(), length);
  EXPECT_TRUE(got.ok()) << (got.ok() ? "" : got.error().message);
  out.resize(got.ok() ? *got : 0);
  return out;
}

inline bool has(BlockStore& store, const ImageRef& image) {
  auto names = store.list(image.pool);
  EXPECT_TRUE(names.ok());
  return names.ok() && std::find(names->begin(), names->end(), image.name) != names->end();
}

template <typename StatusLike>
ErrorCode code_of(const StatusLike& status) {
  EXPECT_FALSE(status.ok());
  return status.ok() ? ErrorCode::kInternal : status.error().code;
}

#define EXPECT_OK(expression)                                                \
  do {                                                                       \
    const auto& result = (expression);                                       \
    EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.error().message); \
  } while (false)
#define ASSERT_OK(expression)                                                \
  do {                                                                       \
    const auto& result = (expression);                                       \
    ASSERT_TRUE(result.ok()) << (result.ok() ? "" : result.error().message); \
  } while (false)

// `tag` keeps the names of runs apart in a shared cluster.
inline void test_images(BlockStore& store, const std::string& tag) {
  const ImageRef image{"volumes", tag + "-a"};
  ASSERT_OK(store.create(image, 4 * kMib));
  EXPECT_EQ(code_of(store.create(image, 4 * kMib)), ErrorCode::kConflict);
  EXPECT_OK(store.write(image, kMib, "hello", 5));
  EXPECT_EQ(read_text(store, image, kMib, 5), "hello");
  EXPECT_EQ(read_text(store, image, 0, 3), std::string(3, '\0'));
  EXPECT_EQ(read_text(store, image, 4 * kMib - 2, 100).size(), 2U);  // short only at the end
  EXPECT_OK(store.resize(image, 8 * kMib));
  EXPECT_EQ(store.info(image)->size_bytes, 8 * kMib);
  EXPECT_EQ(read_text(store, image, kMib, 5), "hello");
  EXPECT_OK(store.rename(image, tag + "-b"));
  EXPECT_EQ(code_of(store.info(image)), ErrorCode::kNotFound);
  EXPECT_OK(store.remove({"volumes", tag + "-b"}));
  EXPECT_EQ(code_of(store.remove({"volumes", tag + "-b"})), ErrorCode::kNotFound);
  EXPECT_EQ(code_of(store.create({"no-such-pool", "x"}, kMib)), ErrorCode::kNotFound);
}

inline void test_clones_outlive_parents(BlockStore& store, const std::string& tag) {
  const ImageRef parent{"images", tag + "-parent"};
  const ImageRef child{"volumes", tag + "-child"};
  const ImageRef grandchild{"volumes", tag + "-grandchild"};
  ASSERT_OK(store.create(parent, 4 * kMib));
  EXPECT_OK(store.write(parent, 0, "base", 4));
  EXPECT_OK(store.create_snapshot({parent, "snap"}));
  EXPECT_EQ(code_of(store.create_snapshot({parent, "snap"})), ErrorCode::kConflict);
  EXPECT_OK(store.write(parent, 0, "late", 4));
  ASSERT_OK(store.clone({parent, "snap"}, child));
  EXPECT_EQ(code_of(store.clone({parent, "snap"}, child)), ErrorCode::kConflict);
  EXPECT_EQ(code_of(store.clone({parent, "none"}, grandchild)), ErrorCode::kNotFound);
  EXPECT_EQ(read_text(store, child, 0, 4), "base");
  EXPECT_TRUE(store.info(child)->parent.has_value());
  EXPECT_OK(store.create_snapshot({child, "s"}));
  ASSERT_OK(store.clone({child, "s"}, grandchild));
  // Parents go first; what was cloned from them stays whole.
  EXPECT_OK(store.remove(parent));
  EXPECT_FALSE(has(store, parent));
  EXPECT_OK(store.remove_snapshot({child, "s"}));
  EXPECT_EQ(code_of(store.remove_snapshot({child, "s"})), ErrorCode::kNotFound);
  EXPECT_OK(store.remove(child));
  EXPECT_FALSE(has(store, child));
  EXPECT_EQ(read_text(store, grandchild, 0, 4), "base");
  EXPECT_OK(store.flatten(grandchild));
  EXPECT_FALSE(store.info(grandchild)->parent.has_value());
  EXPECT_OK(store.flatten(grandchild));
  EXPECT_EQ(read_text(store, grandchild, 0, 4), "base");
  EXPECT_OK(store.remove(grandchild));
}

inline void test_snapshots_by_name(BlockStore& store, const std::string& tag) {
  const ImageRef image{"volumes", tag + "-named"};
  const ImageRef child{"volumes", tag + "-named-child"};
  EXPECT_EQ(code_of(store.snapshots(image)), ErrorCode::kNotFound);
  ASSERT_OK(store.create(image, 4 * kMib));
  EXPECT_OK(store.write(image, 0, "then", 4));
  EXPECT_OK(store.create_snapshot({image, "a"}));
  EXPECT_OK(store.resize(image, 8 * kMib));
  EXPECT_OK(store.create_snapshot({image, "b"}));
  ASSERT_OK(store.clone({image, "a"}, child));
  EXPECT_EQ(code_of(store.rename_snapshot({image, "a"}, "b")), ErrorCode::kConflict);
  EXPECT_EQ(code_of(store.rename_snapshot({image, "none"}, "c")), ErrorCode::kNotFound);
  EXPECT_OK(store.rename_snapshot({image, "a"}, "c"));
  auto there = store.snapshots(image);
  ASSERT_OK(there);
  std::map<std::string, std::uint64_t> sizes;
  for (const SnapshotInfo& one : *there) sizes[one.name] = one.size_bytes;
  EXPECT_EQ(sizes, (std::map<std::string, std::uint64_t>{{"b", 8 * kMib}, {"c", 4 * kMib}}));
  EXPECT_EQ(read_text(store, child, 0, 4), "then");
  EXPECT_OK(store.remove(child));
  EXPECT_OK(store.remove(image));
}

// With a snapshot and a clone; written to while it moves; broken off and gone on with; taken back.
inline void test_moves(BlockStore& store, const std::string& tag) {
  const ImageRef image{"volumes", tag + "-moves"};
  const ImageRef moved{"volumes-2", image.name};
  const ImageRef child{"volumes", tag + "-moves-child"};
  ASSERT_OK(store.create(image, 16 * kMib));
  EXPECT_OK(store.write(image, 0, "first", 5));
  EXPECT_OK(store.create_snapshot({image, "s"}));
  EXPECT_OK(store.write(image, 0, "later", 5));
  EXPECT_OK(store.write(image, 9 * kMib, "far", 3));
  ASSERT_OK(store.clone({image, "s"}, child));
  EXPECT_EQ(*store.move_state(image, moved.pool), MoveState::kNone);
  EXPECT_OK(store.abort_move(image, moved.pool));  // of nothing
  ASSERT_OK(store.prepare_move(image, moved.pool));
  EXPECT_EQ(*store.move_state(image, moved.pool), MoveState::kPrepared);
  EXPECT_EQ(code_of(store.info(image)), ErrorCode::kNotFound);
  EXPECT_EQ(read_text(store, moved, 0, 5), "later");
  ASSERT_OK(store.abort_move(image, moved.pool));
  EXPECT_EQ(code_of(store.info(moved)), ErrorCode::kNotFound);
  EXPECT_EQ(read_text(store, image, 0, 5), "later");
  ASSERT_OK(store.prepare_move(image, moved.pool));
  EXPECT_OK(store.write(moved, 4 * kMib, "meanwhile", 9));
  EXPECT_OK(store.create_snapshot({moved, "t"}));
  const auto never = [](std::uint64_t, std::uint64_t) { return false; };
  int told = 0;
  ASSERT_OK(store.copy_move(image, moved.pool, [&](std::uint64_t, std::uint64_t) { return ++told == 0; }));
  EXPECT_GT(told, 0);
  EXPECT_EQ(*store.move_state(image, moved.pool), MoveState::kCopied);
  ASSERT_OK(store.commit_move(image, moved.pool));
  EXPECT_EQ(*store.move_state(image, moved.pool), MoveState::kNone);
  EXPECT_OK(store.commit_move(image, moved.pool));
  EXPECT_EQ(code_of(store.info(image)), ErrorCode::kNotFound);
  EXPECT_EQ(store.info(moved)->snapshots, (std::vector<std::string>{"s", "t"}));
  EXPECT_EQ(read_text(store, moved, 0, 5), "later");
  EXPECT_EQ(read_text(store, moved, 4 * kMib, 9), "meanwhile");
  EXPECT_EQ(read_text(store, moved, 9 * kMib, 3), "far");
  EXPECT_EQ(read_text(store, child, 0, 5), "first");
  EXPECT_OK(store.rollback({moved, "s"}));
  EXPECT_EQ(read_text(store, moved, 0, 5), "first");
  EXPECT_OK(store.remove(moved));
  EXPECT_EQ(code_of(store.flatten(child, never)), ErrorCode::kConflict);
  EXPECT_TRUE(store.info(child)->parent.has_value());
  EXPECT_OK(store.flatten(child));
  EXPECT_EQ(read_text(store, child, 0, 5), "first");
  EXPECT_OK(store.remove(child));
}

inline void test_encryption(BlockStore& store, const std::string& tag) {
  for (const std::string format : {"luks1", "luks2"}) {
    SCOPED_TRACE(format);
    const ImageRef image{"volumes", std::string(tag).append("-").append(format)};
    const ImageRef child{"volumes", image.name + "-child"};
    const Encryption encryption{format, "aes-256", "the right words"};
    const std::uint64_t header = header_bytes(format);
    ASSERT_OK(store.create(image, header + 8 * kMib));
    ASSERT_OK(store.encrypt(image, encryption));
    EXPECT_EQ(read_text(store, image, 0, 4), "LUKS");
    EXPECT_EQ(store.info(image)->size_bytes, header + 8 * kMib);
    const std::string block(4096, 'm');
    {
      auto view = store.open_plain(image, encryption);
      ASSERT_OK(view);
      EXPECT_EQ((*view)->size_bytes(), 8 * kMib);
      EXPECT_OK((*view)->write(kMib, block.data(), block.size()));
      EXPECT_OK((*view)->flush());
    }
    EXPECT_EQ(read_text(store, image, header + kMib, 8).find('m'), std::string::npos) << "in the clear";
    const auto plain_text = [&](const ImageRef& from) {
      auto view = store.open_plain(from, encryption);
      EXPECT_OK(view);
      std::string out(block.size(), '?');
      if (view.ok()) EXPECT_OK((*view)->read(kMib, out.data(), out.size()));
      return out;
    };
    EXPECT_EQ(plain_text(image), block);
    EXPECT_EQ(code_of(store.open_plain(image, {format, "", "other words"})), ErrorCode::kForbidden);
    ASSERT_OK(store.create_snapshot({image, "s"}));
    ASSERT_OK(store.clone({image, "s"}, child));
    ASSERT_OK(store.resize(child, header + 12 * kMib));
    EXPECT_EQ(plain_text(child), block);
    EXPECT_EQ((*store.open_plain(child, encryption))->size_bytes(), 12 * kMib);
    EXPECT_OK(store.remove(child));
    EXPECT_OK(store.remove(image));
  }
  const ImageRef odd{"volumes", tag + "-odd"};
  ASSERT_OK(store.create(odd, 64 * kMib));
  EXPECT_EQ(code_of(store.encrypt(odd, {"rot13", "", "x"})), ErrorCode::kBadRequest);
  EXPECT_FALSE(store.open_plain(odd, {"luks1", "", "x"}).ok());
  EXPECT_OK(store.remove(odd));
}

inline void test_rollback(BlockStore& store, const std::string& tag) {
  const ImageRef image{"volumes", tag + "-rollback"};
  ASSERT_OK(store.create(image, 4 * kMib));
  EXPECT_OK(store.write(image, kMib, "first", 5));
  EXPECT_OK(store.create_snapshot({image, "s"}));
  EXPECT_OK(store.write(image, kMib, "later", 5));
  EXPECT_OK(store.write(image, 3 * kMib, "more", 4));
  EXPECT_OK(store.resize(image, 8 * kMib));
  EXPECT_EQ(code_of(store.rollback({image, "none"})), ErrorCode::kNotFound);
  EXPECT_EQ(read_text(store, image, kMib, 5), "later");
  EXPECT_OK(store.rollback({image, "s"}));
  EXPECT_EQ(read_text(store, image, kMib, 5), "first");
  EXPECT_EQ(read_text(store, image, 3 * kMib, 4), std::string(4, '\0'));
  EXPECT_EQ(store.info(image)->size_bytes, 4 * kMib);
  EXPECT_OK(store.rollback({image, "s"}));
  EXPECT_EQ(store.info(image)->snapshots, std::vector<std::string>{"s"});
  EXPECT_OK(store.remove(image));
}

inline void test_group_snapshots(BlockStore& store, const std::string& tag) {
  const ImageRef a{"volumes", tag + "-g1"}, b{"volumes", tag + "-g2"};
  for (const ImageRef& image : {a, b}) {
    ASSERT_OK(store.create(image, kMib));
    ASSERT_OK(store.write(image, 0, "then", 4));
  }
  ASSERT_OK(store.create_snapshots({{a, "s"}, {b, "s"}}));
  ASSERT_OK(store.write(b, 0, "now!", 4));
  const ImageRef child{"volumes", tag + "-g3"};
  ASSERT_OK(store.clone({b, "s"}, child));
  EXPECT_EQ(read_text(store, child, 0, 4), "then");
  // All or none.
  ASSERT_OK(store.create_snapshot({b, "t"}));
  EXPECT_EQ(code_of(store.create_snapshots({{a, "t"}, {b, "t"}})), ErrorCode::kConflict);
  EXPECT_EQ(store.info(a)->snapshots, std::vector<std::string>{"s"});
  EXPECT_EQ(code_of(store.create_snapshots({{a, "u"}, {{"volumes", tag + "-none"}, "u"}})),
            ErrorCode::kNotFound);
  EXPECT_EQ(store.info(a)->snapshots, std::vector<std::string>{"s"});
  for (const ImageRef& image : {child, a, b}) EXPECT_OK(store.remove(image));
}

inline void test_sequential_writer(BlockStore& store, const std::string& tag) {
  const ImageRef image{"images", tag + "-upload"};
  std::string bytes(9 * kMib + 777, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i < 3 * kMib || i > 8 * kMib) bytes[i] = static_cast<char>('a' + i % 23);  // a hole between
  }
  {
    auto writer = store.create_for_write(image);
    ASSERT_OK(writer);
    for (std::size_t at = 0; at < bytes.size(); at += 1'000'003) {
      ASSERT_OK((*writer)->write(bytes.data() + at, std::min<std::size_t>(1'000'003, bytes.size() - at)));
    }
    ASSERT_OK((*writer)->finish());
  }
  EXPECT_EQ(store.info(image)->size_bytes, bytes.size());
  EXPECT_TRUE(read_text(store, image, 0, bytes.size()) == bytes);
  EXPECT_EQ(code_of(store.create_for_write(image)), ErrorCode::kConflict);
  EXPECT_OK(store.remove(image));
  {
    auto broken_off = store.create_for_write(image);
    ASSERT_OK(broken_off);
    ASSERT_OK((*broken_off)->write(bytes.data(), 5 * kMib));
  }
  EXPECT_FALSE(has(store, image)) << "a writer that was not finished leaves nothing";
}

}  // namespace hanok::storage

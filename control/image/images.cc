#include <fmt/format.h>

#include "common/log.h"
#include "control/image/context.h"
#include "control/image/image.h"
#include "storage/operations/operations.h"

namespace hanok::image {
namespace {

Answer change_status(const Context& context, http::Request& request, const char* from, const char* to) {
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(record, load_own(tx, request));
    if (record.status != from && record.status != to) {
      return forbidden(
          fmt::format("Not allowed to change the status of an image that is {}.", record.status));
    }
    HANOK_CHECK(tx.execute("UPDATE images SET status = ?, updated_us = ? WHERE id = ?",
                           {to, context.clock.now_us(), record.id}));
    return http::no_content();
  });
}

}  // namespace

Answer show_image(const Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(record,
              load_visible(tx, request.param("id"), request.caller.project_id, request.caller.is_admin));
    return http::ok(image_json(record));
  });
}

// The row stays as `deleted`, so that the id is never used again and the bytes can be removed later if the
// cluster does not answer now.
Answer delete_image(const Context& context, http::Request& request) {
  auto marked = context.database.write([&](store::Tx& tx) -> Status {
    HANOK_TRY(record, load_own(tx, request));
    if (record.is_protected) {
      return forbidden(fmt::format("Image {} is protected and cannot be deleted.", record.id));
    }
    HANOK_CHECK(tx.execute("UPDATE images SET status = 'deleted', updated_us = ? WHERE id = ?",
                           {context.clock.now_us(), record.id}));
    HANOK_CHECK(tx.execute("DELETE FROM image_tags WHERE image_id = ?", {record.id}));
    HANOK_CHECK(tx.execute("DELETE FROM image_members WHERE image_id = ?", {record.id}));
    return to_trash(tx, record.id);
  });
  HANOK_CHECK(std::move(marked));
  empty_trash(context.database, context.blocks);
  return http::no_content();
}

Answer deactivate_image(const Context& context, http::Request& request) {
  return change_status(context, request, "active", "deactivated");
}

Answer reactivate_image(const Context& context, http::Request& request) {
  return change_status(context, request, "deactivated", "active");
}

void empty_trash(store::Database& database, storage::BlockStore* blocks) {
  if (blocks == nullptr) return;
  struct Trash {
    std::string id;
    storage::ImageRef source;
  };
  std::vector<Trash> trash;
  static_cast<void>(database.read([&](store::Tx& tx) -> Status {
    HANOK_TRY(rows, tx.query("SELECT * FROM image_trash LIMIT 20"));
    for (const auto& row : rows) {
      trash.push_back({row.text("image_id"), {row.text("source_pool"), row.text("source_name")}});
    }
    return {};
  }));
  for (const auto& one : trash) {
    auto removed = storage::delete_image(*blocks, {kPool, one.id}, one.source);
    if (!removed.ok()) {
      spdlog::warn("What is left of image {} is not removed yet: {}", one.id, removed.error().message);
      if (removed.error().code == ErrorCode::kUnavailable) return;  // so are the others'
      continue;
    }
    static_cast<void>(database.write([&](store::Tx& tx) -> Status {
      HANOK_CHECK(tx.execute("DELETE FROM image_trash WHERE image_id = ?", {one.id}));
      return {};
    }));
  }
}

}  // namespace hanok::image

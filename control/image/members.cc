// Projects that a shared image is offered to; each accepts or rejects for itself.
#include <fmt/format.h>

#include "control/image/context.h"

namespace hanok::image {
namespace {

Json member_json(const store::Row& row) {
  return {{"image_id", row.text("image_id")},
          {"member_id", row.text("member_id")},
          {"status", row.text("status")},
          {"created_at", iso8601_z(row.integer("created_us"))},
          {"updated_at", iso8601_z(row.integer("updated_us"))},
          {"schema", "/v2/schemas/member"}};
}

bool is_owner(const http::Request& request, const Record& record) {
  return request.caller.is_admin || record.owner == request.caller.project_id;
}

Result<Record> load_shared(store::Tx& tx, const http::Request& request) {
  HANOK_TRY(record,
            load_visible(tx, request.param("id"), request.caller.project_id, request.caller.is_admin));
  if (record.visibility != "shared") return forbidden("Only shared images have members.");
  return record;
}

Result<store::Row> load_member(store::Tx& tx, const std::string& image_id, const std::string& member_id) {
  HANOK_TRY(row, tx.query_one("SELECT * FROM image_members WHERE image_id = ? AND member_id = ?",
                              {image_id, member_id}));
  if (!row)
    return not_found(
        fmt::format("{} not found in the member list of the image {}.", member_id.substr(0, 64), image_id));
  return std::move(*row);
}

}  // namespace

Answer list_members(const Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(record, load_shared(tx, request));
    HANOK_TRY(rows,
              tx.query("SELECT * FROM image_members WHERE image_id = ? ORDER BY created_us", {record.id}));
    Json list = Json::array();
    for (const auto& row : rows) {
      if (is_owner(request, record) || row.text("member_id") == request.caller.project_id)
        list.push_back(member_json(row));
    }
    return http::ok({{"members", list}, {"schema", "/v2/schemas/members"}});
  });
}

Answer show_member(const Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(record, load_shared(tx, request));
    HANOK_TRY(row, load_member(tx, record.id, request.param("member")));
    if (!is_owner(request, record) && request.param("member") != request.caller.project_id) {
      return not_found("The member could not be found.");
    }
    return http::ok(member_json(row));
  });
}

Answer add_member(const Context& context, http::Request& request) {
  HANOK_TRY(member, need_string(request.json, "member"));
  if (member.empty()) return bad_request("Member can't be empty");
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(record, load_shared(tx, request));
    if (!is_owner(request, record))
      return forbidden("You are not permitted to create image members for the image.");
    HANOK_TRY(twice, tx.query_one("SELECT 1 AS yes FROM image_members WHERE image_id = ? AND member_id = ?",
                                  {record.id, member}));
    if (twice) return conflict(fmt::format("Project {} is a member of image {} already.", member, record.id));
    const std::int64_t now_us = context.clock.now_us();
    HANOK_CHECK(
        tx.execute("INSERT INTO image_members (image_id, member_id, status, created_us, updated_us)"
                   " VALUES (?, ?, 'pending', ?, ?)",
                   {record.id, member, now_us, now_us}));
    HANOK_TRY(row, load_member(tx, record.id, member));
    return http::ok(member_json(row));
  });
}

Answer update_member(const Context& context, http::Request& request) {
  HANOK_TRY(status, need_string(request.json, "status"));
  if (status != "pending" && status != "accepted" && status != "rejected") {
    return bad_request("The status must be \"pending\", \"accepted\" or \"rejected\".");
  }
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(record, load_shared(tx, request));
    HANOK_CHECK(load_member(tx, record.id, request.param("member")));
    if (!request.caller.is_admin && request.param("member") != request.caller.project_id) {
      return forbidden("Only the member may change its status.");
    }
    HANOK_CHECK(
        tx.execute("UPDATE image_members SET status = ?, updated_us = ? WHERE image_id = ? AND member_id = ?",
                   {status, context.clock.now_us(), record.id, request.param("member")}));
    HANOK_TRY(row, load_member(tx, record.id, request.param("member")));
    return http::ok(member_json(row));
  });
}

Answer remove_member(const Context& context, http::Request& request) {
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(record, load_shared(tx, request));
    if (!is_owner(request, record)) return forbidden("You cannot delete image members for the image.");
    HANOK_CHECK(load_member(tx, record.id, request.param("member")));
    HANOK_CHECK(tx.execute("DELETE FROM image_members WHERE image_id = ? AND member_id = ?",
                           {record.id, request.param("member")}));
    return http::no_content();
  });
}

}  // namespace hanok::image

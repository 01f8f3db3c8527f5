// Why operations failed, for the project's users (3.3).
#include <fmt/format.h>

#include "control/volume/listing.h"
#include "control/volume/view.h"

namespace hanok::volume {
namespace {

constexpr std::int64_t kKeptDays = 30;

Json message_json(const http::Request& request, const store::Row& row) {
  const std::string id = row.text("id");
  const std::int64_t created_us = row.integer("created_us");
  return {{"id", id},
          {"event_id", row.text("event_id")},
          {"user_message", row.text("user_message")},
          {"message_level", "ERROR"},
          {"resource_type", row.text("resource_type")},
          {"resource_uuid", row.text("resource_id")},
          {"request_id", row.text("request_id")},
          {"created_at", time_json(created_us)},
          {"guaranteed_until", time_json(created_us + kKeptDays * 86400 * kSecond_us)},
          {"links",
           Json::array({{{"rel", "self"},
                         {"href", request.base_url + "/v3/" + row.text("project_id") + "/messages/" + id}},
                        {{"rel", "bookmark"},
                         {"href", request.base_url + "/" + row.text("project_id") + "/messages/" + id}}})}};
}

Result<store::Row> requested_message(store::Tx& tx, const http::Request& request) {
  HANOK_TRY(row, tx.query_one("SELECT * FROM volume_messages WHERE id = ? AND (? OR project_id = ?)",
                              {request.param("id"), request.caller.is_admin, request.caller.project_id}));
  if (!row)
    return not_found(fmt::format("Message {} could not be found.", request.param("id").substr(0, 64)));
  return std::move(*row);
}

}  // namespace

Answer list_messages(const Context& context, http::Request& request) {
  HANOK_TRY(page, page_of(request));
  HANOK_TRY(keys, sort_keys(request, {{"created_at", "created_us"}, {"id", "id"}, {"event_id", "event_id"}}));
  Select select;
  filter_project(select, request);
  if (const auto id = request.query_one("resource_uuid"); id) select.add("resource_id = ?", *id);
  if (const auto type = request.query_one("resource_type"); type) select.add("resource_type = ?", *type);
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(selected, select_page(tx, "volume_messages", select, keys, page));
    Json items = Json::array();
    for (const auto& row : selected.rows) items.push_back(message_json(request, row));
    return http::ok({{"messages", items}});
  });
}

Answer show_message(const Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(row, requested_message(tx, request));
    return http::ok({{"message", message_json(request, row)}});
  });
}

Answer delete_message(const Context& context, http::Request& request) {
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(row, requested_message(tx, request));
    HANOK_CHECK(tx.execute("DELETE FROM volume_messages WHERE id = ?", {row.text("id")}));
    return http::no_content();
  });
}

}  // namespace hanok::volume

#include "control/compute/actions.h"

#include <fmt/format.h>

namespace hanok::compute {
namespace {

// The names that Nova gives to the events of these actions.
std::string event_of(const std::string& action) {
  static const std::map<std::string, std::string> kEvents = {
      {"create", "compute__do_build_and_run_instance"},
      {"delete", "compute_terminate_instance"},
      {"start", "compute_start_instance"},
      {"stop", "compute_stop_instance"},
      {"reboot", "compute_reboot_instance"},
      {"rebuild", "compute_rebuild_instance"},
      {"resize", "compute_resize_instance"},
      {"confirmResize", "compute_confirm_resize"},
      {"revertResize", "compute_revert_resize"},
      {"pause", "compute_pause_instance"},
      {"unpause", "compute_unpause_instance"},
      {"suspend", "compute_suspend_instance"},
      {"resume", "compute_resume_instance"},
      {"createImage", "compute_snapshot_instance"},
      {"attach_volume", "compute_attach_volume"},
      {"detach_volume", "compute_detach_volume"},
      {"attach_interface", "compute_attach_interface"},
      {"detach_interface", "compute_detach_interface"},
  };
  const auto it = kEvents.find(action);
  return it == kEvents.end() ? "compute_" + action : it->second;
}

Json action_json(const http::Request& request, const store::Row& row) {
  Json out = {{"action", row.text("action")},          {"instance_uuid", row.text("server_id")},
              {"request_id", row.text("request_id")},  {"user_id", row.text("user_id")},
              {"project_id", row.text("project_id")},  {"start_time", iso8601_micro(row.integer("start_us"))},
              {"message", row.text_or_null("message")}};
  if (request.minor_version >= 58) out["updated_at"] = iso8601_micro(row.integer("updated_us"));
  return out;
}

Json event_json(const http::Request& request, const Server& server, const store::Row& row) {
  const bool finished = row.integer("finish_us") != 0;
  Json out = {{"event", row.text("event")},
              {"start_time", iso8601_micro(row.integer("start_us"))},
              {"finish_time", finished ? Json(iso8601_micro(row.integer("finish_us"))) : Json()},
              {"result", finished ? Json(row.text("result")) : Json()}};
  if (request.caller.is_admin || request.minor_version < 51) out["traceback"] = nullptr;
  if (request.minor_version >= 62) {
    out["hostId"] = server.host;
    if (request.caller.is_admin) {
      out["host"] = row.text("host");
    } else {
      out["hostId"] = "";
    }
  }
  if (request.minor_version >= 84) out["details"] = row.text_or_null("message");
  return out;
}

// Actions of deleted servers stay visible since 2.21.
Result<Server> server_of(store::Tx& tx, const http::Request& request) {
  if (request.minor_version < 21) return find_server(tx, request.param("id"), request.caller);
  HANOK_TRY(server, load_server(tx, request.param("id")));
  if (!server || (!request.caller.is_admin && server->project_id != request.caller.project_id)) {
    return not_found(fmt::format("Instance {} could not be found.", request.param("id").substr(0, 255)));
  }
  return std::move(*server);
}

}  // namespace

Status begin_action(store::Tx& tx, const Server& server, const http::Request& request,
                    const std::string& action, std::int64_t now_us) {
  HANOK_CHECK(finish_action(tx, server.id, "superseded by " + action, now_us));
  HANOK_CHECK(tx.execute(
      "INSERT INTO server_actions (server_id, action, event, host, request_id, user_id, project_id, start_us,"
      " updated_us, finish_us, result, message) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, '', NULL)",
      {server.id, action, event_of(action), server.host, request.request_id, request.caller.user_id,
       request.caller.project_id, now_us, now_us}));
  return {};
}

Status finish_action(store::Tx& tx, const std::string& server_id, const std::string& message,
                     std::int64_t now_us) {
  const bool good = message.empty();
  HANOK_CHECK(
      tx.execute("UPDATE server_actions SET finish_us = ?, updated_us = ?, result = ?, message = ?"
                 " WHERE server_id = ? AND finish_us = 0",
                 {now_us, now_us, good ? "Success" : "Error",
                  good ? store::Arg(nullptr) : store::Arg(message), server_id}));
  return {};
}

Answer list_actions(Context& context, http::Request& request) {
  Page page;
  if (request.minor_version >= 58) {
    HANOK_TRY(asked, page_of(request));
    page = asked;
  }
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(server, server_of(tx, request));
    std::int64_t before = INT64_MAX;
    if (!page.marker.empty()) {
      HANOK_TRY(found, tx.query_one("SELECT seq FROM server_actions WHERE server_id = ? AND request_id = ?",
                                    {server.id, page.marker}));
      if (!found) return bad_request(fmt::format("marker [{}] not found", page.marker.substr(0, 64)));
      before = found->integer("seq");
    }
    HANOK_TRY(
        rows,
        tx.query("SELECT * FROM server_actions WHERE server_id = ? AND seq < ? ORDER BY seq DESC LIMIT ?",
                 {server.id, before, page.limit + 1}));
    Json list = Json::array();
    const auto shown = std::min(rows.size(), static_cast<std::size_t>(page.limit));
    for (std::size_t at = 0; at < shown; ++at) list.push_back(action_json(request, rows[at]));
    Json body = {{"instanceActions", std::move(list)}};
    if (shown < rows.size() && request.minor_version >= 58) {
      body["links"] = next_link(request, rows[shown - 1].text("request_id"));
    }
    return http::ok(std::move(body));
  });
}

Answer show_action(Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(server, server_of(tx, request));
    HANOK_TRY(row, tx.query_one("SELECT * FROM server_actions WHERE server_id = ? AND request_id = ?",
                                {server.id, request.param("request")}));
    if (!row)
      return not_found(fmt::format("Action for request_id {} on instance {} not found",
                                   request.param("request").substr(0, 64), server.id));
    Json out = action_json(request, *row);
    if (request.caller.is_admin || request.minor_version >= 51) {
      out["events"] = Json::array({event_json(request, server, *row)});
    }
    return http::ok({{"instanceAction", std::move(out)}});
  });
}

}  // namespace hanok::compute

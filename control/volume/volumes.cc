#include <fmt/format.h>

#include <algorithm>

#include "control/volume/group_record.h"
#include "control/volume/view.h"

namespace hanok::volume {
namespace {

bool is_one_of(const std::string& status, std::initializer_list<const char*> allowed) {
  return std::any_of(allowed.begin(), allowed.end(), [&](const char* one) { return status == one; });
}

}  // namespace

Status check_deletable(store::Tx& tx, const Volume& volume, bool cascade, bool force) {
  if (volume.status == "deleting") return {};
  if (!force && !is_one_of(volume.status, {"available", "error", "error_restoring", "error_extending",
                                           "error_managing", "error_deleting", "error_attaching"})) {
    return bad_request(fmt::format(
        "Invalid volume: Volume status must be available or error or error_restoring or error_extending or "
        "error_managing and must not be migrating, attached, belong to a group, have snapshots, awaiting a "
        "transfer, "
        "or be disassociated from snapshots after volume transfer. It is {}.",
        volume.status));
  }
  HANOK_TRY(attachments, attachments_of(tx, volume.id));
  if (!attachments.empty() && !force) return bad_request("Invalid volume: The volume is attached.");
  HANOK_CHECK(check_not_grouped(tx, volume));
  if (cascade) return {};
  HANOK_TRY(snapshot, tx.query_one("SELECT id FROM snapshots WHERE volume_id = ?", {volume.id}));
  if (snapshot) {
    return bad_request(
        "Invalid volume: Volume status must be available and it must not have snapshots: it has dependent "
        "snapshots.");
  }
  return {};
}

Answer show_volume(const Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(volume, load_volume(tx, request));
    HANOK_TRY(extras, load_extras(tx, volume));
    return http::ok({{"volume", volume_json(request, volume, extras, true)}});
  });
}

Answer update_volume(const Context& context, http::Request& request) {
  HANOK_TRY(body, body_of(request, "volume"));
  HANOK_CHECK(only_fields(*body, {"name", "description", "display_name", "display_description", "metadata"}));
  if (body->empty()) return bad_request("Missing required element 'volume' in request body.");
  HANOK_TRY(name, get_string(*body, body->contains("name") ? "name" : "display_name"));
  HANOK_TRY(description,
            get_string(*body, body->contains("description") ? "description" : "display_description"));
  HANOK_TRY(metadata, metadata_of(*body));
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(volume, load_volume(tx, request));
    if (body->contains("name") || body->contains("display_name")) volume.name = name;
    if (body->contains("description") || body->contains("display_description"))
      volume.description = description;
    if (metadata.is_object()) volume.metadata = metadata;
    HANOK_CHECK(save_volume(tx, volume, context.clock.now_us()));
    HANOK_TRY(extras, load_extras(tx, volume));
    return http::ok({{"volume", volume_json(request, volume, extras, false)}});
  });
}

Answer delete_volume(const Context& context, http::Request& request) {
  const auto flag = [&](const char* name) -> Result<bool> {
    HANOK_TRY(on, get_bool(Json{{name, request.query_one(name).value_or("false")}}, name));
    return on.value_or(false);
  };
  HANOK_TRY(cascade, flag("cascade"));
  HANOK_TRY(force, flag("force"));
  if (force && !request.caller.is_admin) return forbidden("Only an administrator may force a deletion.");
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(volume, load_volume(tx, request));
    HANOK_CHECK(check_deletable(tx, volume, cascade, force));
    if (volume.status == "deleting") return http::accepted();
    volume.request_id = request.request_id;
    HANOK_CHECK(begin_delete(tx, volume, context.clock.now_us()));
    return http::accepted();
  });
}

Answer show_summary(const Context& context, http::Request& request) {
  const bool all = request.caller.is_admin && request.query_one("all_tenants").value_or("0") != "0";
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(row, tx.query_one("SELECT COUNT(*) AS n, COALESCE(SUM(size_gib), 0) AS gib FROM volumes"
                                " WHERE ? OR project_id = ?",
                                {all, request.caller.project_id}));
    Json out = {{"total_count", row->integer("n")}, {"total_size", row->integer("gib")}};
    if (request.minor_version >= 36) out["metadata"] = Json::object();
    return http::ok({{"volume-summary", out}});
  });
}

}  // namespace hanok::volume

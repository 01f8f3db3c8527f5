#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "common/uuid.h"
#include "control/volume/quota.h"
#include "control/volume/view.h"

namespace hanok::volume {
namespace {

constexpr std::int64_t kSnapshotCreateSeconds = 120;
constexpr std::int64_t kSnapshotDeleteSeconds = 300;

Result<Snapshot> requested_snapshot(store::Tx& tx, const http::Request& request) {
  return load_snapshot(tx, request.param("id"), request.caller.project_id, request.caller.is_admin);
}

Status check_ungrouped(const Snapshot& snapshot) {
  if (!snapshot.group_snapshot_id) return {};
  return bad_request(fmt::format("Invalid snapshot: Snapshot {} belongs to group snapshot {}.", snapshot.id,
                                 *snapshot.group_snapshot_id));
}

Status start_delete(store::Tx& tx, Snapshot& snapshot, std::int64_t now_us) {
  HANOK_CHECK(check_moved(tx, snapshot.volume_id));
  snapshot.status = "deleting";
  snapshot.last_error.reset();
  snapshot.deadline_us = now_us + kSnapshotDeleteSeconds * kSecond_us;
  return save_snapshot(tx, snapshot, now_us);
}

Answer reset_status(const Context& context, http::Request& request, const Json& argument) {
  if (!request.caller.is_admin)
    return forbidden("Policy doesn't allow snapshot reset-status to be performed.");
  HANOK_TRY(status, need_string(argument, "status"));
  static constexpr std::array kStates = {"creating", "available", "deleting", "error", "error_deleting"};
  if (std::find(kStates.begin(), kStates.end(), status) == kStates.end()) {
    return bad_request(fmt::format("Invalid status '{}'.", status.substr(0, 64)));
  }
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(snapshot, requested_snapshot(tx, request));
    HANOK_CHECK(check_ungrouped(snapshot));
    // The states that an agent acts in are set by deeds only; naming one would start one.
    snapshot.status = status;
    snapshot.deadline_us = 0;
    HANOK_CHECK(save_snapshot(tx, snapshot, context.clock.now_us()));
    return http::accepted();
  });
}

Answer force_delete(const Context& context, http::Request& request) {
  if (!request.caller.is_admin)
    return forbidden("Policy doesn't allow snapshot force-delete to be performed.");
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(snapshot, requested_snapshot(tx, request));
    HANOK_CHECK(check_ungrouped(snapshot));
    HANOK_CHECK(start_delete(tx, snapshot, context.clock.now_us()));
    return http::accepted();
  });
}

Answer unmanage_snapshot_call(const Context& context, http::Request& request) {
  if (!request.caller.is_admin) return forbidden("Policy doesn't allow snapshot unmanage to be performed.");
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(snapshot, requested_snapshot(tx, request));
    HANOK_CHECK(check_ungrouped(snapshot));
    return unmanage_snapshot(tx, snapshot);
  });
}

}  // namespace

Answer create_snapshot(const Context& context, http::Request& request) {
  HANOK_TRY(body, body_of(request, "snapshot"));
  if (!body->contains("volume_id"))
    return bad_request("Invalid input for field/attribute volume_id. It is required.");
  HANOK_TRY(volume_id, get_string(*body, "volume_id"));
  if (!volume_id) return not_found("Volume None could not be found.");
  if (!is_uuid(*volume_id))
    return bad_request("Invalid input for field/attribute volume_id. It is not a 'uuid'.");
  HANOK_TRY(name, get_string(*body, body->contains("name") ? "name" : "display_name"));
  HANOK_TRY(description,
            get_string(*body, body->contains("description") ? "description" : "display_description"));
  HANOK_TRY(force, get_bool(*body, "force"));
  HANOK_TRY(metadata, metadata_of(*body));
  if (metadata.is_null()) metadata = Json::object();
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(volume, load_volume(tx, *volume_id, request.caller.project_id, request.caller.is_admin));
    const bool fit = volume.status == "available" || (volume.status == "in-use" && force.value_or(false));
    if (!fit) {
      return bad_request(
          fmt::format("Invalid volume: Volume {} status must be available, but current status is: {}.",
                      volume.id, volume.status));
    }
    HANOK_CHECK(
        check_quota(tx, volume.project_id, {.volumes = 0, .gigabytes = volume.size_gib, .snapshots = 1}));
    const std::int64_t now_us = context.clock.now_us();
    Snapshot snapshot{.id = new_uuid(),
                      .volume_id = volume.id,
                      .project_id = volume.project_id,
                      .user_id = request.caller.user_id,
                      .status = "creating",
                      .request_id = request.request_id,
                      .name = name,
                      .description = description,
                      .group_snapshot_id = {},
                      .last_error = {},
                      .source_name = {},
                      .size_gib = volume.size_gib,
                      .metadata = metadata,
                      .deadline_us = now_us + kSnapshotCreateSeconds * kSecond_us,
                      .created_us = now_us,
                      .updated_us = {}};
    HANOK_CHECK(insert_snapshot(tx, snapshot));
    return http::accepted({{"snapshot", snapshot_json(request, snapshot, false)}});
  });
}

Answer show_snapshot(const Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(snapshot, requested_snapshot(tx, request));
    return http::ok({{"snapshot", snapshot_json(request, snapshot, true)}});
  });
}

Answer update_snapshot(const Context& context, http::Request& request) {
  HANOK_TRY(body, body_of(request, "snapshot"));
  HANOK_TRY(name, get_string(*body, body->contains("name") ? "name" : "display_name"));
  HANOK_TRY(description,
            get_string(*body, body->contains("description") ? "description" : "display_description"));
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(snapshot, requested_snapshot(tx, request));
    if (body->contains("name") || body->contains("display_name")) snapshot.name = name;
    if (body->contains("description") || body->contains("display_description"))
      snapshot.description = description;
    HANOK_CHECK(save_snapshot(tx, snapshot, context.clock.now_us()));
    return http::ok({{"snapshot", snapshot_json(request, snapshot, false)}});
  });
}

Answer delete_snapshot(const Context& context, http::Request& request) {
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(snapshot, requested_snapshot(tx, request));
    HANOK_CHECK(check_ungrouped(snapshot));
    if (snapshot.status == "deleting") return http::accepted();
    if (snapshot.status != "available" && snapshot.status != "error" && snapshot.status != "error_deleting") {
      return bad_request(fmt::format(
          "Invalid snapshot: Snapshot status must be available or error, it is {}.", snapshot.status));
    }
    HANOK_CHECK(start_delete(tx, snapshot, context.clock.now_us()));
    return http::accepted();
  });
}

Answer snapshot_action(const Context& context, http::Request& request) {
  if (!request.json.is_object() || request.json.size() != 1) return bad_request("There must be one action.");
  const auto action = request.json.begin();
  if (action.key() == "os-reset_status") return reset_status(context, request, action.value());
  if (action.key() == "os-force_delete") return force_delete(context, request);
  if (action.key() == "os-unmanage") return unmanage_snapshot_call(context, request);
  return bad_request(fmt::format("There is no such action: {}.", action.key().substr(0, 64)));
}

}  // namespace hanok::volume

// Generic volume groups (3.13): made empty, changed, deleted.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <set>

#include "common/uuid.h"
#include "control/volume/action.h"
#include "control/volume/group_view.h"
#include "control/volume/quota.h"
#include "control/volume/types.h"
#include "control/volume/view.h"

namespace hanok::volume {
namespace {

constexpr int kGroupMinor = 13, kGroupResetMinor = 20;
constexpr std::size_t kMaxVolumeList = 65536;  // of ids, with commas

Result<std::vector<std::string>> requested_volume_types(store::Tx& tx, const http::Request& request,
                                                        const Json& body) {
  HANOK_TRY(names, get_array(body, "volume_types"));
  if (names == nullptr || names->empty())
    return bad_request("Invalid input for field/attribute volume_types. It must have one or more types.");
  std::set<std::string> out;
  for (const Json& name : *names) {
    if (!name.is_string())
      return bad_request("Invalid input for field/attribute volume_types. They must be strings.");
    HANOK_TRY(type,
              find_type(tx, name.get<std::string>(), request.caller.project_id, request.caller.is_admin));
    if (!out.insert(type.value_or("")).second)
      return bad_request("Invalid input for field/attribute volume_types. It has non-unique elements.");
  }
  return std::vector<std::string>(out.begin(), out.end());
}

// "id,id": as the clients send it.
Result<std::vector<std::string>> volume_list(const Json& body, const char* key) {
  HANOK_TRY(text, get_string(body, key, kMaxVolumeList));
  std::vector<std::string> out;
  std::string id;
  for (const char letter : text.value_or("") + ",") {
    if (letter != ',') {
      id += letter;
    } else if (!id.empty()) {
      if (std::find(out.begin(), out.end(), id) == out.end()) out.push_back(id);
      id.clear();
    }
  }
  return out;
}

Error cannot(const char* what, const std::string& volume_id, const Group& group, const std::string& why) {
  return bad_request(fmt::format("Invalid volume: Cannot {} volume {} {} group {} because {}.", what,
                                 volume_id.substr(0, 64), what[0] == 'a' ? "to" : "from", group.id, why));
}

Status add_to_group(store::Tx& tx, const Group& group, const std::string& id, std::int64_t now_us) {
  HANOK_TRY(volume, get_volume(tx, id));
  if (!volume || volume->project_id != group.project_id)
    return cannot("add", id, group, "volume cannot be found");
  if (volume->group_id == group.id) return {};
  if (volume->group_id) return cannot("add", id, group, "it is already in group " + *volume->group_id);
  HANOK_TRY(types, types_of_group(tx, group.id));
  if (!volume->type_id || std::find(types.begin(), types.end(), *volume->type_id) == types.end())
    return cannot("add", id, group, "its volume type is not supported by the group");
  if (volume->status != "available" && volume->status != "in-use")
    return cannot("add", id, group, "volume is in an invalid state: " + volume->status);
  volume->group_id = group.id;
  return save_volume(tx, *volume, now_us);
}

Status remove_from_group(store::Tx& tx, const Group& group, const std::string& id, std::int64_t now_us) {
  HANOK_TRY(volume, get_volume(tx, id));
  if (!volume || volume->group_id != group.id) return cannot("remove", id, group, "it is not in the group");
  static constexpr std::array kFit = {"available", "in-use", "error", "error_deleting"};
  if (std::find(kFit.begin(), kFit.end(), volume->status) == kFit.end())
    return cannot("remove", id, group, "volume is in an invalid state: " + volume->status);
  volume->group_id.reset();
  return save_volume(tx, *volume, now_us);
}

// Refused as a whole before anything is touched.
Status check_group_deletable(store::Tx& tx, const Group& group, const std::vector<Volume>& volumes,
                             bool with_volumes) {
  if (!with_volumes && group.status != "available" && group.status != "error")
    return bad_request("Invalid group: Group status must be available or error, but current status is: " +
                       group.status);
  HANOK_TRY(snapshot, tx.query_one("SELECT id FROM group_snapshots WHERE group_id = ? LIMIT 1", {group.id}));
  if (snapshot) return bad_request("Invalid group: Group has existing snapshots.");
  if (!volumes.empty() && !with_volumes) {
    return bad_request(fmt::format(
        "Invalid group: Group {} still contains volumes. The delete-volumes flag is required to delete it.",
        group.id));
  }
  for (Volume volume : volumes) {
    volume.group_id.reset();  // what is asked of any other volume
    HANOK_CHECK(check_deletable(tx, volume, false, false));
  }
  return {};
}

Answer delete_group(const Context& context, http::Request& request, const Json& argument) {
  HANOK_CHECK(need_minor(request, kGroupMinor));
  HANOK_CHECK(only_fields(argument, {"delete-volumes"}));
  HANOK_TRY(with_volumes, get_bool(argument, "delete-volumes"));
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(group, load_group(tx, request, request.param("id")));
    HANOK_TRY(volumes, volumes_of_group(tx, group.id));
    HANOK_CHECK(check_group_deletable(tx, group, volumes, with_volumes.value_or(false)));
    const std::int64_t now_us = context.clock.now_us();
    group.status = "deleting";
    group.working = true;
    HANOK_CHECK(save_group(tx, group, now_us));
    for (Volume& volume : volumes) {
      if (volume.status == "deleting") continue;
      volume.request_id = request.request_id;
      HANOK_CHECK(begin_delete(tx, volume, now_us));
    }
    HANOK_CHECK(group_changed(tx, group.id, now_us));
    return http::accepted();
  });
}

Answer reset_group_status(const Context& context, http::Request& request) {
  HANOK_CHECK(need_minor(request, kGroupResetMinor));
  HANOK_TRY(status, wanted_group_status(request));
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(group, load_group(tx, request, request.param("id")));
    group.status = status;
    group.working = false;
    HANOK_CHECK(save_group(tx, group, context.clock.now_us()));
    return http::accepted();
  });
}

}  // namespace

Result<std::string> wanted_group_status(const http::Request& request) {
  if (!request.caller.is_admin) return forbidden("Policy doesn't allow reset_status to be performed.");
  HANOK_TRY(argument, body_of(request, "reset_status"));
  HANOK_TRY(status, need_string(*argument, "status"));
  static constexpr std::array kStatuses = {"available", "creating", "deleting",
                                           "error",     "updating", "error_deleting"};
  std::transform(status.begin(), status.end(), status.begin(), [](char c) { return std::tolower(c); });
  if (std::find(kStatuses.begin(), kStatuses.end(), status) == kStatuses.end())
    return bad_request(fmt::format("Invalid status '{}'.", status.substr(0, 64)));
  return status;
}

Answer create_group(const Context& context, http::Request& request) {
  HANOK_CHECK(need_minor(request, kGroupMinor));
  HANOK_TRY(body, body_of(request, "group"));
  HANOK_CHECK(only_fields(*body, {"name", "description", "group_type", "volume_types", "availability_zone"}));
  HANOK_TRY(name, get_string(*body, "name"));
  HANOK_TRY(description, get_string(*body, "description"));
  HANOK_TRY(type, need_string(*body, "group_type"));
  HANOK_TRY(zone, get_string(*body, "availability_zone"));
  if (zone && !zone->empty() && *zone != kZone)
    return bad_request(
        fmt::format("Invalid input received: Availability zone '{}' is invalid.", zone->substr(0, 64)));
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(group_type, find_group_type(tx, type, request.caller.is_admin));
    HANOK_TRY(volume_types, requested_volume_types(tx, request, *body));
    HANOK_CHECK(check_quota(tx, request.caller.project_id, {.groups = 1}));
    Group group;
    group.id = new_uuid();
    group.project_id = request.caller.project_id;
    group.user_id = request.caller.user_id;
    group.status = "available";  // there is nothing to do for it
    group.group_type_id = group_type;
    group.name = name;
    group.description = description;
    group.created_us = context.clock.now_us();
    HANOK_CHECK(insert_group(tx, group, volume_types));
    return http::accepted({{"group", group_summary_json(group)}});
  });
}

Answer update_group(const Context& context, http::Request& request) {
  HANOK_CHECK(need_minor(request, kGroupMinor));
  HANOK_TRY(body, body_of(request, "group"));
  HANOK_CHECK(only_fields(*body, {"name", "description", "add_volumes", "remove_volumes"}));
  if (body->empty()) return bad_request("Invalid input: name, description, add_volumes or remove_volumes.");
  HANOK_TRY(name, get_string(*body, "name"));
  HANOK_TRY(description, get_string(*body, "description"));
  HANOK_TRY(added, volume_list(*body, "add_volumes"));
  HANOK_TRY(removed, volume_list(*body, "remove_volumes"));
  for (const auto& id : added) {
    if (std::find(removed.begin(), removed.end(), id) != removed.end())
      return bad_request(fmt::format("Invalid volume: UUIDs {} are in both add and remove volume list.", id));
  }
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(group, load_group(tx, request, request.param("id")));
    if (group.status != "available" && !(added.empty() && removed.empty()))
      return bad_request("Invalid group: Group status must be available.");
    const bool renamed = (name && name != group.name) || (description && description != group.description);
    if (!renamed && added.empty() && removed.empty())
      return bad_request(fmt::format(
          "Invalid group: Cannot update group {} because no valid name, description, add_volumes, or "
          "remove_volumes were provided.",
          group.id));
    const std::int64_t now_us = context.clock.now_us();
    for (const auto& id : added) HANOK_CHECK(add_to_group(tx, group, id, now_us));
    for (const auto& id : removed) HANOK_CHECK(remove_from_group(tx, group, id, now_us));
    if (name) group.name = name;
    if (description) group.description = description;
    HANOK_CHECK(save_group(tx, group, now_us));
    return http::accepted();
  });
}

Answer group_action(const Context& context, http::Request& request) {
  if (!request.json.is_object() || request.json.size() != 1) return bad_request("There must be one action.");
  const auto action = request.json.begin();
  if (action.key() == "delete" && action.value().is_object())
    return delete_group(context, request, action.value());
  if (action.key() == "reset_status") return reset_group_status(context, request);
  return bad_request(fmt::format("There is no such action: {}.", action.key().substr(0, 64)));
}

}  // namespace hanok::volume

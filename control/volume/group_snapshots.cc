// Snapshots of all volumes of a group, of one instant (3.14).
#include <fmt/format.h>

#include "common/uuid.h"
#include "control/volume/group_view.h"
#include "control/volume/listing.h"
#include "control/volume/quota.h"
#include "control/volume/view.h"

namespace hanok::volume {
namespace {

constexpr int kGroupSnapshotMinor = 14, kGroupSnapshotResetMinor = 19, kGroupSnapshotProjectMinor = 58;
constexpr std::int64_t kGroupSnapshotCreateSeconds = 120, kGroupSnapshotDeleteSeconds = 300;

const std::map<std::string, std::string>& group_snapshot_columns() {
  static const std::map<std::string, std::string> kColumns = {{"id", "id"},
                                                              {"name", "COALESCE(name, '')"},
                                                              {"status", "status"},
                                                              {"group_id", "group_id"},
                                                              {"created_at", "created_us"},
                                                              {"updated_at", "COALESCE(updated_us, 0)"}};
  return kColumns;
}

Status filter_group_snapshots(Select& select, const std::string& name, const std::string& value) {
  static const std::map<std::string, std::string> kText = {{"name", "name = ?"},
                                                           {"name~", "instr(name, ?) > 0"},
                                                           {"description", "description = ?"},
                                                           {"status", "status = ?"},
                                                           {"id", "id = ?"},
                                                           {"group_id", "group_id = ?"}};
  if (const auto text = kText.find(name); text != kText.end()) select.add(text->second, value);
  return {};
}

Json group_snapshot_json(const http::Request& request, const GroupSnapshot& snapshot) {
  Json out = {{"id", snapshot.id},
              {"group_id", snapshot.group_id},
              {"group_type_id", snapshot.group_type_id},
              {"status", snapshot.status},
              {"created_at", time_json(snapshot.created_us)},
              {"name", text_json(snapshot.name)},
              {"description", text_json(snapshot.description)}};
  if (request.minor_version >= kGroupSnapshotProjectMinor && request.caller.is_admin) {
    out["project_id"] = snapshot.project_id;
  }
  return out;
}

Answer list_group_snapshots_with(const Context& context, http::Request& request, bool detail) {
  HANOK_CHECK(need_minor(request, kGroupSnapshotMinor));
  const List list{"group_snapshots", "group_snapshots", "group_snapshot_links", group_snapshot_columns(),
                  filter_group_snapshots};
  return answer_list(context, request, list, [&](store::Tx&, const store::Rows& rows) -> Result<Json> {
    Json items = Json::array();
    for (const auto& row : rows) {
      const GroupSnapshot snapshot = group_snapshot_from(row);
      Json item = detail ? group_snapshot_json(request, snapshot) : group_snapshot_summary_json(snapshot);
      if (!detail) item.erase("group_type_id");
      items.push_back(std::move(item));
    }
    return items;
  });
}

Status check_members(store::Tx& tx, const Group& group, const std::vector<Volume>& volumes) {
  if (group.status != "available")
    return bad_request("Invalid group: Group status must be available, but current status is: " +
                       group.status);
  if (volumes.empty())
    return bad_request("Invalid group: Group is empty. No group snapshot will be created.");
  Amount more;
  for (const Volume& volume : volumes) {
    if (volume.status != "available" && volume.status != "in-use") {
      return bad_request(fmt::format(
          "Invalid volume: Volume {} status must be available or in-use, but current status is: {}.",
          volume.id, volume.status));
    }
    // An attempt that is taken back would lose a snapshot of it.
    HANOK_CHECK(check_moved(tx, volume.id));
    more.gigabytes += volume.size_gib;
    ++more.snapshots;
  }
  return check_quota(tx, group.project_id, more);
}

Status insert_members(store::Tx& tx, const GroupSnapshot& of, const std::vector<Volume>& volumes) {
  for (const Volume& volume : volumes) {
    Snapshot member;
    member.id = new_uuid();
    member.volume_id = volume.id;
    member.project_id = volume.project_id;
    member.user_id = of.user_id;
    member.status = of.status;
    member.request_id = of.request_id;
    member.name = of.name;
    member.description = of.description;
    member.group_snapshot_id = of.id;
    member.size_gib = volume.size_gib;
    member.created_us = of.created_us;
    HANOK_CHECK(insert_snapshot(tx, member));
  }
  return {};
}

}  // namespace

Json group_snapshot_summary_json(const GroupSnapshot& snapshot) {
  return {{"id", snapshot.id}, {"name", text_json(snapshot.name)}, {"group_type_id", snapshot.group_type_id}};
}

Answer list_group_snapshots(const Context& context, http::Request& request) {
  return list_group_snapshots_with(context, request, false);
}

Answer list_group_snapshots_detail(const Context& context, http::Request& request) {
  return list_group_snapshots_with(context, request, true);
}

Answer show_group_snapshot(const Context& context, http::Request& request) {
  HANOK_CHECK(need_minor(request, kGroupSnapshotMinor));
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(snapshot, load_group_snapshot(tx, request, request.param("id")));
    return http::ok({{"group_snapshot", group_snapshot_json(request, snapshot)}});
  });
}

Answer create_group_snapshot_call(const Context& context, http::Request& request) {
  HANOK_CHECK(need_minor(request, kGroupSnapshotMinor));
  HANOK_TRY(body, body_of(request, "group_snapshot"));
  HANOK_CHECK(only_fields(*body, {"group_id", "name", "description"}));
  HANOK_TRY(group_id, get_uuid(*body, "group_id"));
  HANOK_TRY(name, get_string(*body, "name"));
  HANOK_TRY(description, get_string(*body, "description"));
  if (!group_id) return bad_request("Invalid input for field/attribute group_id. It is required.");
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(group, load_group(tx, request, *group_id));
    HANOK_TRY(volumes, volumes_of_group(tx, group.id));
    HANOK_CHECK(check_members(tx, group, volumes));
    const std::int64_t now_us = context.clock.now_us();
    GroupSnapshot snapshot;
    snapshot.id = new_uuid();
    snapshot.group_id = group.id;
    snapshot.group_type_id = group.group_type_id;
    snapshot.project_id = group.project_id;
    snapshot.user_id = request.caller.user_id;
    snapshot.status = "creating";
    snapshot.request_id = request.request_id;
    snapshot.name = name;
    snapshot.description = description;
    snapshot.created_us = now_us;
    snapshot.deadline_us = now_us + kGroupSnapshotCreateSeconds * kSecond_us;
    HANOK_CHECK(insert_members(tx, snapshot, volumes));
    HANOK_CHECK(insert_group_snapshot(tx, snapshot));
    return http::accepted({{"group_snapshot", group_snapshot_summary_json(snapshot)}});
  });
}

Answer delete_group_snapshot(const Context& context, http::Request& request) {
  HANOK_CHECK(need_minor(request, kGroupSnapshotMinor));
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(snapshot, load_group_snapshot(tx, request, request.param("id")));
    if (snapshot.status == "deleting" && snapshot.deadline_us > 0) return http::accepted();
    HANOK_TRY(source, tx.query_one("SELECT id FROM volume_groups WHERE group_snapshot_id = ? AND working",
                                   {snapshot.id}));
    if (source || (snapshot.status != "available" && snapshot.status != "error" &&
                   snapshot.status != "error_deleting")) {
      return bad_request(
          "Invalid group snapshot: GroupSnapshot status must be available or error, and no Group can be "
          "currently using it as source for its creation.");
    }
    HANOK_TRY(members, snapshots_of_group_snapshot(tx, snapshot.id));
    for (const Snapshot& member : members) HANOK_CHECK(check_moved(tx, member.volume_id));
    const std::int64_t now_us = context.clock.now_us();
    snapshot.status = "deleting";
    snapshot.last_error.reset();
    snapshot.request_id = request.request_id;
    snapshot.deadline_us = now_us + kGroupSnapshotDeleteSeconds * kSecond_us;
    HANOK_CHECK(save_group_snapshot(tx, snapshot, now_us));
    return http::accepted();
  });
}

// The snapshots keep their own.
Answer group_snapshot_action(const Context& context, http::Request& request) {
  HANOK_CHECK(need_minor(request, kGroupSnapshotResetMinor));
  HANOK_TRY(status, wanted_group_status(request));
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(snapshot, load_group_snapshot(tx, request, request.param("id")));
    HANOK_CHECK(tx.execute("UPDATE group_snapshots SET status = ?, deadline_us = 0 WHERE id = ?",
                           {status, snapshot.id}));
    HANOK_CHECK(tx.touch("group_snapshot", snapshot.id));
    return http::accepted();
  });
}

}  // namespace hanok::volume

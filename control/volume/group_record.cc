#include "control/volume/group_record.h"

#include <fmt/format.h>

#include <algorithm>

namespace hanok::volume {
namespace {

bool is_foreign(const http::Request& request, const std::string& project_id) {
  return !request.caller.is_admin && request.caller.project_id != project_id;
}

}  // namespace

Group group_from(const store::Row& row) {
  Group out;
  out.id = row.text("id");
  out.project_id = row.text("project_id");
  out.user_id = row.text("user_id");
  out.status = row.text("status");
  out.group_type_id = row.text("group_type_id");
  out.zone = row.text("zone");
  out.name = row.maybe_text("name");
  out.description = row.maybe_text("description");
  out.group_snapshot_id = row.maybe_text("group_snapshot_id");
  out.source_group_id = row.maybe_text("source_group_id");
  out.working = row.boolean("working");
  out.created_us = row.integer("created_us");
  return out;
}

GroupSnapshot group_snapshot_from(const store::Row& row) {
  GroupSnapshot out;
  out.id = row.text("id");
  out.group_id = row.text("group_id");
  out.group_type_id = row.text("group_type_id");
  out.project_id = row.text("project_id");
  out.user_id = row.text("user_id");
  out.status = row.text("status");
  out.request_id = row.text("request_id");
  out.name = row.maybe_text("name");
  out.description = row.maybe_text("description");
  out.last_error = row.maybe_text("last_error");
  out.deadline_us = row.integer("deadline_us");
  out.created_us = row.integer("created_us");
  return out;
}

Result<Group> load_group(store::Tx& tx, const http::Request& request, const std::string& id) {
  HANOK_TRY(row, tx.query_one("SELECT * FROM volume_groups WHERE id = ?", {id}));
  if (!row || is_foreign(request, row->text("project_id"))) {
    return not_found(fmt::format("Group {} could not be found.", id.substr(0, 64)), "GroupNotFound");
  }
  return group_from(*row);
}

Result<std::optional<GroupSnapshot>> get_group_snapshot(store::Tx& tx, const std::string& id) {
  HANOK_TRY(row, tx.query_one("SELECT * FROM group_snapshots WHERE id = ?", {id}));
  if (!row) return std::optional<GroupSnapshot>{};
  return std::optional<GroupSnapshot>{group_snapshot_from(*row)};
}

Result<GroupSnapshot> load_group_snapshot(store::Tx& tx, const http::Request& request,
                                          const std::string& id) {
  HANOK_TRY(snapshot, get_group_snapshot(tx, id));
  if (!snapshot || is_foreign(request, snapshot->project_id)) {
    return not_found(fmt::format("GroupSnapshot {} could not be found.", id.substr(0, 64)),
                     "GroupSnapshotNotFound");
  }
  return std::move(*snapshot);
}

Result<std::vector<Volume>> volumes_of_group(store::Tx& tx, const std::string& group_id) {
  HANOK_TRY(rows, tx.query("SELECT * FROM volumes WHERE group_id = ? ORDER BY created_us, id", {group_id}));
  std::vector<Volume> out;
  for (const auto& row : rows) out.push_back(volume_from(row));
  return out;
}

Result<std::vector<Snapshot>> snapshots_of_group_snapshot(store::Tx& tx, const std::string& id) {
  HANOK_TRY(rows,
            tx.query("SELECT * FROM snapshots WHERE group_snapshot_id = ? ORDER BY created_us, id", {id}));
  std::vector<Snapshot> out;
  for (const auto& row : rows) out.push_back(snapshot_from(row));
  return out;
}

Result<std::vector<std::string>> types_of_group(store::Tx& tx, const std::string& group_id) {
  HANOK_TRY(rows, tx.query("SELECT type_id FROM volume_group_types WHERE group_id = ? ORDER BY type_id",
                           {group_id}));
  std::vector<std::string> out;
  for (const auto& row : rows) out.push_back(row.text("type_id"));
  return out;
}

Status insert_group(store::Tx& tx, const Group& group, const std::vector<std::string>& volume_types) {
  HANOK_CHECK(
      tx.execute("INSERT INTO volume_groups (id, project_id, user_id, name, description, status,"
                 " group_type_id, zone, group_snapshot_id, source_group_id, working, created_us)"
                 " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                 {group.id, group.project_id, group.user_id, group.name, group.description, group.status,
                  group.group_type_id, group.zone, group.group_snapshot_id, group.source_group_id,
                  group.working, group.created_us}));
  for (const auto& type : volume_types) {
    HANOK_CHECK(tx.execute("INSERT OR IGNORE INTO volume_group_types (group_id, type_id) VALUES (?, ?)",
                           {group.id, type}));
  }
  return {};
}

Status save_group(store::Tx& tx, const Group& group, std::int64_t now_us) {
  HANOK_CHECK(
      tx.execute("UPDATE volume_groups SET name = ?, description = ?, status = ?, working = ?,"
                 " updated_us = ? WHERE id = ?",
                 {group.name, group.description, group.status, group.working, now_us, group.id}));
  return {};
}

Status forget_group(store::Tx& tx, const std::string& id) {
  HANOK_CHECK(tx.execute("DELETE FROM volume_group_types WHERE group_id = ?", {id}));
  HANOK_CHECK(tx.execute("DELETE FROM volume_groups WHERE id = ?", {id}));
  return {};
}

Status insert_group_snapshot(store::Tx& tx, const GroupSnapshot& snapshot) {
  HANOK_CHECK(
      tx.execute("INSERT INTO group_snapshots (id, group_id, group_type_id, project_id, user_id, name,"
                 " description, status, deadline_us, request_id, created_us)"
                 " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                 {snapshot.id, snapshot.group_id, snapshot.group_type_id, snapshot.project_id,
                  snapshot.user_id, snapshot.name, snapshot.description, snapshot.status,
                  snapshot.deadline_us, snapshot.request_id, snapshot.created_us}));
  return tx.touch("group_snapshot", snapshot.id);
}

Status save_group_snapshot(store::Tx& tx, const GroupSnapshot& snapshot, std::int64_t now_us) {
  HANOK_CHECK(
      tx.execute("UPDATE group_snapshots SET status = ?, last_error = ?, deadline_us = ?,"
                 " request_id = ?, updated_us = ? WHERE id = ?",
                 {snapshot.status, snapshot.last_error, snapshot.deadline_us, snapshot.request_id, now_us,
                  snapshot.id}));
  HANOK_CHECK(
      tx.execute("UPDATE snapshots SET status = ?, last_error = ?, updated_us = ?"
                 " WHERE group_snapshot_id = ?",
                 {snapshot.status, snapshot.last_error, now_us, snapshot.id}));
  return tx.touch("group_snapshot", snapshot.id);
}

Status forget_group_snapshot(store::Tx& tx, const std::string& id) {
  HANOK_CHECK(tx.execute("DELETE FROM snapshots WHERE group_snapshot_id = ?", {id}));
  HANOK_CHECK(tx.execute("DELETE FROM group_snapshots WHERE id = ?", {id}));
  return tx.touch("group_snapshot", id);
}

Status group_changed(store::Tx& tx, const std::string& group_id, std::int64_t now_us) {
  HANOK_TRY(row, tx.query_one("SELECT * FROM volume_groups WHERE id = ? AND working", {group_id}));
  if (!row) return {};
  Group group = group_from(*row);
  HANOK_TRY(volumes, volumes_of_group(tx, group_id));
  const std::string on_the_way = group.status;  // creating or deleting, as its volumes are
  if (std::any_of(volumes.begin(), volumes.end(), [&](const Volume& volume) {
        return volume.status == on_the_way && volume.deadline_us > 0;
      }))
    return {};
  if (on_the_way == "deleting" && volumes.empty()) return forget_group(tx, group_id);
  const bool good = on_the_way == "creating" &&
                    std::none_of(volumes.begin(), volumes.end(),
                                 [](const Volume& volume) { return volume.status.starts_with("error"); });
  group.status = good ? "available" : "error";
  group.working = false;
  if (!good) {
    HANOK_CHECK(add_message(tx, group.project_id, "GROUP", group.id, "GROUP_" + on_the_way,
                            on_the_way + " group: not every volume came to its end; each has its own message",
                            "", now_us));
  }
  return save_group(tx, group, now_us);
}

Status check_in_no_group(const Volume& volume) {
  if (!volume.group_id) return {};
  return bad_request(
      fmt::format("Invalid volume: Volume {} belongs to group {}.", volume.id, *volume.group_id));
}

Status check_not_grouped(store::Tx& tx, const Volume& volume) {
  HANOK_CHECK(check_in_no_group(volume));
  HANOK_TRY(row,
            tx.query_one("SELECT id FROM snapshots WHERE volume_id = ? AND group_snapshot_id IS NOT NULL",
                         {volume.id}));
  if (row) {
    return bad_request(
        fmt::format("Invalid volume: Volume {} has snapshot {}, which belongs to a group snapshot.",
                    volume.id, row->text("id")));
  }
  return {};
}

}  // namespace hanok::volume

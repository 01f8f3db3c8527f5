#pragma once
// Rows of `volume_groups` and `group_snapshots`. Every function runs in the caller's transaction.
//
// A group has no work of its own: it is `creating` or `deleting` as long as its volumes are, whose deadlines
// are also its own. Of a group snapshot the agent makes or removes all snapshots in one task; meanwhile they
// have its status and no deadline of their own.

#include <vector>

#include "control/volume/record.h"

namespace hanok::volume {

struct Group {
  std::string id, project_id, user_id, status, group_type_id, zone = kZone;
  std::optional<std::string> name, description, group_snapshot_id, source_group_id;  // ids: made from it
  bool working = false;  // creating or deleting by deed, not by a status that was set
  std::int64_t created_us = 0;
};
struct GroupSnapshot {
  std::string id, group_id, group_type_id, project_id, user_id, status, request_id;
  std::optional<std::string> name, description, last_error;
  std::int64_t deadline_us = 0, created_us = 0;
};

[[nodiscard]] Group group_from(const store::Row& row);
[[nodiscard]] GroupSnapshot group_snapshot_from(const store::Row& row);

// kNotFound also for what belongs to another project.
[[nodiscard]] Result<Group> load_group(store::Tx& tx, const http::Request& request, const std::string& id);
[[nodiscard]] Result<GroupSnapshot> load_group_snapshot(store::Tx& tx, const http::Request& request,
                                                        const std::string& id);
[[nodiscard]] Result<std::optional<GroupSnapshot>> get_group_snapshot(store::Tx& tx, const std::string& id);
[[nodiscard]] Result<std::vector<Volume>> volumes_of_group(store::Tx& tx, const std::string& group_id);
[[nodiscard]] Result<std::vector<Snapshot>> snapshots_of_group_snapshot(store::Tx& tx, const std::string& id);
// Ids of the volume types that volumes of the group may have.
[[nodiscard]] Result<std::vector<std::string>> types_of_group(store::Tx& tx, const std::string& group_id);

[[nodiscard]] Status insert_group(store::Tx& tx, const Group& group,
                                  const std::vector<std::string>& volume_types);
[[nodiscard]] Status save_group(store::Tx& tx, const Group& group, std::int64_t now_us);
[[nodiscard]] Status forget_group(store::Tx& tx, const std::string& id);
[[nodiscard]] Status insert_group_snapshot(store::Tx& tx, const GroupSnapshot& snapshot);
// Writes the row and wakes the agents; its snapshots get the same status.
[[nodiscard]] Status save_group_snapshot(store::Tx& tx, const GroupSnapshot& snapshot, std::int64_t now_us);
// With its snapshots.
[[nodiscard]] Status forget_group_snapshot(store::Tx& tx, const std::string& id);

// Whether a group that is creating or deleting has come to its end: called when one of its volumes changed.
[[nodiscard]] Status group_changed(store::Tx& tx, const std::string& group_id, std::int64_t now_us);
// kBadRequest for a volume that belongs to a group.
[[nodiscard]] Status check_in_no_group(const Volume& volume);
// The same, and for one that has a snapshot that belongs to a group snapshot.
[[nodiscard]] Status check_not_grouped(store::Tx& tx, const Volume& volume);

}  // namespace hanok::volume

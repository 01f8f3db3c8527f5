// Group snapshots as agents see them, and what their reports do; as kinds.cc does it for volumes.
#include "common/clock.h"
#include "control/volume/group_record.h"
#include "control/volume/kinds.h"

namespace hanok::volume {
namespace {

std::string group_task_of(const GroupSnapshot& snapshot) {
  if (snapshot.deadline_us == 0) return "";
  if (snapshot.status == "creating") return "create";
  return snapshot.status == "deleting" ? "delete" : "";
}

Result<Json> render_group_snapshot(store::Tx& tx, const std::string& id, const std::string& host) {
  HANOK_TRY(snapshot, get_group_snapshot(tx, id));
  if (!snapshot) return Json();
  const std::string task = group_task_of(*snapshot);
  HANOK_TRY(chosen, volume_host(tx));
  if (task.empty() || (chosen && *chosen != host)) return Json();
  HANOK_TRY(members, snapshots_of_group_snapshot(tx, id));
  Json list = Json::array();
  for (const Snapshot& member : members) {
    HANOK_TRY(volume, get_volume(tx, member.volume_id));
    list.push_back({{"pool", volume ? volume->pool : kPool},
                    {"image", rbd_image_of(member.volume_id)},
                    {"snapshot", rbd_snapshot_of(member.id)}});
  }
  return Json{{"task", task},
              {"snapshots", std::move(list)},
              {"wanted", task == "delete" ? "absent" : "present"},
              {"request_id", snapshot->request_id}};
}

Status group_snapshot_failed(store::Tx& tx, GroupSnapshot& snapshot, const std::string& task,
                             const std::string& why, std::int64_t now_us) {
  snapshot.status = task == "delete" ? "error_deleting" : "error";
  snapshot.deadline_us = 0;
  snapshot.last_error = why;
  HANOK_CHECK(add_message(tx, snapshot.project_id, "GROUP_SNAPSHOT", snapshot.id, "GROUP_SNAPSHOT_" + task,
                          task + " group snapshot: " + why, snapshot.request_id, now_us));
  return save_group_snapshot(tx, snapshot, now_us);
}

Status observe_group_snapshot(store::Tx& tx, const std::string&, const std::string& id,
                              const Json& observed) {
  HANOK_TRY(snapshot, get_group_snapshot(tx, id));
  HANOK_TRY(task, get_string(observed, "task"));
  HANOK_TRY(state, need_string(observed, "state"));
  HANOK_TRY(why, error_of(observed));
  if (!snapshot) return {};
  const std::string wanted = group_task_of(*snapshot);
  if (wanted.empty() || task.value_or("") != wanted) return {};  // late: the wish has changed since
  const std::int64_t now_us = SystemClock{}.now_us();
  if (state == "retrying") return note_error(tx, "group_snapshots", id, why);
  if (state == "error") return group_snapshot_failed(tx, *snapshot, wanted, why, now_us);
  if (wanted == "delete") return state == "deleted" ? forget_group_snapshot(tx, id) : Status{};
  if (state != "available") return {};
  snapshot->status = "available";
  snapshot->deadline_us = 0;
  snapshot->last_error.reset();
  return save_group_snapshot(tx, *snapshot, now_us);
}

}  // namespace

bus::Kind group_snapshot_kind() {
  return {.name = "group_snapshot", .render = render_group_snapshot, .observe = observe_group_snapshot};
}

Status expire_group_snapshots(store::Tx& tx, std::int64_t now_us) {
  HANOK_TRY(rows,
            tx.query("SELECT * FROM group_snapshots WHERE deadline_us > 0 AND deadline_us < ? LIMIT 100",
                     {now_us}));
  for (const auto& row : rows) {
    GroupSnapshot snapshot = group_snapshot_from(row);
    HANOK_CHECK(group_snapshot_failed(tx, snapshot, group_task_of(snapshot),
                                      deadline_cause(snapshot.last_error), now_us));
  }
  return {};
}

}  // namespace hanok::volume

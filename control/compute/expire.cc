// The sweeper: deadlines, volumes that have just been made, and deleted rows that are old.

#include <fmt/format.h>

#include "control/compute/actions.h"
#include "control/compute/attach.h"
#include "control/compute/compute.h"
#include "control/compute/tasks.h"
#include "control/image/image.h"
#include "control/volume/volume.h"

namespace hanok::compute {
namespace {

constexpr std::int64_t kKeepDeleted_us = std::int64_t{24} * 3600 * kSecond_us;

// What was awaited from whom.
std::string awaited(const Server& server) {
  const std::string task = server.task_state;
  const std::string what = task == "deleting"                 ? "deleted"
                           : task.rfind("image_", 0) == 0     ? "the snapshot"
                           : server.power_wanted == "running" ? "a running guest"
                                                              : "a guest that is " + server.power_wanted;
  return fmt::format("{}: host {} did not report {} in time", task, server.host, what);
}

Result<std::vector<Server>> overdue(store::Tx& tx, std::int64_t now_us) {
  HANOK_TRY(rows, tx.query(fmt::format(
                               "SELECT {} FROM servers WHERE deadline_us > 0 AND deadline_us <= ? LIMIT 100",
                               server_columns()),
                           {now_us}));
  std::vector<Server> out;
  for (const auto& row : rows) out.push_back(read_server(row));
  return out;
}

Status expire_one(store::Tx& tx, Server& server, std::int64_t now_us) {
  const std::string why = awaited(server);
  if (server.task_state.rfind("image_", 0) == 0) {
    // The server itself is well: only the image fails.
    HANOK_CHECK(give_up_upload(tx, server, now_us));
    end_task(server);
    HANOK_CHECK(finish_action(tx, server.id, why, now_us));
    return change_server(tx, server, now_us);
  }
  set_error(server, 500, why, "", true, now_us);
  HANOK_CHECK(finish_action(tx, server.id, why, now_us));
  return save_server(tx, server, now_us);
}

// A volume that a server waits for: attached once it is there; the server fails when the volume did.
Status follow_volume(store::Tx& tx, ServerVolume& row, std::int64_t now_us) {
  HANOK_TRY(server, load_server(tx, row.server_id));
  if (!server || server->deleted || server->delete_wanted) return {};
  auto volume = volume::find_volume(tx, row.volume_id, server->project_id, true);
  if (volume.ok() && volume->status == "available") return attach_created(tx, *server, row, now_us);
  const bool failed = !volume.ok() || volume->status.rfind("error", 0) == 0;
  if (!failed || server->vm_state == "error") return {};
  const std::string why = fmt::format("volume {} to boot from is {}", row.volume_id,
                                      volume.ok() ? "in state " + volume->status : "gone");
  set_error(*server, 500, why, "", false, now_us);
  HANOK_CHECK(finish_action(tx, server->id, why, now_us));
  return save_server(tx, *server, now_us);
}

Status follow_volumes(store::Tx& tx, std::int64_t now_us) {
  HANOK_TRY(rows,
            tx.query("SELECT DISTINCT server_id FROM server_volumes WHERE state = 'creating' LIMIT 100"));
  for (const auto& row : rows) {
    HANOK_TRY(volumes, volumes_of(tx, row.text("server_id")));
    for (auto& volume : volumes) {
      if (volume.state == "creating") HANOK_CHECK(follow_volume(tx, volume, now_us));
    }
  }
  return {};
}

// An attachment that the host never made is undone, so that the volume is free again.
Status undo_attachments(store::Tx& tx, std::int64_t now_us) {
  HANOK_TRY(rows, tx.query("SELECT server_id, volume_id FROM server_volumes WHERE state = 'attaching' AND"
                           " deadline_us > 0 AND deadline_us <= ? LIMIT 100",
                           {now_us}));
  for (const auto& row : rows) {
    HANOK_TRY(volumes, volumes_of(tx, row.text("server_id")));
    for (const auto& volume : volumes) {
      if (volume.volume_id != row.text("volume_id")) continue;
      HANOK_CHECK(drop_volume(tx, volume, DropReason::kDetached, now_us));
      HANOK_CHECK(tx.touch("instance", volume.server_id));
      HANOK_CHECK(finish_action(tx, volume.server_id,
                                fmt::format("volume {} was not attached in time", volume.volume_id), now_us));
    }
  }
  return {};
}

}  // namespace

Status expire_servers(store::Tx& tx, std::int64_t now_us) {
  HANOK_TRY(late, overdue(tx, now_us));
  for (auto& server : late) HANOK_CHECK(expire_one(tx, server, now_us));
  HANOK_CHECK(follow_volumes(tx, now_us));
  HANOK_CHECK(undo_attachments(tx, now_us));
  HANOK_CHECK(
      tx.execute("DELETE FROM servers WHERE deleted = 1 AND terminated_us < ?", {now_us - kKeepDeleted_us}));
  return {};
}

}  // namespace hanok::compute

// Backups as agents see them, and what their reports do; as kinds.cc does it for volumes.
#include "common/clock.h"
#include "control/volume/backup_record.h"
#include "control/volume/encryption.h"
#include "control/volume/kinds.h"

namespace hanok::volume {
namespace {

std::string rbd_backup_of(const std::string& backup_id) {
  return "backup-" + backup_id;
}

std::string task_of(const Backup& backup) {
  if (backup.deadline_us == 0) return "";
  if (backup.status == "creating") return "create";
  if (backup.status == "restoring") return "restore";
  return backup.status == "deleting" ? "delete" : "";
}

Json image_json(const std::string& pool, const std::string& image) {
  return {{"pool", pool}, {"image", image}};
}

Result<Json> render_backup(store::Tx& tx, const std::string& id, const std::string& host) {
  HANOK_TRY(backup, get_backup(tx, id));
  if (!backup) return Json();
  const std::string task = task_of(*backup);
  HANOK_TRY(chosen, volume_host(tx));
  if (task.empty() || (chosen && *chosen != host)) return Json();
  std::string volume_id = backup->volume_id;
  std::int64_t size_gib = backup->size_gib;
  if (task == "restore") volume_id = backup->restore_volume_id.value_or("");
  HANOK_TRY(volume, get_volume(tx, volume_id));
  if (task == "restore") {
    // Gone, or set to something else by hand: nobody writes to it any more.
    if (!volume || volume->status != "restoring-backup") return Json();
    size_gib = volume->size_gib;
  }
  Json parent;
  if (backup->parent_id) parent = image_json(kBackupPool, rbd_backup_of(*backup->parent_id));
  return Json{{"task", task},
              {"volume", image_json(volume ? volume->pool : kPool, rbd_image_of(volume_id))},
              {"snapshot", backup->snapshot_id ? rbd_snapshot_of(*backup->snapshot_id) : std::string()},
              {"backup", image_json(kBackupPool, rbd_backup_of(id))},
              {"parent", parent},
              {"encryption", encryption_for_agent(backup->encryption, false)},
              {"size_gib", size_gib},
              {"wanted", task == "delete" ? "absent" : "present"},
              {"request_id", backup->request_id}};
}

// A restore that fails leaves the backup as it is: it may be good for another volume's sake, or for a look.
Status backup_failed(store::Tx& tx, Backup& backup, const std::string& task, const std::string& why,
                     std::int64_t now_us) {
  if (task == "restore") {
    HANOK_CHECK(release_target(tx, backup, false, why, now_us));
    backup.status = "available";
  } else {
    if (task == "create") HANOK_CHECK(release_sources(tx, backup, now_us));
    backup.status = task == "create" ? "error" : "error_deleting";
  }
  backup.deadline_us = 0;
  backup.fail_reason = why.substr(0, 255);
  HANOK_CHECK(add_message(tx, backup.project_id, "VOLUME_BACKUP", backup.id, "BACKUP_" + task,
                          task + " backup: " + why, backup.request_id, now_us));
  return save_backup(tx, backup, now_us);
}

Status backup_done(store::Tx& tx, Backup& backup, const std::string& task, const Json& observed,
                   std::int64_t now_us) {
  if (task == "create") {
    HANOK_TRY(objects, get_int(observed, "objects"));
    backup.objects = objects.value_or(0);
    HANOK_CHECK(release_sources(tx, backup, now_us));
  } else {
    HANOK_CHECK(release_target(tx, backup, true, "", now_us));
  }
  backup.status = "available";
  backup.deadline_us = 0;
  backup.fail_reason.reset();
  return save_backup(tx, backup, now_us);
}

Status observe_backup(store::Tx& tx, const std::string&, const std::string& id, const Json& observed) {
  HANOK_TRY(backup, get_backup(tx, id));
  HANOK_TRY(task, get_string(observed, "task"));
  HANOK_TRY(state, need_string(observed, "state"));
  HANOK_TRY(why, error_of(observed));
  if (!backup) return {};
  const std::string wanted = task_of(*backup);
  if (wanted.empty() || task.value_or("") != wanted) return {};  // late: the wish has changed since
  const std::int64_t now_us = SystemClock{}.now_us();
  if (state == "retrying") return note_error(tx, "backups", id, why);
  if (state == "error") return backup_failed(tx, *backup, wanted, why, now_us);
  if (wanted == "delete") {
    if (state != "deleted") return {};
    HANOK_CHECK(tx.execute("DELETE FROM backups WHERE id = ?", {id}));
    return tx.touch("backup", id);
  }
  return state == "available" ? backup_done(tx, *backup, wanted, observed, now_us) : Status{};
}

}  // namespace

bus::Kind backup_kind() {
  return {.name = "backup", .render = render_backup, .observe = observe_backup};
}

Status expire_backups(store::Tx& tx, std::int64_t now_us) {
  HANOK_TRY(rows,
            tx.query("SELECT id FROM backups WHERE deadline_us > 0 AND deadline_us < ? LIMIT 100", {now_us}));
  for (const auto& row : rows) {
    HANOK_TRY(backup, get_backup(tx, row.text("id")));
    HANOK_CHECK(backup_failed(tx, *backup, task_of(*backup), deadline_cause(backup->last_error), now_us));
  }
  return {};
}

}  // namespace hanok::volume

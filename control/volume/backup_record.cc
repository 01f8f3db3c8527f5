#include "control/volume/backup_record.h"

#include <fmt/format.h>

namespace hanok::volume {
namespace {

constexpr const char* kSelect = "SELECT * FROM backups_seen WHERE id = ?";

}  // namespace

Backup backup_from(const store::Row& row) {
  Backup out;
  out.id = row.text("id");
  out.project_id = row.text("project_id");
  out.user_id = row.text("user_id");
  out.status = row.text("status");
  out.volume_id = row.text("volume_id");
  out.request_id = row.text("request_id");
  out.name = row.maybe_text("name");
  out.description = row.maybe_text("description");
  out.snapshot_id = row.maybe_text("snapshot_id");
  out.parent_id = row.maybe_text("parent_id");
  out.fail_reason = row.maybe_text("fail_reason");
  out.last_error = row.maybe_text("last_error");
  out.restore_volume_id = row.maybe_text("restore_volume_id");
  out.size_gib = row.integer("size_gib");
  out.objects = row.integer("objects");
  out.metadata = row.json("metadata");
  out.volume = row.json("volume");
  out.encryption = row.json("encryption");
  out.has_dependents = row.boolean("has_dependents");
  out.deadline_us = row.integer("deadline_us");
  out.created_us = row.integer("created_us");
  out.data_us = row.integer("data_us");
  out.updated_us = row.maybe_integer("updated_us");
  return out;
}

Result<std::optional<Backup>> get_backup(store::Tx& tx, const std::string& id) {
  HANOK_TRY(row, tx.query_one(kSelect, {id}));
  if (!row) return std::optional<Backup>();
  return std::optional<Backup>(backup_from(*row));
}

Result<Backup> load_backup(store::Tx& tx, const http::Request& request) {
  const std::string id = request.param("id");
  HANOK_TRY(backup, get_backup(tx, id));
  if (!backup || (!request.caller.is_admin && backup->project_id != request.caller.project_id)) {
    return not_found(fmt::format("Backup {} could not be found.", id.substr(0, 64)), "BackupNotFound");
  }
  return std::move(*backup);
}

Status insert_backup(store::Tx& tx, const Backup& backup) {
  HANOK_CHECK(tx.execute(
      "INSERT INTO backups (id, project_id, user_id, status, volume_id, request_id, name, description,"
      " snapshot_id, parent_id, size_gib, metadata, volume, encryption, deadline_us, created_us, data_us)"
      " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      {backup.id, backup.project_id, backup.user_id, backup.status, backup.volume_id, backup.request_id,
       backup.name, backup.description, backup.snapshot_id, backup.parent_id, backup.size_gib,
       backup.metadata, backup.volume, backup.encryption, backup.deadline_us, backup.created_us,
       backup.data_us}));
  return tx.touch("backup", backup.id);
}

Status save_backup(store::Tx& tx, Backup& backup, std::int64_t now_us) {
  backup.updated_us = now_us;
  HANOK_CHECK(tx.execute(
      "UPDATE backups SET status = ?, name = ?, description = ?, fail_reason = ?, last_error = ?,"
      " restore_volume_id = ?, objects = ?, metadata = ?, deadline_us = ?, request_id = ?, updated_us = ?"
      " WHERE id = ?",
      {backup.status, backup.name, backup.description, backup.fail_reason, backup.last_error,
       backup.restore_volume_id, backup.objects, backup.metadata, backup.deadline_us, backup.request_id,
       now_us, backup.id}));
  return tx.touch("backup", backup.id);
}

Status release_sources(store::Tx& tx, const Backup& backup, std::int64_t now_us) {
  if (backup.snapshot_id) {
    HANOK_CHECK(tx.execute("UPDATE snapshots SET status = 'available' WHERE id = ? AND status = 'backing-up'",
                           {*backup.snapshot_id}));
    return {};
  }
  HANOK_TRY(volume, get_volume(tx, backup.volume_id));
  if (!volume || volume->status != "backing-up") return {};
  HANOK_TRY(rest, resting_status(tx, volume->id));
  settle(*volume, rest);
  return save_volume(tx, *volume, now_us);
}

Status release_target(store::Tx& tx, Backup& backup, bool restored, const std::string& why,
                      std::int64_t now_us) {
  if (!backup.restore_volume_id) return {};
  HANOK_TRY(volume, get_volume(tx, *backup.restore_volume_id));
  backup.restore_volume_id.reset();
  if (!volume || volume->status != "restoring-backup") return {};
  settle(*volume, restored ? "available" : "error_restoring");
  // What it has now, header and all, is the backup's.
  if (restored) volume->encryption = backup.encryption;
  if (!restored) {
    volume->last_error = why;
    HANOK_CHECK(add_message(tx, volume->project_id, "VOLUME", volume->id, "VOLUME_restore",
                            "restore backup: " + why, backup.request_id, now_us));
  }
  return save_volume(tx, *volume, now_us);
}

}  // namespace hanok::volume

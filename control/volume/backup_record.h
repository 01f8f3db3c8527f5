#pragma once
// Rows of `backups`. Every function runs in the caller's transaction. A backup's deadline is also that of the
// volume in `backing-up` or `restoring-backup` and of the snapshot in `backing-up`.

#include "control/volume/record.h"

namespace hanok::volume {

inline constexpr const char* kBackupPool = "backups";

struct Backup {
  std::string id, project_id, user_id, status, volume_id, request_id;
  std::optional<std::string> name, description, snapshot_id, parent_id, fail_reason, last_error,
      restore_volume_id;
  std::int64_t size_gib = 0, objects = 0;
  Json metadata = Json::object();
  Json encryption;               // of the volume: the backup holds what is encrypted
  Json volume = Json::object();  // bootable, image_metadata: for a volume that a restore makes
  bool has_dependents = false;
  std::int64_t deadline_us = 0, created_us = 0, data_us = 0;  // data: of the moment it shows
  std::optional<std::int64_t> updated_us;
};

[[nodiscard]] Backup backup_from(const store::Row& row);
// kNotFound also for what belongs to another project.
[[nodiscard]] Result<Backup> load_backup(store::Tx& tx, const http::Request& request);
[[nodiscard]] Result<std::optional<Backup>> get_backup(store::Tx& tx, const std::string& id);
[[nodiscard]] Status insert_backup(store::Tx& tx, const Backup& backup);
[[nodiscard]] Status save_backup(store::Tx& tx, Backup& backup, std::int64_t now_us);  // wakes the agents
// Volume and snapshot of a backup that is over, whichever way; `restored`: to available, else
// error_restoring.
[[nodiscard]] Status release_sources(store::Tx& tx, const Backup& backup, std::int64_t now_us);
[[nodiscard]] Status release_target(store::Tx& tx, Backup& backup, bool restored, const std::string& why,
                                    std::int64_t now_us);

}  // namespace hanok::volume

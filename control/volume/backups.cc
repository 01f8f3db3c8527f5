#include <fmt/format.h>

#include "common/uuid.h"
#include "control/volume/backup_view.h"
#include "control/volume/create.h"
#include "control/volume/quota.h"
#include "control/volume/view.h"

namespace hanok::volume {
namespace {

// 9 MB/s at least, and room to start.
constexpr std::int64_t kBackupSeconds = 600;
constexpr std::int64_t kBackupSecondsPerGib = 120;
constexpr std::int64_t kBackupDeleteSeconds = 1800;

std::int64_t copy_deadline(std::int64_t size_gib, std::int64_t now_us) {
  return now_us + (kBackupSeconds + kBackupSecondsPerGib * size_gib) * kSecond_us;
}

struct Wish {
  std::string volume_id;
  std::optional<std::string> snapshot_id, name, description;
  bool incremental = false, force = false;
  Json metadata = Json::object();
};

// What is given of zone and pool must be the one there is.
Status check_place(const Json& body) {
  HANOK_TRY(zone, get_string(body, "availability_zone"));
  HANOK_TRY(container, get_string(body, "container"));
  if (zone && *zone != kZone) {
    return bad_request(fmt::format("Availability zone '{}' is invalid.", zone->substr(0, 64)));
  }
  if (container && !container->empty() && *container != kBackupPool) {
    return bad_request(fmt::format("Invalid container: backups go to '{}' only.", kBackupPool));
  }
  return {};
}

Result<Wish> parse_wish(const http::Request& request) {
  HANOK_TRY(body, body_of(request, "backup"));
  HANOK_CHECK(only_fields(*body, {"volume_id", "snapshot_id", "name", "description", "incremental", "force",
                                  "metadata", "availability_zone", "container"}));
  HANOK_CHECK(check_place(*body));
  HANOK_TRY(volume_id, get_uuid(*body, "volume_id"));
  if (!volume_id) return bad_request("Invalid input for field/attribute volume_id. It is required.");
  HANOK_TRY(snapshot_id, get_uuid(*body, "snapshot_id"));
  HANOK_TRY(name, get_string(*body, "name"));
  HANOK_TRY(description, get_string(*body, "description"));
  HANOK_TRY(incremental, get_bool(*body, "incremental"));
  HANOK_TRY(force, get_bool(*body, "force"));
  HANOK_TRY(metadata, metadata_of(*body));
  Wish out;
  if (metadata.is_object()) out.metadata = std::move(metadata);
  out.volume_id = *volume_id;
  out.snapshot_id = snapshot_id;
  out.name = name;
  out.description = description;
  out.incremental = incremental.value_or(false);
  out.force = force.value_or(false);
  return out;
}

// The newest of the volume, which the new one goes on from.
Result<std::string> parent_of(store::Tx& tx, const std::string& volume_id, const std::string& project_id,
                              std::int64_t data_us) {
  HANOK_TRY(row, tx.query_one("SELECT id, status FROM backups WHERE volume_id = ? AND project_id = ?"
                              " AND data_us <= ? AND status NOT IN ('error', 'error_deleting', 'deleting')"
                              " ORDER BY data_us DESC, created_us DESC LIMIT 1",
                              {volume_id, project_id, data_us}));
  if (!row) return bad_request("Invalid backup: No backups available to do an incremental backup.");
  if (row->text("status") != "available") {
    return bad_request("Invalid backup: The parent backup must be available for incremental backup.");
  }
  return row->text("id");
}

// Takes what is backed up into `backing-up`.
Status hold_source(store::Tx& tx, const http::Request& request, const Wish& wish, Volume& volume,
                   Backup& backup, std::int64_t now_us) {
  if (wish.snapshot_id) {
    HANOK_TRY(snapshot,
              load_snapshot(tx, *wish.snapshot_id, request.caller.project_id, request.caller.is_admin));
    if (snapshot.volume_id != volume.id) {
      return bad_request("Invalid snapshot: It is not one of the volume to be backed up.");
    }
    if (snapshot.status != "available") {
      return bad_request(
          fmt::format("Invalid snapshot: Snapshot to be backed up must be available, but the "
                      "current status is \"{}\".",
                      snapshot.status));
    }
    HANOK_CHECK(check_not_moving(tx, volume.id));
    backup.snapshot_id = snapshot.id;
    backup.size_gib = snapshot.size_gib;
    backup.data_us = snapshot.created_us;
    snapshot.status = "backing-up";
    return save_snapshot(tx, snapshot, now_us);
  }
  if (volume.status == "in-use" && !wish.force) {
    return bad_request("Invalid volume: Backing up an in-use volume must use the force flag.");
  }
  if (volume.status != "available" && volume.status != "in-use") {
    return bad_request(
        fmt::format("Invalid volume: Volume to be backed up should be available or in-use, but "
                    "current status is \"{}\".",
                    volume.status));
  }
  backup.size_gib = volume.size_gib;
  backup.data_us = now_us;
  // The deadline is the backup's own.
  settle(volume, "backing-up");
  return save_volume(tx, volume, now_us);
}

Result<Volume> new_target(store::Tx& tx, const http::Request& request, const Backup& backup,
                          const std::optional<std::string>& name, std::int64_t now_us) {
  CreateSpec spec;
  spec.project_id = request.caller.project_id;
  spec.user_id = request.caller.user_id;
  spec.request_id = request.request_id;
  spec.is_admin = request.caller.is_admin;
  spec.name = name.value_or("restore_backup_" + backup.id);
  spec.description = backup.description;
  spec.size_gib = backup.size_gib;
  HANOK_TRY(volume, make_volume(tx, spec, now_us));
  volume.bootable = backup.volume.value("bootable", false);
  if (backup.volume.contains("image_metadata")) volume.image_metadata = backup.volume["image_metadata"];
  return volume;
}

Result<Volume> given_target(store::Tx& tx, const http::Request& request, const Backup& backup,
                            const std::string& id) {
  HANOK_TRY(volume, load_volume(tx, id, request.caller.project_id, request.caller.is_admin));
  if (volume.status != "available") {
    return bad_request("Invalid volume: Volume to be restored to must be available");
  }
  if (volume.encryption.is_object() != backup.encryption.is_object()) {
    return bad_request(
        "Invalid volume: a backup of an encrypted volume goes to an encrypted one, others to others.");
  }
  if (volume.size_gib < backup.size_gib) {
    return bad_request(
        fmt::format("Invalid volume: volume size {} is too small to restore backup of size {}.",
                    volume.size_gib, backup.size_gib));
  }
  return volume;
}

Status start_delete(store::Tx& tx, Backup& backup, std::int64_t now_us) {
  if (backup.has_dependents) return bad_request("Invalid backup: Incremental backups exist for this backup.");
  HANOK_CHECK(check_not_moving(tx, backup.volume_id));  // it may have a snapshot of ours
  HANOK_CHECK(release_sources(tx, backup, now_us));
  HANOK_CHECK(release_target(tx, backup, false, "the backup was deleted", now_us));
  backup.status = "deleting";
  backup.last_error.reset();
  backup.deadline_us = now_us + kBackupDeleteSeconds * kSecond_us;
  return save_backup(tx, backup, now_us);
}

Answer reset_backup_status(const Context& context, http::Request& request, const Json& argument) {
  if (!request.caller.is_admin) return forbidden("Policy doesn't allow backup reset-status to be performed.");
  HANOK_TRY(status, need_string(argument, "status"));
  if (status != "available" && status != "error") {
    return bad_request(fmt::format("Invalid status '{}'.", status.substr(0, 64)));
  }
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(backup, load_backup(tx, request));
    const std::int64_t now_us = context.clock.now_us();
    if (backup.status == "creating") HANOK_CHECK(release_sources(tx, backup, now_us));
    HANOK_CHECK(release_target(tx, backup, false, "the backup's status was reset", now_us));
    backup.status = status;
    backup.deadline_us = 0;
    HANOK_CHECK(save_backup(tx, backup, now_us));
    return http::accepted();
  });
}

Answer force_delete_backup(const Context& context, http::Request& request) {
  if (!request.caller.is_admin) return forbidden("Policy doesn't allow backup force-delete to be performed.");
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(backup, load_backup(tx, request));
    HANOK_CHECK(start_delete(tx, backup, context.clock.now_us()));
    return http::accepted();
  });
}

}  // namespace

Answer create_backup(const Context& context, http::Request& request) {
  HANOK_TRY(wish, parse_wish(request));
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(volume, load_volume(tx, wish.volume_id, request.caller.project_id, request.caller.is_admin));
    const std::int64_t now_us = context.clock.now_us();
    Backup backup;
    backup.id = new_uuid();
    backup.project_id = request.caller.project_id;
    backup.user_id = request.caller.user_id;
    backup.status = "creating";
    backup.volume_id = volume.id;
    backup.request_id = request.request_id;
    backup.name = wish.name;
    backup.description = wish.description;
    if (request.minor_version >= 43) backup.metadata = wish.metadata;
    backup.volume = {{"bootable", volume.bootable}, {"image_metadata", volume.image_metadata}};
    backup.encryption = volume.encryption;
    backup.created_us = now_us;
    HANOK_CHECK(hold_source(tx, request, wish, volume, backup, now_us));
    if (wish.incremental) {
      HANOK_TRY(parent, parent_of(tx, volume.id, backup.project_id, backup.data_us));
      backup.parent_id = parent;
    }
    HANOK_CHECK(check_quota(tx, backup.project_id, {.backups = 1, .backup_gigabytes = backup.size_gib}));
    backup.deadline_us = copy_deadline(backup.size_gib, now_us);
    HANOK_CHECK(insert_backup(tx, backup));
    return http::accepted({{"backup", backup_summary_json(request, backup)}});
  });
}

Answer update_backup(const Context& context, http::Request& request) {
  if (request.minor_version < 9) return not_found("The resource could not be found.");
  HANOK_TRY(body, body_of(request, "backup"));
  HANOK_CHECK(only_fields(*body, {"name", "description", "metadata"}));
  if (body->empty()) return bad_request("Missing required element 'backup' in request body.");
  HANOK_TRY(name, get_string(*body, "name"));
  HANOK_TRY(description, get_string(*body, "description"));
  HANOK_TRY(metadata, metadata_of(*body));
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(backup, load_backup(tx, request));
    if (body->contains("name")) backup.name = name;
    if (body->contains("description")) backup.description = description;
    if (metadata.is_object() && request.minor_version >= 43) backup.metadata = metadata;
    HANOK_CHECK(save_backup(tx, backup, context.clock.now_us()));
    return http::ok({{"backup", backup_summary_json(request, backup)}});
  });
}

Answer delete_backup(const Context& context, http::Request& request) {
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(backup, load_backup(tx, request));
    if (backup.status == "deleting") return http::accepted();
    if (backup.status != "available" && backup.status != "error" && backup.status != "error_deleting") {
      return bad_request("Invalid backup: Backup status must be available or error");
    }
    HANOK_CHECK(start_delete(tx, backup, context.clock.now_us()));
    return http::accepted();
  });
}

Answer restore_backup(const Context& context, http::Request& request) {
  HANOK_TRY(body, body_of(request, "restore"));
  HANOK_CHECK(only_fields(*body, {"volume_id", "name"}));
  HANOK_TRY(volume_id, get_uuid(*body, "volume_id"));
  HANOK_TRY(name, get_string(*body, "name"));
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(backup, load_backup(tx, request));
    if (backup.status != "available") return bad_request("Invalid backup: Backup status must be available");
    const std::int64_t now_us = context.clock.now_us();
    auto target = volume_id ? given_target(tx, request, backup, *volume_id)
                            : new_target(tx, request, backup, name, now_us);
    if (!target.ok()) return target.take_error();
    Volume& volume = *target;
    settle(volume, "restoring-backup");
    volume.request_id = request.request_id;
    HANOK_CHECK(save_volume(tx, volume, now_us));
    backup.status = "restoring";
    backup.restore_volume_id = volume.id;
    backup.request_id = request.request_id;
    backup.last_error.reset();
    backup.deadline_us = copy_deadline(backup.size_gib, now_us);
    HANOK_CHECK(save_backup(tx, backup, now_us));
    return http::accepted(
        {{"restore",
          {{"backup_id", backup.id}, {"volume_id", volume.id}, {"volume_name", text_json(volume.name)}}}});
  });
}

Answer backup_action(const Context& context, http::Request& request) {
  if (!request.json.is_object() || request.json.size() != 1) return bad_request("There must be one action.");
  const auto action = request.json.begin();
  if (action.key() == "os-reset_status") return reset_backup_status(context, request, action.value());
  if (action.key() == "os-force_delete") return force_delete_backup(context, request);
  return bad_request(fmt::format("There is no such action: {}.", action.key().substr(0, 64)));
}

}  // namespace hanok::volume

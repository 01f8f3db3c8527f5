#include "control/volume/record.h"

#include <fmt/format.h>

#include "common/uuid.h"
#include "control/image/image.h"
#include "control/volume/group_record.h"

namespace hanok::volume {
namespace {

constexpr std::int64_t kDeleteSeconds = 900;

Error no_volume(const std::string& id) {
  return not_found(fmt::format("Volume {} could not be found.", id.substr(0, 64)), "VolumeNotFound");
}

Error no_snapshot(const std::string& id) {
  return not_found(fmt::format("Snapshot {} could not be found.", id.substr(0, 64)), "SnapshotNotFound");
}

}  // namespace

std::string rbd_image_of(const std::string& volume_id) {
  return "volume-" + volume_id;
}

std::string rbd_snapshot_of(const std::string& snapshot_id) {
  return "snapshot-" + snapshot_id;
}

Volume volume_from(const store::Row& row) {
  Volume out;
  out.id = row.text("id");
  out.project_id = row.text("project_id");
  out.user_id = row.text("user_id");
  out.status = row.text("status");
  out.previous_status = row.text("previous_status");
  out.zone = row.text("zone");
  out.request_id = row.text("request_id");
  out.name = row.maybe_text("name");
  out.description = row.maybe_text("description");
  out.type_id = row.maybe_text("type_id");
  out.image_id = row.maybe_text("image_id");
  out.snapshot_id = row.maybe_text("snapshot_id");
  out.source_volid = row.maybe_text("source_volid");
  out.upload_image_id = row.maybe_text("upload_image_id");
  out.group_id = row.maybe_text("group_id");
  out.last_error = row.maybe_text("last_error");
  out.target_type_id = row.maybe_text("target_type_id");
  out.pool = row.text("pool");
  out.target_pool = row.text("target_pool");
  out.moved_from = row.text("moved_from");
  out.flattening = row.boolean("flattening");
  out.work_percent = row.integer("work_percent");
  out.size_gib = row.integer("size_gib");
  out.wanted_gib = row.integer("wanted_gib");
  out.bootable = row.boolean("bootable");
  out.multiattach = row.boolean("multiattach");
  out.metadata = row.json("metadata");
  out.image_metadata = row.json("image_metadata");
  out.source = row.json("source");
  out.limits = row.json("limits");
  out.encryption = row.json("encryption");
  out.deadline_us = row.integer("deadline_us");
  out.created_us = row.integer("created_us");
  out.updated_us = row.maybe_integer("updated_us");
  return out;
}

Snapshot snapshot_from(const store::Row& row) {
  Snapshot out;
  out.id = row.text("id");
  out.volume_id = row.text("volume_id");
  out.project_id = row.text("project_id");
  out.user_id = row.text("user_id");
  out.status = row.text("status");
  out.request_id = row.text("request_id");
  out.name = row.maybe_text("name");
  out.description = row.maybe_text("description");
  out.group_snapshot_id = row.maybe_text("group_snapshot_id");
  out.source_name = row.maybe_text("source_name");
  out.last_error = row.maybe_text("last_error");
  out.size_gib = row.integer("size_gib");
  out.metadata = row.json("metadata");
  out.deadline_us = row.integer("deadline_us");
  out.created_us = row.integer("created_us");
  out.updated_us = row.maybe_integer("updated_us");
  return out;
}

Attachment attachment_from(const store::Row& row) {
  return {.id = row.text("id"),
          .volume_id = row.text("volume_id"),
          .server_id = row.text("server_id"),
          .host = row.text("host"),
          .device = row.text("device"),
          .mode = row.text("mode"),
          .status = row.text("status"),
          .transport = row.text("transport"),
          .connector = row.json("connector"),
          .attached_us = row.maybe_integer("attached_us")};
}

Result<std::optional<Volume>> get_volume(store::Tx& tx, const std::string& id) {
  HANOK_TRY(row, tx.query_one("SELECT * FROM volumes WHERE id = ?", {id}));
  if (!row) return std::optional<Volume>{};
  return std::optional<Volume>{volume_from(*row)};
}

Result<Volume> load_volume(store::Tx& tx, const std::string& id, const std::string& project_id,
                           bool is_admin) {
  HANOK_TRY(volume, get_volume(tx, id));
  if (!volume || (!is_admin && volume->project_id != project_id)) return no_volume(id);
  return std::move(*volume);
}

Result<Volume> load_volume(store::Tx& tx, const http::Request& request) {
  return load_volume(tx, request.param("id"), request.caller.project_id, request.caller.is_admin);
}

Result<std::optional<Snapshot>> get_snapshot(store::Tx& tx, const std::string& id) {
  HANOK_TRY(row, tx.query_one("SELECT * FROM snapshots WHERE id = ?", {id}));
  if (!row) return std::optional<Snapshot>{};
  return std::optional<Snapshot>{snapshot_from(*row)};
}

Result<Snapshot> load_snapshot(store::Tx& tx, const std::string& id, const std::string& project_id,
                               bool is_admin) {
  HANOK_TRY(snapshot, get_snapshot(tx, id));
  if (!snapshot || (!is_admin && snapshot->project_id != project_id)) return no_snapshot(id);
  return std::move(*snapshot);
}

Result<std::vector<Attachment>> attachments_of(store::Tx& tx, const std::string& volume_id) {
  HANOK_TRY(rows, tx.query("SELECT * FROM volume_attachments WHERE volume_id = ? ORDER BY created_us, id",
                           {volume_id}));
  std::vector<Attachment> out;
  for (const auto& row : rows) out.push_back(attachment_from(row));
  return out;
}

Status insert_volume(store::Tx& tx, const Volume& volume) {
  HANOK_CHECK(tx.execute(
      "INSERT INTO volumes (id, project_id, user_id, name, description, status, size_gib, wanted_gib, "
      "type_id, zone,"
      " bootable, multiattach, metadata, image_metadata, source, image_id, snapshot_id, source_volid, "
      "deadline_us,"
      " request_id, pool, encryption, group_id, created_us)"
      " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      {volume.id,       volume.project_id,  volume.user_id,      volume.name,           volume.description,
       volume.status,   volume.size_gib,    volume.wanted_gib,   volume.type_id,        volume.zone,
       volume.bootable, volume.multiattach, volume.metadata,     volume.image_metadata, volume.source,
       volume.image_id, volume.snapshot_id, volume.source_volid, volume.deadline_us,    volume.request_id,
       volume.pool,     volume.encryption,  volume.group_id,     volume.created_us}));
  return tx.touch("volume", volume.id);
}

Status save_volume(store::Tx& tx, Volume& volume, std::int64_t now_us) {
  volume.updated_us = now_us;
  HANOK_CHECK(
      tx.execute("UPDATE volumes SET project_id = ?, user_id = ?, name = ?, description = ?, status = ?, "
                 "previous_status = ?,"
                 " size_gib = ?, wanted_gib = ?, type_id = ?, bootable = ?, multiattach = ?, metadata = ?, "
                 "image_metadata = ?,"
                 " upload_image_id = ?, last_error = ?, deadline_us = ?, request_id = ?, limits = ?, "
                 "pool = ?, target_pool = ?, target_type_id = ?, moved_from = ?, flattening = ?, "
                 "work_percent = ?, encryption = ?, group_id = ?, updated_us = ? WHERE id = ?",
                 {volume.project_id,
                  volume.user_id,
                  volume.name,
                  volume.description,
                  volume.status,
                  volume.previous_status,
                  volume.size_gib,
                  volume.wanted_gib,
                  volume.type_id,
                  volume.bootable,
                  volume.multiattach,
                  volume.metadata,
                  volume.image_metadata,
                  volume.upload_image_id,
                  volume.last_error,
                  volume.deadline_us,
                  volume.request_id,
                  volume.limits,
                  volume.pool,
                  volume.target_pool,
                  volume.target_type_id,
                  volume.moved_from,
                  volume.flattening,
                  volume.work_percent,
                  volume.encryption,
                  volume.group_id,
                  now_us,
                  volume.id}));
  HANOK_TRY(attachments, attachments_of(tx, volume.id));
  for (const auto& attachment : attachments) {
    if (!attachment.server_id.empty()) HANOK_CHECK(tx.touch("instance", attachment.server_id));
  }
  if (volume.group_id) HANOK_CHECK(group_changed(tx, *volume.group_id, now_us));
  return tx.touch("volume", volume.id);
}

Status insert_snapshot(store::Tx& tx, const Snapshot& snapshot) {
  HANOK_CHECK(tx.execute(
      "INSERT INTO snapshots (id, volume_id, project_id, user_id, name, description, status, "
      "size_gib, metadata,"
      " deadline_us, request_id, group_snapshot_id, source_name, created_us)"
      " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      {snapshot.id, snapshot.volume_id, snapshot.project_id, snapshot.user_id, snapshot.name,
       snapshot.description, snapshot.status, snapshot.size_gib, snapshot.metadata, snapshot.deadline_us,
       snapshot.request_id, snapshot.group_snapshot_id, snapshot.source_name, snapshot.created_us}));
  return tx.touch("snapshot", snapshot.id);
}

Status save_snapshot(store::Tx& tx, Snapshot& snapshot, std::int64_t now_us) {
  snapshot.updated_us = now_us;
  HANOK_CHECK(
      tx.execute("UPDATE snapshots SET name = ?, description = ?, status = ?, metadata = ?, last_error = ?,"
                 " deadline_us = ?, updated_us = ? WHERE id = ?",
                 {snapshot.name, snapshot.description, snapshot.status, snapshot.metadata,
                  snapshot.last_error, snapshot.deadline_us, now_us, snapshot.id}));
  return tx.touch("snapshot", snapshot.id);
}

Status insert_attachment(store::Tx& tx, const Attachment& attachment, std::int64_t now_us) {
  HANOK_CHECK(
      tx.execute("INSERT INTO volume_attachments (id, volume_id, server_id, host, device, mode, status,"
                 " connector, transport, attached_us, created_us)"
                 " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                 {attachment.id, attachment.volume_id, attachment.server_id, attachment.host,
                  attachment.device, attachment.mode, attachment.status, attachment.connector,
                  attachment.transport, attachment.attached_us, now_us}));
  return {};
}

void begin(Volume& volume, const std::string& status, std::int64_t seconds, std::int64_t now_us) {
  volume.previous_status = volume.status;
  volume.status = status;
  volume.last_error.reset();
  volume.deadline_us = now_us + seconds * kSecond_us;
}

void settle(Volume& volume, const std::string& status) {
  volume.status = status;
  volume.previous_status.clear();
  volume.deadline_us = 0;
}

Status check_not_moving(store::Tx& tx, const std::string& volume_id) {
  HANOK_TRY(volume, get_volume(tx, volume_id));
  if (!volume || volume->status != "retyping") return {};
  return bad_request(fmt::format("Invalid volume: Volume {} is being moved to another pool.", volume_id));
}

Status check_moved(store::Tx& tx, const std::string& volume_id) {
  HANOK_CHECK(check_not_moving(tx, volume_id));
  HANOK_TRY(volume, get_volume(tx, volume_id));
  if (!volume || volume->moved_from.empty()) return {};
  return bad_request(
      fmt::format("Invalid volume: Volume {} is still being copied to another pool.", volume_id));
}

Result<std::string> resting_status(store::Tx& tx, const std::string& volume_id) {
  HANOK_TRY(row,
            tx.query_one("SELECT COUNT(*) AS n FROM volume_attachments WHERE volume_id = ?", {volume_id}));
  return std::string(row && row->integer("n") > 0 ? "in-use" : "available");
}

Status give_up_upload(store::Tx& tx, Volume& volume, std::int64_t now_us) {
  if (!volume.upload_image_id) return {};
  const storage::ImageRef source{volume.pool, rbd_image_of(volume.id)};
  HANOK_CHECK(image::fail_image(tx, *volume.upload_image_id, source, now_us));
  volume.upload_image_id.reset();
  return {};
}

Status begin_delete(store::Tx& tx, Volume& volume, std::int64_t now_us) {
  HANOK_CHECK(give_up_upload(tx, volume, now_us));
  HANOK_TRY(rows, tx.query("SELECT * FROM snapshots WHERE volume_id = ?", {volume.id}));
  for (const auto& row : rows) {
    Snapshot snapshot = snapshot_from(row);
    snapshot.status = "deleting";
    // Those of an image that moves go with it, after the move (check_moved).
    const bool moves = !volume.moved_from.empty() || !volume.target_pool.empty();
    snapshot.deadline_us = moves ? 0 : now_us + kDeleteSeconds * kSecond_us;
    HANOK_CHECK(save_snapshot(tx, snapshot, now_us));
  }
  volume.flattening = false;
  begin(volume, "deleting", kDeleteSeconds, now_us);
  HANOK_CHECK(save_volume(tx, volume, now_us));
  return tx.touch("volume_work", volume.id);
}

Status add_message(store::Tx& tx, const std::string& project_id, const std::string& resource_type,
                   const std::string& resource_id, const std::string& event, const std::string& text,
                   const std::string& request_id, std::int64_t now_us) {
  HANOK_CHECK(tx.execute(
      "INSERT INTO volume_messages (id, project_id, resource_type, resource_id, event_id,"
      " user_message, request_id, created_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      {new_uuid(), project_id, resource_type, resource_id, event, text.substr(0, 1000), request_id, now_us}));
  return {};
}

}  // namespace hanok::volume

// What the compute service calls inside its own transactions.
#include "control/volume/volume.h"

#include <fmt/format.h>

#include "common/uuid.h"
#include "control/volume/create.h"
#include "control/volume/encryption.h"
#include "control/volume/record.h"

namespace hanok::volume {
namespace {

constexpr std::int64_t kAttachSeconds = 1800;  // the server's own deadline is shorter and comes first

VolumeView view_of(const Volume& volume) {
  return {.id = volume.id,
          .name = volume.name.value_or(""),
          .project_id = volume.project_id,
          .status = volume.status,
          .pool = volume.pool,
          .rbd_image = rbd_image_of(volume.id),
          .size_gib = volume.size_gib,
          .bootable = volume.bootable,
          .multiattach = volume.multiattach,
          .image_id = volume.image_id};
}

AttachmentView view_of(const Attachment& attachment) {
  return {.id = attachment.id,
          .volume_id = attachment.volume_id,
          .server_id = attachment.server_id,
          .device = attachment.device,
          .status = attachment.status};
}

Error status_conflict(const Volume& volume, const char* wanted) {
  return conflict(fmt::format("Invalid volume: Volume {} status must be {} but current status is: {}",
                              volume.id, wanted, volume.status));
}

Result<Volume> need_volume(store::Tx& tx, const std::string& id) {
  return load_volume(tx, id, "", true);
}

Result<Attachment> need_attachment(store::Tx& tx, const std::string& volume_id,
                                   const std::string& server_id) {
  HANOK_TRY(row, tx.query_one("SELECT * FROM volume_attachments WHERE volume_id = ? AND server_id = ?",
                              {volume_id, server_id}));
  if (!row) return not_found(fmt::format("Volume {} is not attached to server {}.", volume_id, server_id));
  return attachment_from(*row);
}

}  // namespace

Result<VolumeView> find_volume(store::Tx& tx, const std::string& volume_id, const std::string& project_id,
                               bool is_admin) {
  HANOK_TRY(volume, load_volume(tx, volume_id, project_id, is_admin));
  return view_of(volume);
}

Status check_transport(std::string_view transport) {
  if (transport == kTransportRbd || transport == kTransportVhostUser) return {};
  return bad_request(fmt::format("Invalid input for extra spec {}: '{}' is neither '{}' nor '{}'.",
                                 kTransportSpec, transport.substr(0, 64), kTransportRbd,
                                 kTransportVhostUser));
}

static Result<std::string> choose_transport(store::Tx& tx, const Volume& volume) {
  if (volume.multiattach || !volume.type_id) return std::string(kTransportRbd);
  HANOK_TRY(type, tx.query_one("SELECT extra_specs FROM volume_types WHERE id = ?", {*volume.type_id}));
  if (!type) return std::string(kTransportRbd);
  return type->json("extra_specs").value(kTransportSpec, std::string(kTransportRbd));
}

Result<std::string> transport_of(store::Tx& tx, const std::string& volume_id, const std::string& server_id) {
  HANOK_TRY(row,
            tx.query_one("SELECT transport FROM volume_attachments WHERE volume_id = ? AND server_id = ?",
                         {volume_id, server_id}));
  return row ? row->text("transport") : std::string(kTransportRbd);
}

Result<Json> encryption_of(store::Tx& tx, const std::string& volume_id) {
  HANOK_TRY(volume, get_volume(tx, volume_id));
  return volume ? encryption_for_agent(volume->encryption, true) : Json();
}

Result<AttachmentView> begin_attach(store::Tx& tx, const std::string& volume_id, const std::string& server_id,
                                    const std::string& host, const std::string& device, std::int64_t now_us) {
  HANOK_TRY(volume, need_volume(tx, volume_id));
  const bool again = volume.multiattach && volume.status == "in-use";
  if (volume.status != "available" && !again) return status_conflict(volume, "available");
  HANOK_TRY(twice, tx.query_one("SELECT id FROM volume_attachments WHERE volume_id = ? AND server_id = ?",
                                {volume_id, server_id}));
  if (twice)
    return conflict(fmt::format("Volume {} is already attached to server {}.", volume_id, server_id));
  HANOK_TRY(transport, choose_transport(tx, volume));
  Attachment attachment{.id = new_uuid(),
                        .volume_id = volume_id,
                        .server_id = server_id,
                        .host = host,
                        .device = device,
                        .status = "attaching",
                        .transport = std::move(transport),
                        .connector = {},
                        .attached_us = {}};
  HANOK_CHECK(insert_attachment(tx, attachment, now_us));
  if (!again) begin(volume, "attaching", kAttachSeconds, now_us);
  HANOK_CHECK(save_volume(tx, volume, now_us));
  return view_of(attachment);
}

Status complete_attach(store::Tx& tx, const std::string& volume_id, const std::string& server_id,
                       std::int64_t now_us) {
  HANOK_TRY(attachment, need_attachment(tx, volume_id, server_id));
  if (attachment.status == "attached") return {};
  HANOK_CHECK(tx.execute("UPDATE volume_attachments SET status = 'attached', attached_us = ? WHERE id = ?",
                         {now_us, attachment.id}));
  HANOK_TRY(volume, need_volume(tx, volume_id));
  if (volume.status == "attaching" || volume.status == "error_attaching") settle(volume, "in-use");
  return save_volume(tx, volume, now_us);
}

Status begin_detach(store::Tx& tx, const std::string& volume_id, const std::string& server_id,
                    std::int64_t now_us) {
  HANOK_TRY(attachment, need_attachment(tx, volume_id, server_id));
  HANOK_TRY(volume, need_volume(tx, volume_id));
  if (volume.status != "in-use" || attachment.status != "attached") return status_conflict(volume, "in-use");
  HANOK_CHECK(tx.execute("UPDATE volume_attachments SET status = 'detaching' WHERE id = ?", {attachment.id}));
  begin(volume, "detaching", kAttachSeconds, now_us);
  return save_volume(tx, volume, now_us);
}

Status complete_detach(store::Tx& tx, const std::string& volume_id, const std::string& server_id,
                       std::int64_t now_us) {
  HANOK_TRY(attachment, need_attachment(tx, volume_id, server_id));
  HANOK_CHECK(tx.touch("instance", server_id));
  HANOK_CHECK(tx.execute("DELETE FROM volume_attachments WHERE id = ?", {attachment.id}));
  HANOK_TRY(volume, need_volume(tx, volume_id));
  if (volume.status == "deleting") return {};
  HANOK_TRY(rest, resting_status(tx, volume_id));
  settle(volume, rest);
  return save_volume(tx, volume, now_us);
}

Status delete_with_server(store::Tx& tx, const std::string& volume_id, std::int64_t now_us) {
  HANOK_TRY(volume, get_volume(tx, volume_id));
  if (!volume) return {};
  const std::string& status = volume->status;
  if (status != "available" && status != "creating" && status.rfind("error", 0) != 0) return {};
  HANOK_TRY(rest, resting_status(tx, volume_id));
  HANOK_TRY(snapshot, tx.query_one("SELECT id FROM snapshots WHERE volume_id = ? LIMIT 1", {volume_id}));
  return rest == "available" && !snapshot && !volume->group_id ? begin_delete(tx, *volume, now_us) : Status{};
}

Result<VolumeView> create_volume(store::Tx& tx, const NewVolume& spec, std::int64_t now_us) {
  CreateSpec full;
  full.project_id = spec.project_id;
  full.user_id = spec.user_id;
  full.name = spec.name;
  full.image_id = spec.image_id;
  full.snapshot_id = spec.snapshot_id;
  if (spec.size_gib > 0) full.size_gib = spec.size_gib;
  HANOK_TRY(volume, make_volume(tx, full, now_us));
  return view_of(volume);
}

}  // namespace hanok::volume

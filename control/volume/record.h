#pragma once
// Rows of `volumes`, `volume_attachments` and `snapshots`: read, written, checked. Every function runs in the
// caller's transaction.

#include <optional>
#include <string>
#include <vector>

#include "control/http/http.h"
#include "control/store/store.h"
#include "control/volume/volume.h"

namespace hanok::volume {

inline constexpr const char* kPool = "volumes";
inline constexpr const char* kImagePool = "images";
inline constexpr const char* kZone = "nova";

struct Volume {
  std::string id, project_id, user_id, status, previous_status, zone = kZone, request_id;
  std::string
      pool = kPool,
      target_pool,
      moved_from;  // target: being moved there; moved_from: used in `pool`, the rest of it is still there
  std::optional<std::string> name, description, type_id, image_id, snapshot_id, source_volid, upload_image_id,
      group_id, last_error, target_type_id;
  std::int64_t size_gib = 0, wanted_gib = 0, work_percent = 0;
  bool bootable = false, multiattach = false, flattening = false;
  Json metadata = Json::object(), image_metadata, source = {{"type", "none"}},
       limits = Json::object(),  // in force
      encryption;                // encryption.h; null: none
  std::int64_t deadline_us = 0, created_us = 0;
  std::optional<std::int64_t> updated_us;
};
struct Attachment {
  std::string id, volume_id, server_id, host, device, mode = "rw", status, transport = "rbd";
  Json connector;
  std::optional<std::int64_t> attached_us;
};
struct Snapshot {
  std::string id, volume_id, project_id, user_id, status, request_id;
  std::optional<std::string> name, description, group_snapshot_id, last_error,
      source_name;  // the image's snapshot of this name is to become it
  std::int64_t size_gib = 0;
  Json metadata = Json::object();
  std::int64_t deadline_us = 0, created_us = 0;
  std::optional<std::int64_t> updated_us;
};

[[nodiscard]] std::string rbd_image_of(const std::string& volume_id);       // volume-<id>
[[nodiscard]] std::string rbd_snapshot_of(const std::string& snapshot_id);  // snapshot-<id>

[[nodiscard]] Volume volume_from(const store::Row& row);
[[nodiscard]] Snapshot snapshot_from(const store::Row& row);
[[nodiscard]] Attachment attachment_from(const store::Row& row);

// kNotFound also for what belongs to another project.
[[nodiscard]] Result<Volume> load_volume(store::Tx& tx, const std::string& id, const std::string& project_id,
                                         bool is_admin);
[[nodiscard]] Result<Volume> load_volume(store::Tx& tx, const http::Request& request);  // its parameter "id"
[[nodiscard]] Result<std::optional<Volume>> get_volume(store::Tx& tx, const std::string& id);
[[nodiscard]] Result<Snapshot> load_snapshot(store::Tx& tx, const std::string& id,
                                             const std::string& project_id, bool is_admin);
[[nodiscard]] Result<std::optional<Snapshot>> get_snapshot(store::Tx& tx, const std::string& id);
[[nodiscard]] Result<std::vector<Attachment>> attachments_of(store::Tx& tx, const std::string& volume_id);

[[nodiscard]] Status insert_volume(store::Tx& tx, const Volume& volume);
// Writes the row, and wakes the agents of the volume and of the servers that have it.
[[nodiscard]] Status save_volume(store::Tx& tx, Volume& volume, std::int64_t now_us);
[[nodiscard]] Status insert_snapshot(store::Tx& tx, const Snapshot& snapshot);
[[nodiscard]] Status save_snapshot(store::Tx& tx, Snapshot& snapshot, std::int64_t now_us);
[[nodiscard]] Status insert_attachment(store::Tx& tx, const Attachment& attachment, std::int64_t now_us);

// Into the transient state, which must be left within `seconds`.
void begin(Volume& volume, const std::string& status, std::int64_t seconds, std::int64_t now_us);
// The image that it is being uploaded to is not made, if there is one. The caller saves.
[[nodiscard]] Status give_up_upload(store::Tx& tx, Volume& volume, std::int64_t now_us);
// Out of it.
void settle(Volume& volume, const std::string& status);
// kBadRequest while its image is between two pools, where nothing finds it.
[[nodiscard]] Status check_not_moving(store::Tx& tx, const std::string& volume_id);
// And until all of it is copied: librbd 16.2 aborts when it copies an image that has lost a snapshot
// meanwhile.
[[nodiscard]] Status check_moved(store::Tx& tx, const std::string& volume_id);
// available, or in-use while attachments are left.
[[nodiscard]] Result<std::string> resting_status(store::Tx& tx, const std::string& volume_id);
// Marks for deletion; the agent does it. Snapshots go with it.
[[nodiscard]] Status begin_delete(store::Tx& tx, Volume& volume, std::int64_t now_us);

// A line in the project's messages: why an operation failed.
[[nodiscard]] Status add_message(store::Tx& tx, const std::string& project_id,
                                 const std::string& resource_type, const std::string& resource_id,
                                 const std::string& event, const std::string& text,
                                 const std::string& request_id, std::int64_t now_us);

}  // namespace hanok::volume

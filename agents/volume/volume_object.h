#pragma once
// Objects of kinds `volume`, `snapshot`, `group_snapshot`, `volume_work` and `backup` as the API sends them
// (docs/architecture.md).

#include <optional>
#include <string>
#include <vector>

#include "common/json.h"
#include "storage/operations/backup.h"
#include "storage/operations/operations.h"

namespace hanok::agent {

struct VolumeObject {
  std::string task;  // create, extend, migrate, revert, limit, upload, delete: echoed in reports
  storage::ImageRef image;
  std::int64_t size_gib = 0;
  storage::VolumeSource source;
  storage::Limits limits;
  std::optional<storage::Encryption> encryption;  // with a passphrase where the task needs it
  std::string upload_image_id;
  storage::ImageRef upload;
  std::string snapshot;     // revert: to this one
  std::string target_pool;  // migrate: to this one; delete: of a move that did not begin
  std::string moved_from;   // the image is used where it is, and not all of it has come from this pool
  std::string request_id;
};
struct SnapshotObject {
  std::string task;  // create, delete
  storage::SnapshotRef snapshot;
  std::string source;  // create: it is there already, under this name
  std::string request_id;
};
struct GroupSnapshotObject {
  std::string task;  // create, delete
  std::vector<storage::SnapshotRef> snapshots;
};
struct BackupObject {
  std::string task;  // create, restore, delete
  storage::BackupSpec spec;
  std::int64_t size_gib = 0;       // restore: of the volume
  std::uint64_t header_bytes = 0;  // of an encrypted one: its image is so much larger
};
struct WorkObject {
  std::string task;  // copy, flatten
  storage::ImageRef image;
  std::string moved_from;  // copy: from this pool
};
[[nodiscard]] Result<WorkObject> parse_work(const Json& object);
[[nodiscard]] Result<BackupObject> parse_backup(const Json& object);
[[nodiscard]] Result<VolumeObject> parse_volume(const Json& object);
[[nodiscard]] Result<SnapshotObject> parse_snapshot(const Json& object);
[[nodiscard]] Result<GroupSnapshotObject> parse_group_snapshot(const Json& object);

}  // namespace hanok::agent

#pragma once
// Objects of kinds `volume`, `snapshot`, `group_snapshot` and `backup` as the API sends them
// (docs/architecture.md).

#include <string>
#include <vector>

#include "common/json.h"
#include "storage/operations/backup.h"
#include "storage/operations/operations.h"

namespace hanok::agent {

struct VolumeObject {
  std::string task;  // create, extend, revert, limit, upload, delete: echoed in reports
  storage::ImageRef image;
  std::int64_t size_gib = 0;
  storage::VolumeSource source;
  storage::Limits limits;
  std::string upload_image_id;
  storage::ImageRef upload;
  std::string snapshot;  // revert: to this one
  std::string request_id;
};
struct SnapshotObject {
  std::string task;  // create, delete
  storage::SnapshotRef snapshot;
  std::string request_id;
};
struct GroupSnapshotObject {
  std::string task;  // create, delete
  std::vector<storage::SnapshotRef> snapshots;
};
struct BackupObject {
  std::string task;  // create, restore, delete
  storage::BackupSpec spec;
  std::int64_t size_gib = 0;  // restore: of the volume
};
[[nodiscard]] Result<BackupObject> parse_backup(const Json& object);
[[nodiscard]] Result<VolumeObject> parse_volume(const Json& object);
[[nodiscard]] Result<SnapshotObject> parse_snapshot(const Json& object);
[[nodiscard]] Result<GroupSnapshotObject> parse_group_snapshot(const Json& object);

}  // namespace hanok::agent

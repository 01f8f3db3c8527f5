#include "agents/volume/volume_object.h"

#include <algorithm>

namespace hanok::agent {
namespace {

using storage::VolumeSource;

Result<storage::ImageRef> parse_image(const Json& object, const std::string& name_key) {
  HANOK_TRY(pool, need_string(object, "pool"));
  HANOK_TRY(name, need_string(object, name_key));
  return storage::ImageRef{pool, name};
}

Result<VolumeSource> parse_source(const Json& object) {
  VolumeSource out;
  HANOK_TRY(type, need_string(object, "type"));
  if (type == "none") return out;
  HANOK_TRY(image, parse_image(object, type == "image" ? "name" : "image"));
  out.image = image;
  if (type == "volume" || type == "manage") {
    out.type = type == "volume" ? VolumeSource::Type::kVolume : VolumeSource::Type::kManaged;
    return out;
  }
  HANOK_TRY(snapshot, need_string(object, "snapshot"));
  out.snapshot = snapshot;
  if (type == "snapshot") {
    out.type = VolumeSource::Type::kSnapshot;
    return out;
  }
  if (type != "image") return bad_request("source: unknown type " + type);
  HANOK_TRY(format, need_string(object, "format"));
  out.type = VolumeSource::Type::kImage;
  out.format = format;
  return out;
}

Result<std::string> optional_text(const Json& object, const std::string& key) {
  HANOK_TRY(text, get_string(object, key));
  return text.value_or("");
}

Result<storage::Limits> parse_limits(const Json& object) {
  storage::Limits out;
  HANOK_TRY(limits, get_object(object, "limits"));
  if (limits == nullptr) return out;
  for (const auto& [name, limit] : limits->items()) {
    if (std::find(storage::kLimitNames.begin(), storage::kLimitNames.end(), name) ==
        storage::kLimitNames.end()) {
      return bad_request("limits: unknown limit " + name);
    }
    if (!limit.is_object()) return bad_request("limits: " + name + " is no object");
    HANOK_TRY(rate, get_int(limit, "rate"));
    HANOK_TRY(burst, get_int(limit, "burst"));
    if (rate.value_or(0) < 0 || burst.value_or(0) < 0) return bad_request("limits: " + name + " is negative");
    out[name] = {static_cast<std::uint64_t>(rate.value_or(0)), static_cast<std::uint64_t>(burst.value_or(0))};
  }
  return out;
}

Result<std::optional<storage::Encryption>> parse_encryption(const Json& object) {
  HANOK_TRY(found, get_object(object, "encryption"));
  if (found == nullptr) return std::optional<storage::Encryption>{};
  HANOK_TRY(format, need_string(*found, "format"));
  HANOK_TRY(cipher, optional_text(*found, "cipher"));
  HANOK_TRY(passphrase, optional_text(*found, "passphrase"));
  if (storage::header_bytes(format) == 0) return bad_request("encryption: unknown format " + format);
  return std::optional<storage::Encryption>{{format, cipher, passphrase}};
}

}  // namespace

Result<VolumeObject> parse_volume(const Json& object) {
  VolumeObject out;
  HANOK_TRY(task, need_string(object, "task"));
  HANOK_TRY(image, parse_image(object, "image"));
  HANOK_TRY(size, get_int(object, "size_gib"));
  HANOK_TRY(source, need_object(object, "source"));
  HANOK_TRY(parsed_source, parse_source(*source));
  HANOK_TRY(limits, parse_limits(object));
  HANOK_TRY(encryption, parse_encryption(object));
  HANOK_TRY(upload, get_object(object, "upload"));
  HANOK_TRY(snapshot, optional_text(object, "snapshot"));
  HANOK_TRY(target_pool, optional_text(object, "target_pool"));
  HANOK_TRY(moved_from, optional_text(object, "moved_from"));
  HANOK_TRY(request_id, optional_text(object, "request_id"));
  if (upload != nullptr) {
    HANOK_TRY(upload_image, parse_image(*upload, "name"));
    HANOK_TRY(id, need_string(*upload, "image_id"));
    out.upload = upload_image;
    out.upload_image_id = id;
  }
  out.task = task;
  out.image = image;
  out.size_gib = size.value_or(0);
  out.source = parsed_source;
  out.limits = limits;
  out.encryption = encryption;
  out.snapshot = snapshot;
  out.target_pool = target_pool;
  out.moved_from = moved_from;
  out.request_id = request_id;
  return out;
}

Result<WorkObject> parse_work(const Json& object) {
  WorkObject out;
  HANOK_TRY(task, need_string(object, "task"));
  HANOK_TRY(image, parse_image(object, "image"));
  HANOK_TRY(moved_from, optional_text(object, "moved_from"));
  out.task = task;
  out.image = image;
  out.moved_from = moved_from;
  return out;
}

Result<BackupObject> parse_backup(const Json& object) {
  BackupObject out;
  HANOK_TRY(task, need_string(object, "task"));
  HANOK_TRY(volume, need_object(object, "volume"));
  HANOK_TRY(backup, need_object(object, "backup"));
  HANOK_TRY(parent, get_object(object, "parent"));
  HANOK_TRY(snapshot, optional_text(object, "snapshot"));
  HANOK_TRY(size, get_int(object, "size_gib"));
  HANOK_TRY(volume_image, parse_image(*volume, "image"));
  HANOK_TRY(backup_image, parse_image(*backup, "image"));
  if (parent != nullptr) {
    HANOK_TRY(parent_image, parse_image(*parent, "image"));
    out.spec.parent = parent_image;
  }
  out.task = task;
  out.spec.volume = volume_image;
  out.spec.backup = backup_image;
  HANOK_TRY(encryption, parse_encryption(object));
  if (encryption) out.header_bytes = storage::header_bytes(encryption->format);
  out.spec.snapshot = snapshot;
  out.size_gib = size.value_or(0);
  return out;
}

Result<SnapshotObject> parse_snapshot(const Json& object) {
  HANOK_TRY(task, need_string(object, "task"));
  HANOK_TRY(image, parse_image(object, "image"));
  HANOK_TRY(snapshot, need_string(object, "snapshot"));
  HANOK_TRY(source, optional_text(object, "source"));
  HANOK_TRY(request_id, optional_text(object, "request_id"));
  return SnapshotObject{
      .task = task, .snapshot = {image, snapshot}, .source = source, .request_id = request_id};
}

Result<GroupSnapshotObject> parse_group_snapshot(const Json& object) {
  GroupSnapshotObject out;
  HANOK_TRY(task, need_string(object, "task"));
  HANOK_TRY(list, get_array(object, "snapshots"));
  if (list == nullptr || list->empty()) return bad_request("group_snapshot: no snapshots");
  for (const Json& item : *list) {
    HANOK_TRY(image, parse_image(item, "image"));
    HANOK_TRY(snapshot, need_string(item, "snapshot"));
    out.snapshots.push_back({image, snapshot});
  }
  out.task = task;
  return out;
}

}  // namespace hanok::agent

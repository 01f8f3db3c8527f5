#include "control/volume/view.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/uuid.h"
#include "control/volume/types.h"

namespace hanok::volume {
namespace {

constexpr std::size_t kMaxMetadata = 128;
constexpr std::size_t kMaxText = 255;

std::string path_of(const Volume& volume) {
  return volume.project_id + "/volumes/" + volume.id;
}

Json migration_json(const Volume& volume) {
  return volume.target_pool.empty() && volume.moved_from.empty() ? Json() : Json("migrating");
}

Json attachments_json(const http::Request& request, const std::vector<Attachment>& attachments) {
  Json out = Json::array();
  for (const auto& one : attachments) {
    if (one.status != "attached" && one.status != "detaching") continue;
    out.push_back({{"id", one.volume_id},
                   {"attachment_id", one.id},
                   {"volume_id", one.volume_id},
                   {"server_id", one.server_id.empty() ? Json() : Json(one.server_id)},
                   {"host_name", request.caller.is_admin && !one.host.empty() ? Json(one.host) : Json()},
                   {"device", one.device.empty() ? Json() : Json(one.device)},
                   {"attached_at", time_json(one.attached_us)}});
  }
  return out;
}

}  // namespace

Json time_json(std::int64_t time_us) {
  return iso8601_micro(time_us);
}

Json time_json(const std::optional<std::int64_t>& time_us) {
  return time_us ? Json(iso8601_micro(*time_us)) : Json();
}

Json text_json(const std::optional<std::string>& text) {
  return text ? Json(*text) : Json();
}

Result<VolumeExtras> load_extras(store::Tx& tx, const Volume& volume) {
  VolumeExtras out;
  HANOK_TRY(name, type_name(tx, volume.type_id));
  HANOK_TRY(attachments, attachments_of(tx, volume.id));
  out.type_name = std::move(name);
  out.attachments = std::move(attachments);
  return out;
}

Json volume_summary_json(const http::Request& request, const Volume& volume) {
  return {
      {"id", volume.id}, {"name", text_json(volume.name)}, {"links", links_json(request, path_of(volume))}};
}

Json volume_json(const http::Request& request, const Volume& volume, const VolumeExtras& extras, bool full) {
  Json out = {{"id", volume.id},
              {"name", text_json(volume.name)},
              {"description", text_json(volume.description)},
              {"status", volume.status},
              {"size", volume.size_gib},
              {"availability_zone", volume.zone},
              {"volume_type", text_json(extras.type_name)},
              {"snapshot_id", text_json(volume.snapshot_id)},
              {"source_volid", text_json(volume.source_volid)},
              {"metadata", volume.metadata},
              {"bootable", volume.bootable ? "true" : "false"},
              {"multiattach", volume.multiattach},
              {"encrypted", volume.encryption.is_object()},
              {"replication_status", nullptr},
              {"consistencygroup_id", nullptr},
              {"migration_status", migration_json(volume)},
              {"user_id", volume.user_id},
              {"created_at", time_json(volume.created_us)},
              {"updated_at", time_json(volume.updated_us)},
              {"attachments", attachments_json(request, extras.attachments)},
              {"links", links_json(request, path_of(volume))}};
  const int minor = request.minor_version;
  if (minor >= 13) out["group_id"] = text_json(volume.group_id);
  if (minor >= 21 && request.caller.is_admin) out["provider_id"] = nullptr;
  if (minor >= 48) {
    out["service_uuid"] = nullptr;
    out["shared_targets"] = false;
  }
  if (!full) return out;
  out["os-vol-tenant-attr:tenant_id"] = volume.project_id;
  if (volume.flattening || !volume.moved_from.empty()) {
    out["hanok:work"] = {{"task", volume.moved_from.empty() ? "flatten" : "move"},
                         {"percent", volume.work_percent}};
  }
  if (volume.image_metadata.is_object()) out["volume_image_metadata"] = volume.image_metadata;
  if (request.caller.is_admin) {
    out["os-vol-host-attr:host"] = "hanok@rbd#" + volume.pool;
    out["os-vol-mig-status-attr:migstat"] = migration_json(volume);
    out["os-vol-mig-status-attr:name_id"] = nullptr;
  }
  return out;
}

Json snapshot_json(const http::Request& request, const Snapshot& snapshot, bool full) {
  Json out = {{"id", snapshot.id},
              {"name", text_json(snapshot.name)},
              {"description", text_json(snapshot.description)},
              {"status", snapshot.status},
              {"size", snapshot.size_gib},
              {"volume_id", snapshot.volume_id},
              {"metadata", snapshot.metadata},
              {"created_at", time_json(snapshot.created_us)},
              {"updated_at", time_json(snapshot.updated_us)}};
  if (request.minor_version >= 14) out["group_snapshot_id"] = text_json(snapshot.group_snapshot_id);
  if (request.minor_version >= 41) out["user_id"] = snapshot.user_id;
  if (full) {
    out["os-extended-snapshot-attributes:progress"] = snapshot.status == "available" ? "100%" : "0%";
    out["os-extended-snapshot-attributes:project_id"] = snapshot.project_id;
  }
  return out;
}

Result<Json> check_metadata(const Json& metadata) {
  if (!metadata.is_object())
    return bad_request("Invalid input for field/attribute metadata. It must be an object.");
  if (metadata.size() > kMaxMetadata)
    return bad_request("Invalid input for field/attribute metadata. It has too many items.");
  for (const auto& [key, value] : metadata.items()) {
    if (key.empty() || key.size() > kMaxText) {
      return bad_request("Invalid input for field/attribute metadata. A key has 1 to 255 characters.");
    }
    if (!value.is_string()) {
      return bad_request(fmt::format("Invalid input for field/attribute {}. It must be a string.", key));
    }
    if (value.get_ref<const std::string&>().size() > kMaxText) {
      return bad_request(
          fmt::format("Invalid input for field/attribute {}. It is longer than 255 characters.", key));
    }
  }
  return metadata;
}

Result<const Json*> body_of(const http::Request& request, const std::string& key) {
  if (!request.json.is_object() || !request.json.contains(key) || !request.json[key].is_object()) {
    return bad_request(fmt::format("Missing required element '{}' in request body.", key));
  }
  return &request.json[key];
}

Result<Json> metadata_of(const Json& body) {
  const Json metadata = body.value("metadata", Json());
  if (metadata.is_null()) return Json();
  return check_metadata(metadata);
}

Result<std::optional<std::string>> get_uuid(const Json& body, const char* key) {
  HANOK_TRY(id, get_string(body, key));
  if (id && !is_uuid(*id)) {
    return bad_request(fmt::format("Invalid input for field/attribute {}. It is not a 'uuid'.", key));
  }
  return id;
}

Status only_fields(const Json& object, std::initializer_list<const char*> allowed) {
  for (const auto& item : object.items()) {
    const std::string& name = item.key();
    if (std::find(allowed.begin(), allowed.end(), name) == allowed.end()) {
      return bad_request(
          fmt::format("Additional properties are not allowed ('{}' was unexpected)", name.substr(0, 64)));
    }
  }
  return {};
}

Json links_json(const http::Request& request, const std::string& path) {
  return Json::array({{{"rel", "self"}, {"href", request.base_url + "/v3/" + path}},
                      {{"rel", "bookmark"}, {"href", request.base_url + "/" + path}}});
}

}  // namespace hanok::volume

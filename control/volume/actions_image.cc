// A volume and the image service: upload, and the image metadata that a volume keeps.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "control/image/image.h"
#include "control/volume/action.h"
#include "control/volume/types.h"
#include "control/volume/view.h"

namespace hanok::volume {
namespace {

constexpr std::int64_t kUploadSeconds = 3600;

Json image_properties(const Volume& volume, const std::string& container, const std::string& visibility,
                      bool is_protected) {
  Json out = {{"disk_format", "raw"},
              {"container_format", container},
              {"visibility", visibility},
              {"protected", is_protected},
              {"min_disk", volume.size_gib}};
  static constexpr std::array kOwn = {"image_id",    "image_name",       "size",
                                      "disk_format", "container_format", "min_disk",
                                      "min_ram",     "checksum",         "signature_verified"};
  if (!volume.image_metadata.is_object()) return out;
  for (const auto& [key, value] : volume.image_metadata.items()) {
    if (std::find(kOwn.begin(), kOwn.end(), key) == kOwn.end() && !out.contains(key)) out[key] = value;
  }
  return out;
}

Status check_state(const Volume& volume, bool force) {
  if (volume.status == "available" || (force && volume.status == "in-use")) return {};
  return bad_request(
      fmt::format("Invalid volume: Volume {} status must be available, but current status is: {}.", volume.id,
                  volume.status));
}

}  // namespace

Answer upload_to_image(Action& action) {
  HANOK_TRY(name, need_string(action.argument, "image_name"));
  HANOK_TRY(format, get_string(action.argument, "disk_format"));
  HANOK_TRY(container, get_string(action.argument, "container_format"));
  HANOK_TRY(visibility, get_string(action.argument, "visibility"));
  HANOK_TRY(force, get_bool(action.argument, "force"));
  HANOK_TRY(is_protected, get_bool(action.argument, "protected"));
  if (format.value_or("raw") != "raw")
    return bad_request("Invalid input for field/attribute disk_format. Volumes are uploaded as 'raw'.");
  if (container.value_or("bare") != "bare")
    return bad_request("Invalid input for field/attribute container_format. It must be 'bare'.");
  const std::string wanted = visibility.value_or("shared");
  if (wanted == "public" && !action.request.caller.is_admin)
    return forbidden("Only an administrator may publish an image.");
  Volume& volume = action.volume;
  HANOK_CHECK(check_state(volume, force.value_or(false)));
  HANOK_TRY(image_id,
            image::create_image_record(action.tx, name, action.request.caller.project_id,
                                       image_properties(volume, "bare", wanted, is_protected.value_or(false)),
                                       action.now_us));
  volume.upload_image_id = image_id;
  volume.request_id = action.request.request_id;
  begin(volume, "uploading", kUploadSeconds, action.now_us);
  HANOK_CHECK(save_volume(action.tx, volume, action.now_us));
  HANOK_TRY(type, type_name(action.tx, volume.type_id));
  Json out = {{"id", volume.id},
              {"updated_at", time_json(volume.updated_us)},
              {"status", "uploading"},
              {"display_description", text_json(volume.description)},
              {"size", volume.size_gib},
              {"volume_type", type ? Json{{"id", *volume.type_id}, {"name", *type}} : Json()},
              {"image_id", image_id},
              {"container_format", "bare"},
              {"disk_format", "raw"},
              {"image_name", name}};
  if (action.request.minor_version >= 1) {
    out["visibility"] = wanted;
    out["protected"] = is_protected.value_or(false);
  }
  return http::accepted({{"os-volume_upload_image", out}});
}

Answer set_image_metadata(Action& action) {
  const auto found = action.argument.is_object() ? action.argument.find("metadata") : action.argument.end();
  if (!action.argument.is_object() || found == action.argument.end())
    return bad_request("Missing required element 'metadata' in request body.");
  HANOK_TRY(metadata, check_metadata(*found));
  if (!action.volume.image_metadata.is_object()) action.volume.image_metadata = Json::object();
  action.volume.image_metadata.update(metadata);
  HANOK_CHECK(save_volume(action.tx, action.volume, action.now_us));
  return http::ok({{"metadata", action.volume.image_metadata}});
}

Answer unset_image_metadata(Action& action) {
  HANOK_TRY(key, need_string(action.argument, "key"));
  if (!action.volume.image_metadata.is_object() || action.volume.image_metadata.erase(key) == 0) {
    return not_found("Metadata item was not found.");
  }
  HANOK_CHECK(save_volume(action.tx, action.volume, action.now_us));
  return http::Response{.status = 200};
}

Answer show_image_metadata(Action& action) {
  return http::ok({{"metadata", action.volume.image_metadata.is_object() ? action.volume.image_metadata
                                                                         : Json::object()}});
}

}  // namespace hanok::volume

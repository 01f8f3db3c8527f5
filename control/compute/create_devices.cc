#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "common/uuid.h"
#include "control/compute/create_request.h"

namespace hanok::compute {
namespace {

constexpr std::size_t kMaxDevices = 20;
constexpr std::int64_t kMaxGib = 65536;

Error invalid(const std::string& why) {
  return bad_request("Block Device Mapping is Invalid: " + why);
}

Result<BlockDevice> parse_device(const Json& json) {
  if (!json.is_object()) return bad_request("Invalid input for field/attribute block_device_mapping_v2.");
  HANOK_CHECK(
      only_fields(json, {"source_type", "destination_type", "uuid", "boot_index", "volume_size",
                         "delete_on_termination", "device_name", "tag", "guest_format", "disk_bus",
                         "device_type", "no_device", "volume_type", "image_id", "volume_id", "snapshot_id"}));
  BlockDevice out;
  HANOK_TRY(source, need_string(json, "source_type"));
  static const std::set<std::string> kSources = {"volume", "image", "snapshot", "blank"};
  if (!kSources.contains(source)) return bad_request("Invalid input for field/attribute source_type.");
  out.source = source;
  HANOK_TRY(destination, get_string(json, "destination_type"));
  out.destination = destination.value_or(source == "image" || source == "blank" ? "local" : "volume");
  if (out.destination != "local" && out.destination != "volume") {
    return bad_request("Invalid input for field/attribute destination_type.");
  }
  HANOK_TRY(uuid, get_string(json, "uuid"));
  out.uuid = uuid.value_or("");
  if (source != "blank" && !is_uuid(out.uuid))
    return invalid(fmt::format("uuid of a {} is missing or wrong.", source));
  if (json.contains("boot_index") && json["boot_index"] != "") {
    HANOK_TRY(index, get_int(json, "boot_index"));
    out.boot_index = index.value_or(-1);
  }
  if (json.contains("volume_size") && json["volume_size"] != "") {
    HANOK_TRY(size, get_int(json, "volume_size"));
    out.size_gib = size.value_or(0);
    if (out.size_gib < 0 || out.size_gib > kMaxGib)
      return bad_request("Invalid input for field/attribute volume_size.");
  }
  HANOK_TRY(remove, get_bool(json, "delete_on_termination"));
  out.delete_on_termination = remove.value_or(false);
  HANOK_TRY(device, get_string(json, "device_name"));
  out.device = device.value_or("");
  HANOK_TRY(tag, get_string(json, "tag", 60));
  out.tag = tag;
  return out;
}

// What of the many combinations makes a disk here.
Status check_device(const BlockDevice& device, const std::string& image_id) {
  if (device.destination == "local") {
    if (device.source == "image" && device.boot_index == 0 && device.uuid == image_id) return {};
    if (device.source == "blank") return invalid("ephemeral and swap disks are not supported.");
    return invalid("a local disk can only be the image that the server boots from.");
  }
  if ((device.source == "image" || device.source == "blank") && device.size_gib < 1) {
    return invalid(
        "Images and blank disks with destination_type 'volume' need to have a non-zero size specified");
  }
  return {};
}

// One root disk, and boot indexes 0, 1, 2 ... without a gap.
Status check_boot_order(const CreateRequest& request) {
  std::set<std::int64_t> indexes;
  if (!request.image_id.empty()) indexes.insert(0);
  for (const auto& device : request.devices) {
    if (device.boot_index < 0) continue;
    if (!indexes.insert(device.boot_index).second) {
      return invalid(
          "Boot sequence for the instance and image/block device mapping combination is not valid.");
    }
  }
  if (indexes.empty() || *indexes.rbegin() != static_cast<std::int64_t>(indexes.size()) - 1) {
    return invalid("Boot sequence for the instance and image/block device mapping combination is not valid.");
  }
  return {};
}

}  // namespace

Status parse_devices(const http::Request&, const Json& server, CreateRequest& out) {
  HANOK_TRY(list, get_array(server, "block_device_mapping_v2", kMaxDevices));
  if (list != nullptr) {
    for (const auto& json : *list) {
      HANOK_TRY(device, parse_device(json));
      HANOK_CHECK(check_device(device, out.image_id));
      if (device.source == "volume" && out.max_count > 1) {
        return bad_request("Cannot attach one or more volumes to multiple instances");
      }
      if (device.destination == "volume") out.devices.push_back(std::move(device));
    }
  }
  if (out.image_id.empty() && out.devices.empty()) {
    return bad_request("Invalid imageRef provided: it is empty and no block device to boot from is given.");
  }
  return check_boot_order(out);
}

}  // namespace hanok::compute

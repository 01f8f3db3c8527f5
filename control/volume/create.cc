#include "control/volume/create.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/uuid.h"
#include "control/image/image.h"
#include "control/volume/encryption.h"
#include "control/volume/group_record.h"
#include "control/volume/quota.h"
#include "control/volume/types.h"

namespace hanok::volume {
namespace {

constexpr std::int64_t kCreateSeconds = 300;
constexpr std::int64_t kCopySeconds = 1800;  // conversion of an image, or a copy
constexpr std::int64_t kGib = 1LL << 30;

// A copied or cloned guest disk keeps what its image said about it.
Json image_metadata_of(const image::ImageView& image) {
  Json out = image.properties.is_object() ? image.properties : Json::object();
  for (auto& [key, value] : out.items()) {
    if (!value.is_string()) value = value.dump();
  }
  out["image_id"] = image.id;
  out["image_name"] = image.name;
  out["size"] = std::to_string(image.size_bytes);
  out["disk_format"] = image.disk_format;
  out["container_format"] = image.container_format;
  out["min_disk"] = std::to_string(image.min_disk_gib);
  out["min_ram"] = std::to_string(image.min_ram_mib);
  return out;
}

Status from_image(store::Tx& tx, const CreateSpec& spec, Volume& volume) {
  auto image = image::find_image(tx, *spec.image_id, spec.project_id, spec.is_admin);
  if (!image.ok()) return bad_request("Invalid image identifier or unable to access requested image.");
  if (image->status != "active") {
    return bad_request(fmt::format("Invalid input received: Image {} is not active.", image->id));
  }
  if (!spec.size_gib) return bad_request("Invalid input received: size must be given with an image.");
  const std::int64_t bytes = std::max(image->size_bytes, image->virtual_size_bytes);
  const std::int64_t least = std::max(image->min_disk_gib, (bytes + kGib - 1) / kGib);
  if (*spec.size_gib < least) {
    return bad_request(
        fmt::format("Invalid input received: Size of specified image {}GB is larger than volume size {}GB.",
                    least, *spec.size_gib));
  }
  volume.image_id = image->id;
  volume.bootable = true;
  volume.image_metadata = image_metadata_of(*image);
  volume.source = {{"type", "image"},
                   {"pool", kImagePool},
                   {"name", image->id},
                   {"snapshot", "snap"},
                   {"format", image->disk_format}};
  volume.size_gib = *spec.size_gib;
  return {};
}

Status check_growth(const CreateSpec& spec, std::int64_t source_gib, const char* what) {
  if (spec.size_gib && *spec.size_gib < source_gib) {
    return bad_request(
        fmt::format("Invalid input received: Volume size '{}'GB cannot be smaller than the {} size {}GB. "
                    "They must be >= original "
                    "{} size.",
                    *spec.size_gib, what, source_gib, what));
  }
  return {};
}

Status from_snapshot(store::Tx& tx, const CreateSpec& spec, Volume& volume) {
  HANOK_TRY(snapshot, load_snapshot(tx, *spec.snapshot_id, spec.project_id, spec.is_admin));
  if (snapshot.status != "available") {
    return bad_request(
        fmt::format("Invalid snapshot: Originating snapshot status must be one of available values. "
                    "But is {}.",
                    snapshot.status));
  }
  HANOK_CHECK(check_not_moving(tx, snapshot.volume_id));
  HANOK_CHECK(check_growth(spec, snapshot.size_gib, "snapshot"));
  HANOK_TRY(parent, get_volume(tx, snapshot.volume_id));
  volume.snapshot_id = snapshot.id;
  volume.size_gib = spec.size_gib.value_or(snapshot.size_gib);
  if (parent) {
    volume.bootable = parent->bootable;
    volume.image_metadata = parent->image_metadata;
    if (!spec.type) volume.type_id = parent->type_id;
  }
  volume.source = {{"type", "snapshot"},
                   {"pool", parent ? parent->pool : kPool},
                   {"image", rbd_image_of(snapshot.volume_id)},
                   {"snapshot", rbd_snapshot_of(snapshot.id)}};
  return {};
}

Status from_volume(store::Tx& tx, const CreateSpec& spec, Volume& volume) {
  HANOK_TRY(parent, load_volume(tx, *spec.source_volid, spec.project_id, spec.is_admin));
  if (parent.status != "available" && parent.status != "in-use") {
    return bad_request(fmt::format(
        "Invalid volume: Originating volume status must be one of available, in-use values. But is {}.",
        parent.status));
  }
  HANOK_CHECK(check_growth(spec, parent.size_gib, "source volume"));
  volume.source_volid = parent.id;
  volume.size_gib = spec.size_gib.value_or(parent.size_gib);
  volume.bootable = parent.bootable;
  volume.image_metadata = parent.image_metadata;
  if (!spec.type) volume.type_id = parent.type_id;
  volume.source = {{"type", "volume"}, {"pool", parent.pool}, {"image", rbd_image_of(parent.id)}};
  return {};
}

Status from_managed_image(const CreateSpec& spec, Volume& volume) {
  volume.size_gib = spec.size_gib.value_or(1);
  volume.source = {{"type", "manage"}, {"pool", spec.managed_pool}, {"image", *spec.managed_image}};
  return {};
}

// A clone is encrypted as what it is cloned from, with the same key. Others as their type asks for, with a
// key of their own.
Status choose_encryption(store::Tx& tx, const CreateSpec& spec, const std::optional<Volume>& parent,
                         Volume& volume) {
  HANOK_TRY(wanted, encryption_of_type(tx, volume.type_id));
  if (parent) {
    if (spec.type && parent->encryption.is_object() != wanted.is_object()) {
      return bad_request(
          fmt::format("Invalid input received: Volume type and source must be encrypted both, or neither: "
                      "volume {} is{} encrypted.",
                      parent->id, parent->encryption.is_object() ? "" : " not"));
    }
    volume.encryption = parent->encryption;
    return {};
  }
  if (!wanted.is_object()) return {};
  if (spec.managed_image || spec.sealed_key.empty()) {
    return bad_request("Invalid input received: a volume of an encrypted type cannot be made in this way.");
  }
  wanted["sealed"] = spec.sealed_key;
  volume.encryption = std::move(wanted);
  return {};
}

// What the volume is cloned from.
Result<std::optional<Volume>> parent_of(store::Tx& tx, const Volume& volume) {
  if (volume.source_volid) return get_volume(tx, *volume.source_volid);
  if (!volume.snapshot_id) return std::optional<Volume>{};
  HANOK_TRY(snapshot, get_snapshot(tx, *volume.snapshot_id));
  return snapshot ? get_volume(tx, snapshot->volume_id)
                  : Result<std::optional<Volume>>(std::optional<Volume>{});
}

Status choose_source(store::Tx& tx, const CreateSpec& spec, Volume& volume) {
  const int sources = (spec.image_id ? 1 : 0) + (spec.snapshot_id ? 1 : 0) + (spec.source_volid ? 1 : 0);
  if (sources > 1) {
    return bad_request(
        "Invalid input received: May specify only one of snapshot, imageRef or source volume!");
  }
  if (spec.managed_image) return from_managed_image(spec, volume);
  if (spec.snapshot_id) return from_snapshot(tx, spec, volume);
  if (spec.source_volid) return from_volume(tx, spec, volume);
  if (spec.image_id) return from_image(tx, spec, volume);
  if (!spec.size_gib) {
    return bad_request("Invalid input received: Volume size 'None' must be an integer and greater than 0");
  }
  volume.size_gib = *spec.size_gib;
  return {};
}

// The group may be one that is being made with its volumes.
Status join_group(store::Tx& tx, const CreateSpec& spec, Volume& volume) {
  HANOK_TRY(row, tx.query_one("SELECT * FROM volume_groups WHERE id = ?", {*spec.group_id}));
  if (!row || (row->text("project_id") != spec.project_id && !spec.is_admin)) {
    return not_found(fmt::format("Group {} could not be found.", *spec.group_id), "GroupNotFound");
  }
  const Group group = group_from(*row);
  if (group.project_id != spec.project_id)
    return bad_request("Invalid input received: the group is of another project.");
  if (group.status != "available" && !(group.status == "creating" && group.working))
    return bad_request("Invalid group: Group status must be available, but current status is: " +
                       group.status);
  HANOK_TRY(types, types_of_group(tx, group.id));
  if (!volume.type_id || std::find(types.begin(), types.end(), *volume.type_id) == types.end()) {
    return bad_request(fmt::format(
        "Invalid input received: The volume's type is not one of the types of group {}.", group.id));
  }
  volume.group_id = group.id;
  return {};
}

}  // namespace

Result<Volume> make_volume(store::Tx& tx, const CreateSpec& spec, std::int64_t now_us) {
  if (spec.size_gib && (*spec.size_gib < 1 || *spec.size_gib > kMaxVolumeGib)) {
    return bad_request(fmt::format(
        "Invalid input received: Volume size '{}' must be an integer and greater than 0", *spec.size_gib));
  }
  if (!spec.zone.empty() && spec.zone != kZone) {
    return bad_request(fmt::format("Availability zone '{}' is invalid.", spec.zone.substr(0, 64)));
  }
  Volume volume;
  HANOK_TRY(type, find_type(tx, spec.type, spec.project_id, spec.is_admin));
  volume.type_id = type;
  HANOK_CHECK(choose_source(tx, spec, volume));
  HANOK_TRY(parent, parent_of(tx, volume));
  HANOK_CHECK(choose_encryption(tx, spec, parent, volume));
  HANOK_TRY(pool, pool_of_type(tx, volume.type_id));
  volume.pool = pool;
  if (spec.managed_image && spec.managed_pool != pool) {
    return bad_request(fmt::format("Invalid volume: its type is of pool {}, the image of pool {}.", pool,
                                   spec.managed_pool));
  }
  if (spec.group_id) HANOK_CHECK(join_group(tx, spec, volume));
  HANOK_CHECK(check_quota(tx, spec.project_id, {.volumes = 1, .gigabytes = volume.size_gib, .snapshots = 0}));
  HANOK_CHECK(check_volume_size(tx, spec.project_id, volume.size_gib));
  volume.id = new_uuid();
  volume.project_id = spec.project_id;
  volume.user_id = spec.user_id;
  volume.request_id = spec.request_id;
  volume.name = spec.name;
  volume.description = spec.description;
  volume.metadata = spec.metadata;
  volume.multiattach = spec.multiattach;
  volume.wanted_gib = volume.size_gib;
  volume.created_us = now_us;
  begin(volume, "creating", volume.source["type"] == "none" ? kCreateSeconds : kCopySeconds, now_us);
  HANOK_CHECK(insert_volume(tx, volume));
  return volume;
}

}  // namespace hanok::volume

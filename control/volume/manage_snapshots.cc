// Snapshots that an image of a volume has already, made known (os-snapshot-manage, manageable_snapshots), and
// others let go with their bytes kept (os-unmanage).
#include <fmt/format.h>

#include "common/uuid.h"
#include "control/volume/kinds.h"
#include "control/volume/manage.h"
#include "control/volume/quota.h"
#include "control/volume/view.h"

namespace hanok::volume {
namespace {

constexpr std::int64_t kManageSnapshotSeconds = 120;
constexpr const char* kSnapshotMethod = "volume_snapshots";
constexpr const char* kSnapshotKey = "snapshots";

std::optional<std::string> volume_id_of(const std::string& image) {
  constexpr std::string_view kPrefix = "volume-";
  return image.starts_with(kPrefix) ? std::optional<std::string>(image.substr(kPrefix.size())) : std::nullopt;
}

// The snapshot that is the image's of this name, or is to get it.
Result<std::optional<std::string>> snapshot_with(store::Tx& tx, const std::string& volume_id,
                                                 const std::string& name) {
  HANOK_TRY(row, tx.query_one("SELECT id FROM snapshots WHERE volume_id = ? AND ('snapshot-' || id = ? OR"
                              " (status = 'creating' AND source_name = ?))",
                              {volume_id, name, name}));
  return row ? std::optional<std::string>(row->text("id")) : std::nullopt;
}

// Why it is nobody's to manage; those that work under way has made for itself go away by themselves.
const char* own_use_of(const std::string& name) {
  if (name.starts_with("clone-")) return "used for a clone";
  return name.starts_with("backup-") ? "used for a volume backup" : nullptr;
}

struct Known {
  std::optional<Volume> volume;
  std::optional<std::string> snapshot_id;
};

Result<Known> known_of(store::Tx& tx, const std::string& pool, const std::string& image,
                       const std::string& name) {
  Known out;
  const auto id = volume_id_of(image);
  if (!id) return out;
  HANOK_TRY(volume, get_volume(tx, *id));
  if (volume && volume->pool == pool) out.volume = std::move(volume);
  HANOK_TRY(snapshot, snapshot_with(tx, *id, name));
  out.snapshot_id = snapshot;
  return out;
}

// As its guest sees it: LUKS's header, of a few MiB, is no part of an encrypted volume.
std::int64_t gib_of_snapshot(const Json& snapshot, const std::optional<Volume>& volume) {
  const std::int64_t bytes = snapshot.value("size_bytes", std::int64_t{0});
  return volume && volume->encryption.is_object() ? bytes >> 30 : whole_gib(bytes);
}

Result<Json> manageable_snapshot_json(store::Tx& tx, const std::string& pool, const Json& found,
                                      bool detail) {
  const std::string image = found.value("image", ""), name = found.value("name", "");
  HANOK_TRY(known, known_of(tx, pool, image, name));
  const char* own_use = own_use_of(name);
  const Json why_not = known.snapshot_id ? Json("already managed")
                       : own_use         ? Json(own_use)
                       : !known.volume   ? Json("its volume is not managed")
                                         : Json();
  Json out = {{"reference", {{"source-name", name}}},
              {"source_reference", {{"source-name", image}}},
              {"size", gib_of_snapshot(found, known.volume)},
              {"safe_to_manage", why_not.is_null()}};
  if (detail) {
    out["reason_not_safe"] = why_not;
    out["cinder_id"] = known.snapshot_id ? Json(*known.snapshot_id) : Json();
    out["extra_info"] = nullptr;
  }
  return out;
}

Answer list_snapshots_there(const Context& context, http::Request& request, bool detail) {
  HANOK_TRY(page, manageable_page(context, request, kSnapshotMethod, kSnapshotKey));
  return context.database.read([&](store::Tx& tx) -> Answer {
    Json list = Json::array();
    for (const Json& found : page.items) {
      HANOK_TRY(item, manageable_snapshot_json(tx, page.place.pool, found, detail));
      list.push_back(std::move(item));
    }
    return http::ok({{"manageable-snapshots", std::move(list)}});
  });
}

Result<Snapshot> parse_manage_snapshot(const http::Request& request) {
  HANOK_TRY(body, body_of(request, "snapshot"));
  HANOK_CHECK(only_fields(*body, {"volume_id", "ref", "name", "description", "metadata"}));
  HANOK_TRY(volume_id, get_uuid(*body, "volume_id"));
  if (!volume_id) return bad_request("Invalid input for field/attribute volume_id. It is required.");
  HANOK_TRY(source, source_name_of(*body));
  HANOK_TRY(name, get_string(*body, "name"));
  HANOK_TRY(description, get_string(*body, "description"));
  HANOK_TRY(metadata, metadata_of(*body));
  Snapshot out;
  out.volume_id = *volume_id;
  out.user_id = request.caller.user_id;
  out.request_id = request.request_id;
  out.source_name = source;
  out.name = name;
  out.description = description;
  if (metadata.is_object()) out.metadata = std::move(metadata);
  return out;
}

// As for a snapshot that is to be taken; and its image is not on its way to another pool.
Result<Volume> manageable_volume(store::Tx& tx, const http::Request& request, const std::string& id) {
  HANOK_TRY(volume, load_volume(tx, id, request.caller.project_id, request.caller.is_admin));
  if (volume.status != "available") {
    return bad_request(
        fmt::format("Invalid volume: Volume {} status must be available, but current status is: {}.",
                    volume.id, volume.status));
  }
  HANOK_CHECK(check_moved(tx, volume.id));
  return volume;
}

Result<Place> place_for(const Context& context, const http::Request& request, const std::string& volume_id) {
  return context.database.read([&](store::Tx& tx) -> Result<Place> {
    HANOK_TRY(volume, manageable_volume(tx, request, volume_id));
    HANOK_TRY(host, volume_host(tx));
    if (!host) return unavailable("No volume agent is up.");
    return Place{*host, volume.pool};
  });
}

}  // namespace

Answer list_manageable_snapshots(const Context& context, http::Request& request) {
  return list_snapshots_there(context, request, false);
}
Answer list_manageable_snapshots_detail(const Context& context, http::Request& request) {
  return list_snapshots_there(context, request, true);
}
Answer list_manageable_snapshots_3_8(const Context& context, http::Request& request) {
  HANOK_CHECK(need_manageable(request));
  return list_snapshots_there(context, request, false);
}
Answer list_manageable_snapshots_detail_3_8(const Context& context, http::Request& request) {
  HANOK_CHECK(need_manageable(request));
  return list_snapshots_there(context, request, true);
}
Answer manage_snapshot_3_8(const Context& context, http::Request& request) {
  HANOK_CHECK(need_manageable(request));
  return manage_snapshot(context, request);
}

Answer manage_snapshot(const Context& context, http::Request& request) {
  HANOK_TRY(snapshot, parse_manage_snapshot(request));
  const std::string& name = *snapshot.source_name;
  HANOK_TRY(place, place_for(context, request, snapshot.volume_id));
  if (const char* own_use = own_use_of(name)) return invalid_reference(name, own_use);
  auto found = ask_for_list(context, place, kSnapshotMethod, kSnapshotKey,
                            {{"image", rbd_image_of(snapshot.volume_id)}, {"name", name}});
  if (!found.ok() && found.error().code != ErrorCode::kNotFound) return found.take_error();
  if (!found.ok() || found->empty())
    return invalid_reference(name, "the volume's image has no such snapshot.");
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(volume, manageable_volume(tx, request, snapshot.volume_id));
    HANOK_TRY(there, snapshot_with(tx, volume.id, name));
    if (there)
      return bad_request(
          fmt::format("Unable to manage existing snapshot. Snapshot {} already managed.", name));
    snapshot.size_gib = gib_of_snapshot(found->front(), volume);
    HANOK_CHECK(
        check_quota(tx, volume.project_id, {.volumes = 0, .gigabytes = snapshot.size_gib, .snapshots = 1}));
    const std::int64_t now_us = context.clock.now_us();
    snapshot.id = new_uuid();
    snapshot.project_id = volume.project_id;
    snapshot.status = "creating";
    snapshot.created_us = now_us;
    snapshot.deadline_us = now_us + kManageSnapshotSeconds * kSecond_us;
    HANOK_CHECK(insert_snapshot(tx, snapshot));
    return http::accepted({{"snapshot", snapshot_json(request, snapshot, true)}});
  });
}

// It keeps the name that it has: it can be managed again by it.
Answer unmanage_snapshot(store::Tx& tx, const Snapshot& snapshot) {
  if (snapshot.status != "available" && snapshot.status != "error") {
    return bad_request(
        fmt::format("Invalid snapshot: Snapshot status must be available or error to unmanage, it is {}.",
                    snapshot.status));
  }
  HANOK_CHECK(tx.execute("DELETE FROM snapshots WHERE id = ?", {snapshot.id}));
  HANOK_CHECK(tx.touch("snapshot", snapshot.id));
  return http::accepted();
}

}  // namespace hanok::volume

#include "agents/volume/volume_reconciler.h"

#include <algorithm>

#include "agents/volume/volume_object.h"
#include "common/log.h"

namespace hanok::agent {
namespace {

constexpr std::uint64_t kGib = 1ULL << 30U;
constexpr std::int64_t kRetry_ms = 2000;
constexpr std::int64_t kMaxImages = 1000;

// Which part of a long answer is asked for.
struct Page {
  std::size_t first = 0, most = kMaxImages;
  bool descending = false;

  void sort(std::vector<std::string>& names) const {
    std::sort(names.begin(), names.end());
    if (descending) std::reverse(names.begin(), names.end());
  }
};

Result<Page> parse_page(const Json& params) {
  HANOK_TRY(offset, get_int(params, "offset"));
  HANOK_TRY(limit, get_int(params, "limit"));
  HANOK_TRY(descending, get_bool(params, "descending"));
  return Page{static_cast<std::size_t>(std::max<std::int64_t>(offset.value_or(0), 0)),
              static_cast<std::size_t>(std::clamp<std::int64_t>(limit.value_or(kMaxImages), 0, kMaxImages)),
              descending.value_or(false)};
}

bool is_hopeless(ErrorCode code) {
  return code == ErrorCode::kNotFound || code == ErrorCode::kBadRequest || code == ErrorCode::kOverQuota ||
         code == ErrorCode::kForbidden;
}

}  // namespace

Outcome outcome_of(const Task& task, Result<Json> done) {
  Outcome out;
  if (done.ok()) {
    out.observed = std::move(*done);
    return out;
  }
  const Error& error = done.error();
  const bool hopeless = is_hopeless(error.code);
  spdlog::warn("[{}] {} {} {}: {}", task.object.value("request_id", "-"), task.kind, task.id,
               hopeless ? "failed" : "is tried again", error.message);
  out.observed = {{"task", task.object.value("task", "")},
                  {"state", hopeless ? "error" : "retrying"},
                  {"error", {{"message", error.message}}}};
  if (!hopeless) out.again_after_ms = kRetry_ms;
  return out;
}

Result<Json> VolumeReconciler::apply_volume(const Json& object) {
  HANOK_TRY(volume, parse_volume(object));
  const std::uint64_t header = volume.encryption ? storage::header_bytes(volume.encryption->format) : 0;
  const std::uint64_t size_bytes = static_cast<std::uint64_t>(volume.size_gib) * kGib + header;
  if (volume.task == "delete") {
    if (!volume.target_pool.empty()) {
      HANOK_CHECK(storage::undo_move(store_, volume.image, volume.target_pool));
    }
    if (!volume.moved_from.empty()) {
      const storage::ImageRef old{volume.moved_from, volume.image.name};
      HANOK_CHECK(storage::finish_move(store_, old, volume.image.pool, {}));
    }
    HANOK_CHECK(storage::delete_volume(store_, volume.image, volume.source));
    if (volume.encryption) HANOK_CHECK(storage::drop_encrypted_parts(store_, volume.image));
    return Json{{"task", volume.task}, {"state", "deleted"}};
  }
  Json done = {{"task", volume.task}, {"state", "available"}, {"size_gib", volume.size_gib}};
  if (volume.task == "migrate") {
    HANOK_CHECK(storage::begin_move(store_, volume.image, volume.target_pool));
    return done;
  }
  const bool cloned = volume.source.type == storage::VolumeSource::Type::kSnapshot ||
                      volume.source.type == storage::VolumeSource::Type::kVolume;
  if (volume.task == "create" && volume.encryption && !cloned) {
    HANOK_CHECK(storage::create_encrypted_volume(store_, converter_, volume.image, size_bytes - header,
                                                 volume.source, *volume.encryption));
  } else if (volume.task == "create") {
    HANOK_CHECK(storage::create_volume(store_, converter_, volume.image, size_bytes, volume.source));
  } else if (volume.task == "extend") {
    HANOK_CHECK(storage::extend_volume(store_, volume.image, size_bytes));
  } else if (volume.task == "revert") {
    HANOK_CHECK(storage::revert_volume(store_, {volume.image, volume.snapshot}, size_bytes));
  } else if (volume.task == "limit") {
    // below, as for a volume that was made or grew: limits may be per GiB, and a clone has its parent's
  } else if (volume.task == "upload") {
    HANOK_TRY(bytes, volume.encryption
                         ? storage::upload_encrypted(store_, volume.image, volume.upload, *volume.encryption)
                         : storage::upload_image(store_, volume.image, volume.upload));
    done["uploaded"] = volume.upload_image_id;
    done["size_bytes"] = bytes;
  } else {
    return bad_request("volume: unknown task " + volume.task);
  }
  const bool plain = volume.task == "create" && volume.source.type == storage::VolumeSource::Type::kNone;
  if (volume.task != "upload" && !(plain && volume.limits.empty())) {
    HANOK_CHECK(store_.set_limits(volume.image, volume.limits));
    done["limits"] = object.value("limits", Json::object());
  }
  return done;
}

Result<Json> VolumeReconciler::apply_snapshot(const Json& object) {
  HANOK_TRY(snapshot, parse_snapshot(object));
  if (snapshot.task == "delete") {
    HANOK_CHECK(storage::delete_volume_snapshot(store_, snapshot.snapshot));
    return Json{{"task", snapshot.task}, {"state", "deleted"}};
  }
  HANOK_CHECK(snapshot.source.empty() ? storage::create_volume_snapshot(store_, snapshot.snapshot)
                                      : storage::adopt_snapshot(store_, snapshot.snapshot, snapshot.source));
  return Json{{"task", snapshot.task}, {"state", "available"}};
}

Result<Json> VolumeReconciler::apply_group_snapshot(const Json& object) {
  HANOK_TRY(group, parse_group_snapshot(object));
  if (group.task == "delete") {
    for (const auto& snapshot : group.snapshots) {
      HANOK_CHECK(storage::delete_volume_snapshot(store_, snapshot));
    }
    return Json{{"task", group.task}, {"state", "deleted"}};
  }
  HANOK_CHECK(storage::create_group_snapshot(store_, group.snapshots));
  return Json{{"task", group.task}, {"state", "available"}};
}

Result<Outcome> VolumeReconciler::apply(const Task& task) {
  if (!task.object.is_object()) return Outcome{};
  if (task.kind == "group_snapshot") return outcome_of(task, apply_group_snapshot(task.object));
  return outcome_of(task, task.kind == "volume" ? apply_volume(task.object) : apply_snapshot(task.object));
}

std::optional<Result<Json>> VolumeReconciler::answer(const std::string& method, const Json& params) {
  if (method == "volume_images") return images(params);
  if (method == "volume_snapshots") return snapshots(params);
  return std::nullopt;
}

Result<Json> VolumeReconciler::image(const storage::ImageRef& ref) {
  HANOK_TRY(info, store_.info(ref));
  HANOK_TRY(in_use, store_.in_use(ref));
  return Json{{"name", ref.name}, {"size_bytes", info.size_bytes}, {"in_use", in_use}};
}

Result<Json> VolumeReconciler::images(const Json& params) {
  HANOK_TRY(pool, need_string(params, "pool"));
  HANOK_TRY(name, get_string(params, "name"));
  HANOK_TRY(page, parse_page(params));
  if (name) {
    HANOK_TRY(found, image({pool, *name}));
    return Json{{"images", Json::array({found})}};
  }
  HANOK_TRY(names, store_.list(pool));
  page.sort(names);
  Json out = Json::array();
  for (std::size_t i = page.first; i < names.size() && out.size() < page.most; ++i) {
    auto found = image({pool, names[i]});
    if (found.ok()) {
      out.push_back(std::move(*found));
    } else if (found.error().code != ErrorCode::kNotFound) {
      return found.take_error();
    }
  }
  return Json{{"images", std::move(out)}};
}

// The images of a page are not known before those in front of it were looked into.
Result<Json> VolumeReconciler::snapshots(const Json& params) {
  HANOK_TRY(pool, need_string(params, "pool"));
  HANOK_TRY(image, get_string(params, "image"));
  HANOK_TRY(name, get_string(params, "name"));
  HANOK_TRY(page, parse_page(params));
  std::vector<std::string> images;
  if (image) {
    images.push_back(*image);
  } else {
    HANOK_TRY(all, store_.list(pool));
    images = std::move(all);
    page.sort(images);
  }
  Json out = Json::array();
  std::size_t seen = 0;
  for (const std::string& one : images) {
    if (out.size() >= page.most) break;
    HANOK_TRY(found, snapshots_of({pool, one}, page.descending, image.has_value()));
    for (const Json& snapshot : found) {
      const bool wanted = !name || snapshot["name"] == *name;
      if (wanted && seen++ >= page.first && out.size() < page.most) out.push_back(snapshot);
    }
  }
  return Json{{"snapshots", std::move(out)}};
}

Result<Json> VolumeReconciler::snapshots_of(const storage::ImageRef& ref, bool descending, bool must_be) {
  auto found = store_.snapshots(ref);
  if (!found.ok() && found.error().code == ErrorCode::kNotFound && !must_be) return Json::array();
  if (!found.ok()) return found.take_error();
  std::sort(found->begin(), found->end(),
            [&](const auto& a, const auto& b) { return descending ? b.name < a.name : a.name < b.name; });
  Json out = Json::array();
  for (const storage::SnapshotInfo& one : *found) {
    out.push_back({{"image", ref.name}, {"name", one.name}, {"size_bytes", one.size_bytes}});
  }
  return out;
}

}  // namespace hanok::agent

// Another type for a volume. Where the type's pool is another one, the image moves: `retyping` until it is
// used in the new pool; what is left in the old one is copied in the background (kinds_work.cc).
#include <fmt/format.h>

#include "control/volume/action.h"
#include "control/volume/encryption.h"
#include "control/volume/group_record.h"
#include "control/volume/types.h"

namespace hanok::volume {
namespace {

constexpr std::int64_t kRetypeSeconds = 600;

Error cannot_move(const Volume& volume, const std::string& why) {
  return bad_request(
      fmt::format("Invalid volume: Volume {} cannot be moved to another pool: {}.", volume.id, why));
}

// Whatever has to do with the image while it is between the pools would look for it in the wrong one.
Status check_quiet(store::Tx& tx, const Volume& volume) {
  if (volume.status != "available") return cannot_move(volume, "detach it first, its image must not be open");
  if (!volume.moved_from.empty()) return cannot_move(volume, "an earlier move of it is not done yet");
  HANOK_TRY(snapshot, tx.query_one("SELECT id, status FROM snapshots WHERE volume_id = ? AND status NOT IN "
                                   "('available', 'error')",
                                   {volume.id}));
  if (snapshot) {
    return cannot_move(volume,
                       fmt::format("snapshot {} is {}", snapshot->text("id"), snapshot->text("status")));
  }
  // RBD moves no image that has hidden snapshots or leans on one.
  const std::string type = volume.source.value("type", "none");
  HANOK_TRY(leans_on, tx.query_one("SELECT id FROM snapshots WHERE 'snapshot-' || id = ?",
                                   {volume.source.value("snapshot", "")}));
  if (type == "volume" || (type == "snapshot" && !leans_on)) {
    return cannot_move(volume, "it is a clone whose snapshot is no more: flatten it first");
  }
  HANOK_TRY(clone,
            tx.query_one("SELECT id FROM volumes WHERE json_extract(source, '$.image') = ? AND"
                         " (json_extract(source, '$.type') = 'volume' OR NOT EXISTS (SELECT 1 FROM"
                         " snapshots s WHERE 'snapshot-' || s.id = json_extract(source, '$.snapshot')))",
                         {rbd_image_of(volume.id)}));
  if (clone) {
    return cannot_move(
        volume,
        fmt::format("volume {} is a clone of it without a snapshot: flatten that first", clone->text("id")));
  }
  HANOK_TRY(child, tx.query_one("SELECT id FROM volumes WHERE status = 'creating' AND"
                                " json_extract(source, '$.image') = ?",
                                {rbd_image_of(volume.id)}));
  return child
             ? Status(cannot_move(volume, fmt::format("volume {} is being made from it", child->text("id"))))
             : Status();
}

Answer move_to(Action& action, const std::optional<std::string>& type_id, const std::string& pool) {
  Volume& volume = action.volume;
  HANOK_TRY(policy, get_string(action.argument, "migration_policy"));
  if (policy.value_or("never") != "on-demand") {
    return cannot_move(volume,
                       fmt::format("its type is of pool {}, the new one of pool {}, and the migration "
                                   "policy is not 'on-demand'",
                                   volume.pool, pool));
  }
  HANOK_CHECK(check_quiet(action.tx, volume));
  if (!volume.target_pool.empty() && volume.target_pool != pool) {
    return cannot_move(volume, fmt::format("it is half moved to pool {}", volume.target_pool));
  }
  volume.target_pool = pool;
  volume.target_type_id = type_id;
  volume.request_id = action.request.request_id;
  begin(volume, "retyping", kRetypeSeconds, action.now_us);
  HANOK_CHECK(save_volume(action.tx, volume, action.now_us));
  return http::accepted();
}

// Which image a volume was cloned from and still leans on; empty: on none.
bool has_parent(const Volume& volume) {
  const std::string type = volume.source.value("type", "none");
  return type == "snapshot" || type == "volume" ||
         (type == "image" && volume.source.value("format", "") == "raw");
}

}  // namespace

Answer retype(Action& action) {
  HANOK_TRY(wanted, need_string(action.argument, "new_type"));
  HANOK_TRY(policy, get_string(action.argument, "migration_policy"));
  if (policy && *policy != "never" && *policy != "on-demand") {
    return bad_request("Invalid input for field/attribute migration_policy. It is 'never' or 'on-demand'.");
  }
  if (action.volume.status != "available" && action.volume.status != "in-use") {
    return bad_request(
        fmt::format("Invalid volume: Unable to update type due to incorrect status: {} on volume: {}.",
                    action.volume.status, action.volume.id));
  }
  HANOK_CHECK(check_in_no_group(action.volume));
  auto type = find_type(action.tx, wanted, action.request.caller.project_id, action.request.caller.is_admin);
  if (!type.ok()) return bad_request(fmt::format("Invalid input received: {}", type.error().message));
  HANOK_TRY(encryption, encryption_of_type(action.tx, *type));
  if (encryption.is_object() != action.volume.encryption.is_object() ||
      (encryption.is_object() && encryption["format"] != action.volume.encryption["format"])) {
    return bad_request(
        "Invalid input received: Retype cannot change encryption: create a volume of the other type from an "
        "image of this one.");
  }
  HANOK_TRY(pool, pool_of_type(action.tx, *type));
  if (pool != action.volume.pool) return move_to(action, *type, pool);
  action.volume.type_id = *type;
  HANOK_CHECK(save_volume(action.tx, action.volume, action.now_us));
  return http::accepted();
}

Answer flatten(Action& action) {
  Volume& volume = action.volume;
  if (volume.status != "available" && volume.status != "in-use") {
    return bad_request(
        fmt::format("Invalid volume: Volume {} status must be available or in-use to flatten, "
                    "but current status is: {}.",
                    volume.id, volume.status));
  }
  if (!has_parent(volume))
    return bad_request(fmt::format("Invalid volume: Volume {} is no clone.", volume.id));
  if (!volume.flattening) volume.work_percent = 0;
  volume.flattening = true;
  HANOK_CHECK(save_volume(action.tx, volume, action.now_us));
  HANOK_CHECK(action.tx.touch("volume_work", volume.id));
  return http::accepted();
}

Answer cancel_flatten(Action& action) {
  Volume& volume = action.volume;
  if (!volume.flattening)
    return bad_request(fmt::format("Invalid volume: Volume {} is not being flattened.", volume.id));
  volume.flattening = false;
  HANOK_CHECK(save_volume(action.tx, volume, action.now_us));
  HANOK_CHECK(action.tx.touch("volume_work", volume.id));
  return http::accepted();
}

}  // namespace hanok::volume

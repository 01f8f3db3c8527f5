#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "control/volume/action.h"
#include "control/volume/group_record.h"
#include "control/volume/quota.h"
#include "control/volume/view.h"

namespace hanok::volume {
namespace {

constexpr std::int64_t kExtendSeconds = 120;
constexpr std::array kStatuses = {"creating",        "available",       "deleting",         "error",
                                  "error_deleting",  "attaching",       "detaching",        "in-use",
                                  "maintenance",     "error_extending", "error_restoring",  "error_attaching",
                                  "error_detaching", "reserved",        "awaiting-transfer"};

}  // namespace

Answer extend(Action& action) {
  HANOK_TRY(size, get_int(action.argument, "new_size"));
  if (!size || *size < 1 || *size > kMaxVolumeGib) {
    return bad_request("Invalid input for field/attribute new_size. It must be an integer greater than 0.");
  }
  Volume& volume = action.volume;
  const bool in_use = volume.status == "in-use" && action.request.minor_version >= 42;
  if (volume.status != "available" && !in_use) {
    return bad_request(
        fmt::format("Invalid volume: Volume {} status must be available to extend, currently {}.", volume.id,
                    volume.status));
  }
  if (*size <= volume.size_gib) {
    return bad_request(
        fmt::format("Invalid input received: New size for extend must be greater than current size. "
                    "(current: {}, extended: {}).",
                    volume.size_gib, *size));
  }
  HANOK_CHECK(check_quota(action.tx, volume.project_id,
                          {.volumes = 0, .gigabytes = *size - volume.wanted_gib, .snapshots = 0}));
  HANOK_CHECK(check_volume_size(action.tx, volume.project_id, *size));
  volume.wanted_gib = *size;
  volume.request_id = action.request.request_id;
  begin(volume, "extending", kExtendSeconds, action.now_us);
  HANOK_CHECK(save_volume(action.tx, volume, action.now_us));
  return http::accepted();
}

Answer set_bootable(Action& action) {
  HANOK_TRY(on, get_bool(action.argument, "bootable"));
  if (!on) return bad_request("Missing required element 'bootable' in request body.");
  action.volume.bootable = *on;
  HANOK_CHECK(save_volume(action.tx, action.volume, action.now_us));
  return http::Response{.status = 200};
}

// Kept as metadata `readonly`, as Cinder does; the attachment's mode follows it.
Answer set_readonly(Action& action) {
  HANOK_TRY(on, get_bool(action.argument, "readonly"));
  if (!on) return bad_request("Missing required element 'readonly' in request body.");
  if (action.volume.status != "available") {
    return bad_request(
        fmt::format("Invalid volume: Volume {} status must be available to update readonly flag, but "
                    "current status is: {}.",
                    action.volume.id, action.volume.status));
  }
  action.volume.metadata["readonly"] = *on ? "True" : "False";
  HANOK_CHECK(save_volume(action.tx, action.volume, action.now_us));
  return http::accepted();
}

Answer reset_status(Action& action) {
  HANOK_TRY(status, get_string(action.argument, "status"));
  HANOK_TRY(attach_status, get_string(action.argument, "attach_status"));
  HANOK_TRY(migration_status, get_string(action.argument, "migration_status"));
  if (!status && !attach_status && !migration_status)
    return bad_request("Must specify 'status', 'attach_status' or 'migration_status' for update.");
  if (status && std::find(kStatuses.begin(), kStatuses.end(), *status) == kStatuses.end()) {
    return bad_request(fmt::format("Invalid status: {}.", status->substr(0, 64)));
  }
  if (attach_status && *attach_status != "attached" && *attach_status != "detached") {
    return bad_request(fmt::format("Invalid attach status: {}.", attach_status->substr(0, 64)));
  }
  if (attach_status == "detached") {
    HANOK_TRY(attachments, attachments_of(action.tx, action.volume.id));
    for (const auto& one : attachments) {
      if (!one.server_id.empty()) HANOK_CHECK(action.tx.touch("instance", one.server_id));
    }
    HANOK_CHECK(action.tx.execute("DELETE FROM volume_attachments WHERE volume_id = ?", {action.volume.id}));
  }
  if (status) {
    HANOK_CHECK(give_up_upload(action.tx, action.volume, action.now_us));
    settle(action.volume, *status);
  }
  HANOK_CHECK(save_volume(action.tx, action.volume, action.now_us));
  return http::accepted();
}

Answer force_delete(Action& action) {
  HANOK_CHECK(check_not_grouped(action.tx, action.volume));
  action.volume.request_id = action.request.request_id;
  HANOK_CHECK(begin_delete(action.tx, action.volume, action.now_us));
  return http::accepted();
}

}  // namespace hanok::volume

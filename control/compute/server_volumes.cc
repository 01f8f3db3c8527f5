// os-volume_attachments: volumes attached to and detached from a server.

#include <fmt/format.h>

#include <algorithm>

#include "common/uuid.h"
#include "control/compute/actions.h"
#include "control/compute/attach.h"
#include "control/compute/servers.h"
#include "control/compute/tasks.h"
#include "control/volume/volume.h"

namespace hanok::compute {
namespace {

Json attachment_json(const http::Request& request, const ServerVolume& volume) {
  const int minor = request.minor_version;
  Json out = {{"volumeId", volume.volume_id}, {"serverId", volume.server_id}, {"device", volume.device}};
  if (minor < 89) {
    out["id"] = volume.volume_id;
  } else {
    out["attachment_id"] = volume.attachment_id.empty() ? Json() : Json(volume.attachment_id);
    out["bdm_uuid"] = volume.bdm_id;
  }
  if (minor >= 70) out["tag"] = volume.tag ? Json(*volume.tag) : Json();
  if (minor >= 79) out["delete_on_termination"] = volume.delete_on_termination;
  return out;
}

Result<ServerVolume> find_attachment(store::Tx& tx, const http::Request& request, const Server& server) {
  HANOK_TRY(volumes, volumes_of(tx, server.id));
  for (auto& volume : volumes) {
    if (volume.volume_id == request.param("volume")) return std::move(volume);
  }
  return not_found(fmt::format("Instance {} is not attached to volume {}", server.id,
                               request.param("volume").substr(0, 64)));
}

Status need_disk_plug(const Server& server, const char* what) {
  static constexpr std::array kStates = {"active", "paused", "stopped", "suspended"};
  const bool good =
      std::any_of(kStates.begin(), kStates.end(), [&](const char* one) { return server.vm_state == one; });
  if (good && server.host.empty() == false && server.task_state.empty()) return {};
  return conflict(
      fmt::format("Cannot '{}' instance {} while it is in vm_state {}", what, server.id, server.vm_state));
}

struct AttachRequest {
  std::string volume_id, device;
  std::optional<std::string> tag;
  bool delete_on_termination = false;
};

Result<AttachRequest> parse_volume_attach(const http::Request& request) {
  HANOK_TRY(body, body_of(request, "volumeAttachment"));
  HANOK_CHECK(only_fields(*body, {"volumeId", "device", "tag", "delete_on_termination"}));
  if (body->contains("delete_on_termination") && request.minor_version < 79) {
    return bad_request("Additional properties are not allowed ('delete_on_termination' was unexpected)");
  }
  if (body->contains("tag") && request.minor_version < 49) {
    return bad_request("Additional properties are not allowed ('tag' was unexpected)");
  }
  AttachRequest out;
  HANOK_TRY(volume, need_string(*body, "volumeId"));
  if (!is_uuid(volume)) return bad_request("Invalid input for field/attribute volumeId: it is no UUID.");
  HANOK_TRY(device, get_string(*body, "device"));
  HANOK_TRY(tag, get_string(*body, "tag", 60));
  HANOK_TRY(remove, get_bool(*body, "delete_on_termination"));
  out.volume_id = volume;
  out.device = device.value_or("");
  out.tag = tag;
  out.delete_on_termination = remove.value_or(false);
  return out;
}

Result<ServerVolume> attach(store::Tx& tx, const http::Request& request, Server& server,
                            const AttachRequest& spec, std::int64_t now_us) {
  HANOK_TRY(volume,
            volume::find_volume(tx, spec.volume_id, request.caller.project_id, request.caller.is_admin));
  HANOK_TRY(device, pick_device(tx, server, spec.device));
  // Nova calls a volume in the wrong state a bad request.
  if (volume.status != "available") {
    return bad_request(
        fmt::format("Invalid volume: Volume {} status must be available but current status is: {}", volume.id,
                    volume.status));
  }
  HANOK_TRY(attachment, volume::begin_attach(tx, volume.id, server.id, server.host, device, now_us));
  HANOK_CHECK(tx.touch("instance", server.id));
  HANOK_TRY(row, insert_volume(tx, {.seq = 0,
                                    .server_id = server.id,
                                    .volume_id = volume.id,
                                    .attachment_id = attachment.id,
                                    .bdm_id = "",
                                    .device = device,
                                    .boot_index = -1,
                                    .delete_on_termination = spec.delete_on_termination,
                                    .tag = spec.tag,
                                    .state = "attaching",
                                    .generation = tx.generation(),
                                    .deadline_us = now_us + kVolumeSeconds * kSecond_us}));
  return row;
}

}  // namespace

Answer list_attachments(Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(server, find_server(tx, request.param("id"), request.caller));
    HANOK_TRY(volumes, volumes_of(tx, server.id));
    HANOK_TRY(page, page_of(request));
    HANOK_TRY(offset, get_int(Json{{"offset", request.query_one("offset").value_or("0")}}, "offset"));
    Json list = Json::array();
    for (std::size_t at = static_cast<std::size_t>(std::max<std::int64_t>(0, offset.value_or(0)));
         at < volumes.size() && static_cast<std::int64_t>(list.size()) < page.limit; ++at) {
      list.push_back(attachment_json(request, volumes[at]));
    }
    return http::ok({{"volumeAttachments", std::move(list)}});
  });
}

Answer show_attachment(Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(server, find_server(tx, request.param("id"), request.caller));
    HANOK_TRY(volume, find_attachment(tx, request, server));
    return http::ok({{"volumeAttachment", attachment_json(request, volume)}});
  });
}

Answer attach_volume(Context& context, http::Request& request) {
  HANOK_TRY(spec, parse_volume_attach(request));
  return context.database.write([&](store::Tx& tx) -> Answer {
    const std::int64_t now_us = context.clock.now_us();
    HANOK_TRY(server, find_unlocked(tx, request));
    HANOK_CHECK(need_disk_plug(server, "attach_volume"));
    HANOK_CHECK(begin_action(tx, server, request, "attach_volume", now_us));
    HANOK_TRY(volume, attach(tx, request, server, spec, now_us));
    return http::ok({{"volumeAttachment", attachment_json(request, volume)}});
  });
}

// Only delete_on_termination may change (2.85); swapping volumes is not offered.
Answer update_attachment(Context& context, http::Request& request) {
  HANOK_TRY(body, body_of(request, "volumeAttachment"));
  HANOK_TRY(volume_id, need_string(*body, "volumeId"));
  HANOK_TRY(remove, get_bool(*body, "delete_on_termination"));
  if (volume_id != request.param("volume") || request.minor_version < 85) {
    return Error{ErrorCode::kNotImplemented, "Swapping volumes is not implemented.", {}};
  }
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(server, find_unlocked(tx, request));
    HANOK_TRY(volume, find_attachment(tx, request, server));
    if (remove) {
      HANOK_CHECK(tx.execute("UPDATE server_volumes SET delete_on_termination = ? WHERE seq = ?",
                             {*remove, volume.seq}));
    }
    return http::accepted();
  });
}

Answer detach_volume(Context& context, http::Request& request) {
  return context.database.write([&](store::Tx& tx) -> Answer {
    const std::int64_t now_us = context.clock.now_us();
    HANOK_TRY(server, find_unlocked(tx, request));
    HANOK_TRY(volume, find_attachment(tx, request, server));
    HANOK_CHECK(need_disk_plug(server, "detach_volume"));
    if (volume.boot_index == 0) return forbidden("Cannot detach a root device volume");
    if (volume.state != "attached") {
      return conflict(
          fmt::format("Volume {} is {} on instance {}", volume.volume_id, volume.state, server.id));
    }
    HANOK_CHECK(begin_action(tx, server, request, "detach_volume", now_us));
    HANOK_CHECK(volume::begin_detach(tx, volume.volume_id, server.id, now_us));
    HANOK_CHECK(tx.touch("instance", server.id));
    HANOK_CHECK(tx.execute("UPDATE server_volumes SET state = 'detaching', generation = ? WHERE seq = ?",
                           {tx.generation(), volume.seq}));
    return http::accepted();
  });
}

}  // namespace hanok::compute

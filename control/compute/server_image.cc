// createImage: the root disk of a server becomes a new image; the host's agent copies it.

#include <fmt/format.h>

#include "control/compute/actions.h"
#include "control/compute/quota.h"
#include "control/compute/server_action.h"
#include "control/compute/tasks.h"
#include "control/compute/validate.h"
#include "control/image/image.h"

namespace hanok::compute {
namespace {

Json image_properties(const ActionCall& call, const Metadata& metadata) {
  const Server& server = call.server;
  Json out = {{"image_type", "snapshot"},
              {"instance_uuid", server.id},
              {"base_image_ref", server.image_id},
              {"user_id", call.request.caller.user_id},
              {"boot_roles", ""},
              {"owner_id", call.request.caller.project_id},
              {"disk_format", "raw"},
              {"container_format", "bare"},
              {"min_disk", server.flavor.disk_gib},
              {"min_ram", server.image.is_object() ? server.image.value("min_ram_mib", std::int64_t{0}) : 0}};
  out.erase("boot_roles");
  for (const auto& [name, value] : metadata) out[name] = value;
  return out;
}

}  // namespace

Answer create_image_action(ActionCall& call) {
  if (!call.argument.is_object()) return bad_request("Invalid input for field/attribute createImage.");
  HANOK_CHECK(only_fields(call.argument, {"name", "metadata"}));
  HANOK_TRY(name, need_name(call.argument, "name"));
  Metadata metadata;
  if (call.argument.contains("metadata")) {
    HANOK_TRY(parsed, parse_metadata(call.argument["metadata"]));
    metadata = parsed;
  }
  HANOK_TRY(most, quota_limit(call.tx, call.request.caller.project_id, "metadata_items"));
  if (most >= 0 && static_cast<std::int64_t>(metadata.size()) > most) {
    return over_quota("Image metadata limit exceeded");
  }
  Server& server = call.server;
  HANOK_CHECK(need_state(call, "createImage", {"active", "stopped", "paused", "suspended"}));
  if (server.image_id.empty()) {
    return Error{
        ErrorCode::kNotImplemented,
        "Images of servers that boot from a volume are not implemented: upload or snapshot the volume.",
        {}};
  }
  HANOK_TRY(image_id, image::create_image_record(call.tx, name, call.request.caller.project_id,
                                                 image_properties(call, metadata), call.now_us));
  HANOK_CHECK(begin_action(call.tx, server, call.request, "createImage", call.now_us));
  server.upload_image_id = image_id;
  begin_task(server, "image_uploading", kSnapshotSeconds, call.now_us);
  HANOK_CHECK(change_server(call.tx, server, call.now_us));
  auto response = http::accepted(call.request.minor_version >= 45 ? Json{{"image_id", image_id}} : Json());
  response.headers["Location"] = fmt::format("{}/v2.1/images/{}", call.request.base_url, image_id);
  return response;
}

}  // namespace hanok::compute

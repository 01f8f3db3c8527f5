// rebuild: the same server with a fresh root disk.

#include <fmt/format.h>

#include "control/compute/actions.h"
#include "control/compute/attach.h"
#include "control/compute/server_action.h"
#include "control/compute/tasks.h"

namespace hanok::compute {
namespace {

Status check_fields(const ActionCall& call) {
  if (!call.argument.is_object()) return bad_request("Invalid input for field/attribute rebuild.");
  HANOK_CHECK(only_fields(
      call.argument, {"imageRef", "name", "adminPass", "metadata", "preserve_ephemeral", "OS-DCF:diskConfig",
                      "accessIPv4", "accessIPv6", "personality", "description", "key_name", "user_data",
                      "trusted_image_certificates", "hostname"}));
  static constexpr std::array<std::pair<const char*, int>, 5> kSince = {{{"description", 19},
                                                                         {"key_name", 54},
                                                                         {"user_data", 57},
                                                                         {"trusted_image_certificates", 63},
                                                                         {"hostname", 90}}};
  for (const auto& [name, minor] : kSince) {
    if (call.argument.contains(name) && call.request.minor_version < minor) {
      return bad_request(fmt::format("Additional properties are not allowed ('{}' was unexpected)", name));
    }
  }
  if (call.argument.contains("personality") && !call.argument["personality"].empty()) {
    return bad_request("Personality is not supported: use user_data or the config drive.");
  }
  return {};
}

Status apply_image(ActionCall& call, const std::string& image_id) {
  Server& server = call.server;
  auto image =
      image::find_image(call.tx, image_id, call.request.caller.project_id, call.request.caller.is_admin);
  if (!image.ok()) return bad_request(fmt::format("Image {} could not be found.", image_id));
  HANOK_CHECK(check_image_fits(*image, server.flavor));
  if (server.image_id.empty()) {
    return bad_request("Unable to rebuild with a different image for a volume-backed server.");
  }
  server.image_id = image->id;
  server.image = {{"format", image->disk_format},
                  {"min_ram_mib", image->min_ram_mib},
                  {"min_disk_gib", image->min_disk_gib},
                  {"container_format", image->container_format}};
  return {};
}

Status apply_key(ActionCall& call) {
  if (!call.argument.contains("key_name")) return {};
  Server& server = call.server;
  HANOK_TRY(name, get_string(call.argument, "key_name"));
  server.key_name = name;
  server.key_public.reset();
  server.key_type.reset();
  if (!name) return {};
  HANOK_TRY(key, call.tx.query_one("SELECT public_key, type FROM keypairs WHERE user_id = ? AND name = ?",
                                   {call.request.caller.user_id, *name}));
  if (!key) return bad_request("Invalid key_name provided.");
  server.key_public = key->text("public_key");
  server.key_type = key->text("type");
  return {};
}

Status apply_names(ActionCall& call) {
  Server& server = call.server;
  if (call.argument.contains("name")) {
    HANOK_TRY(name, need_name(call.argument, "name"));
    server.name = name;
  }
  if (call.argument.contains("description")) {
    HANOK_TRY(description, get_string(call.argument, "description", 255));
    server.description = description;
  }
  if (call.argument.contains("hostname")) {
    HANOK_TRY(hostname, need_string(call.argument, "hostname"));
    if (!is_hostname(hostname)) return bad_request("Invalid input for field/attribute hostname.");
    server.hostname = hostname;
  }
  if (call.argument.contains("user_data")) {
    HANOK_TRY(data, parse_user_data(call.argument));
    server.user_data = data;
  }
  HANOK_CHECK(parse_access(call.argument, server.access_ipv4, server.access_ipv6));
  HANOK_TRY(disk_config, parse_disk_config(call.argument, server.disk_config));
  server.disk_config = disk_config;
  if (!call.argument.contains("metadata")) return {};
  HANOK_TRY(metadata, parse_metadata(call.argument["metadata"]));
  HANOK_CHECK(call.tx.execute("DELETE FROM server_metadata WHERE server_id = ?", {server.id}));
  for (const auto& [name, value] : metadata) {
    HANOK_CHECK(call.tx.execute("INSERT INTO server_metadata (server_id, name, value) VALUES (?, ?, ?)",
                                {server.id, name, value}));
  }
  return {};
}

}  // namespace

Answer rebuild_action(ActionCall& call) {
  HANOK_CHECK(check_fields(call));
  HANOK_CHECK(need_state(call, "rebuild", {"active", "stopped", "error"}));
  HANOK_TRY(image_id, parse_image_ref(call.argument));
  if (image_id.empty()) return bad_request("Invalid input: 'imageRef' is a required property.");
  HANOK_TRY(pass, get_string(call.argument, "adminPass"));
  HANOK_CHECK(apply_image(call, image_id));
  HANOK_CHECK(apply_key(call));
  HANOK_CHECK(apply_names(call));
  Server& server = call.server;
  HANOK_CHECK(begin_action(call.tx, server, call.request, "rebuild", call.now_us));
  ++server.rebuild_serial;
  begin_task(server, "rebuilding", kBuildSeconds, call.now_us);
  HANOK_CHECK(change_server(call.tx, server, call.now_us));
  HANOK_TRY(view, server_view(call.tx, call.request, server, View::kUpdate));
  view["adminPass"] = pass ? *pass : random_password();
  if (call.request.minor_version >= 54) view["key_name"] = optional_json(server.key_name);
  if (call.request.minor_version >= 57) view["user_data"] = optional_json(server.user_data);
  if (call.request.minor_version >= 75) view.erase("OS-EXT-SRV-ATTR:user_data");
  auto response = http::accepted({{"server", std::move(view)}});
  response.headers["Location"] = fmt::format("{}/v2.1/servers/{}", call.request.base_url, server.id);
  return response;
}

}  // namespace hanok::compute

// How servers look to clients, by microversion.

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>
#include <set>

#include "common/secret.h"
#include "control/compute/server.h"
#include "control/compute/validate.h"

namespace hanok::compute {
namespace {

std::string by_vm_state(const Server& server) {
  const std::string& vm = server.vm_state;
  const std::string& task = server.task_state;
  const bool resizing = task == "resize_prep" || task == "resize_finish";
  const bool rebuilding = task == "rebuilding";
  if (vm == "active") {
    if (resizing) return "RESIZE";
    if (rebuilding) return "REBUILD";
    if (task == "rebooting") return "REBOOT";
    if (task == "rebooting_hard") return "HARD_REBOOT";
    return "ACTIVE";
  }
  if (vm == "building") return "BUILD";
  if (vm == "stopped") return resizing ? "RESIZE" : rebuilding ? "REBUILD" : "SHUTOFF";
  if (vm == "resized") return task == "resize_reverting" ? "REVERT_RESIZE" : "VERIFY_RESIZE";
  if (vm == "paused") return "PAUSED";
  if (vm == "suspended") return "SUSPENDED";
  if (vm == "error") return rebuilding ? "REBUILD" : "ERROR";
  if (vm == "deleted") return "DELETED";
  return "UNKNOWN";
}

// Nova's rule: SHA-224 over project and host, so that projects cannot compare hosts with each other.
std::string host_id_of(const Server& server) {
  if (server.host.empty()) return "";
  const std::string text = server.project_id + server.host;
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &length, EVP_sha224(), nullptr);
  return hex(std::string(digest.begin(), digest.begin() + length));
}

Json time_or_null(std::int64_t time_us) {
  return time_us == 0 ? Json() : Json(iso8601_micro(time_us));
}

Json flavor_of(const http::Request& request, const Server& server) {
  if (request.minor_version < 47) {
    return {{"id", server.flavor.id},
            {"links",
             Json::array({{{"rel", "bookmark"},
                           {"href", fmt::format("{}/flavors/{}", request.base_url, server.flavor.id)}}})}};
  }
  return {{"original_name", server.flavor.name},
          {"vcpus", server.flavor.vcpus},
          {"ram", server.flavor.ram_mib},
          {"disk", server.flavor.disk_gib},
          {"ephemeral", server.flavor.ephemeral_gib},
          {"swap", server.flavor.swap_mib},
          {"extra_specs", server.flavor.extra_specs}};
}

Json image_of(const http::Request& request, const Server& server) {
  if (server.image_id.empty()) return "";
  return {
      {"id", server.image_id},
      {"links", Json::array({{{"rel", "bookmark"},
                              {"href", fmt::format("{}/images/{}", request.base_url, server.image_id)}}})}};
}

Result<Json> metadata_of(store::Tx& tx, const std::string& server_id) {
  HANOK_TRY(rows, tx.query("SELECT name, value FROM server_metadata WHERE server_id = ?", {server_id}));
  Json out = Json::object();
  for (const auto& row : rows) out[row.text("name")] = row.text("value");
  return out;
}

Result<Json> tags_of(store::Tx& tx, const std::string& server_id) {
  HANOK_TRY(rows, tx.query("SELECT tag FROM server_tags WHERE server_id = ? ORDER BY tag", {server_id}));
  Json out = Json::array();
  for (const auto& row : rows) out.push_back(row.text("tag"));
  return out;
}

Result<Json> groups_of(store::Tx& tx, const std::string& server_id) {
  HANOK_TRY(rows, tx.query("SELECT group_id FROM server_group_members WHERE server_id = ?", {server_id}));
  Json out = Json::array();
  for (const auto& row : rows) out.push_back(row.text("group_id"));
  return out;
}

Status add_volumes(store::Tx& tx, const http::Request& request, const Server& server, Json& out) {
  HANOK_TRY(volumes, volumes_of(tx, server.id));
  Json list = Json::array();
  for (const auto& volume : volumes) {
    Json entry = {{"id", volume.volume_id}};
    if (request.minor_version >= 3) entry["delete_on_termination"] = volume.delete_on_termination;
    list.push_back(std::move(entry));
  }
  out["os-extended-volumes:volumes_attached"] = std::move(list);
  return {};
}

void add_security_groups(const std::vector<network::PortView>& ports, Json& out) {
  std::set<std::string> names;
  for (const auto& port : ports)
    names.insert(port.security_group_names.begin(), port.security_group_names.end());
  if (names.empty()) return;
  Json list = Json::array();
  for (const auto& name : names) list.push_back({{"name", name}});
  out["security_groups"] = std::move(list);
}

// For administrators only.
void add_host_fields(const http::Request& request, const Server& server, Json& out) {
  const Json host = server.host.empty() ? Json() : Json(server.host);
  out["OS-EXT-SRV-ATTR:host"] = host;
  out["OS-EXT-SRV-ATTR:hypervisor_hostname"] = host;
  out["OS-EXT-SRV-ATTR:instance_name"] = fmt::format("instance-{:08x}", server.seq);
  if (request.minor_version < 3) return;
  out["OS-EXT-SRV-ATTR:reservation_id"] = server.reservation_id;
  out["OS-EXT-SRV-ATTR:launch_index"] = server.launch_index;
  out["OS-EXT-SRV-ATTR:kernel_id"] = "";
  out["OS-EXT-SRV-ATTR:ramdisk_id"] = "";
  out["OS-EXT-SRV-ATTR:hostname"] = server.hostname;
  out["OS-EXT-SRV-ATTR:root_device_name"] = server.root_device;
  out["OS-EXT-SRV-ATTR:user_data"] = optional_json(server.user_data);
  if (request.minor_version >= 16) out["host_status"] = server.host.empty() ? "" : "UP";
}

// Rebuild and update answer with fewer fields; since 2.75 with all of them.
bool whole(const http::Request& request, View view) {
  return view != View::kUpdate || request.minor_version >= 75;
}

Status add_by_version(store::Tx& tx, const http::Request& request, const Server& server, View view,
                      Json& out) {
  const int minor = request.minor_version;
  if (minor >= 9) out["locked"] = server.locked;
  if (minor >= 19) out["description"] = optional_json(server.description);
  if (minor >= 26) {
    HANOK_TRY(tags, tags_of(tx, server.id));
    out["tags"] = std::move(tags);
  }
  if (minor >= 63) out["trusted_image_certificates"] = nullptr;
  if (minor >= 71 && view != View::kDetail) {
    HANOK_TRY(groups, groups_of(tx, server.id));
    out["server_groups"] = std::move(groups);
  }
  if (minor >= 73) out["locked_reason"] = optional_json(server.locked_reason);
  return {};
}

std::string address_type(bool floating) {
  return floating ? "floating" : "fixed";
}

}  // namespace

std::string status_of(const Server& server) {
  return by_vm_state(server);
}

bool known_status(const std::string& status) {
  static const std::set<std::string> kKnown = {
      "ACTIVE",    "BUILD",        "DELETED",       "ERROR",   "HARD_REBOOT",
      "MIGRATING", "PASSWORD",     "PAUSED",        "REBOOT",  "REBUILD",
      "RESCUE",    "RESIZE",       "REVERT_RESIZE", "SHELVED", "SHELVED_OFFLOADED",
      "SHUTOFF",   "SOFT_DELETED", "SUSPENDED",     "UNKNOWN", "VERIFY_RESIZE"};
  return kKnown.contains(status);
}

Json addresses_view(const std::vector<network::PortView>& ports, bool with_types) {
  Json out = Json::object();
  const auto add = [&](const network::PortView& port, const network::PortAddress& address, bool floating) {
    Json entry = {{"version", address.ip_version}, {"addr", address.ip}};
    if (with_types) {
      entry["OS-EXT-IPS:type"] = address_type(floating);
      entry["OS-EXT-IPS-MAC:mac_addr"] = port.mac;
    }
    out[port.network_name].push_back(std::move(entry));
  };
  for (const auto& port : ports) {
    for (const auto& address : port.addresses) add(port, address, false);
    for (const auto& address : port.floating) add(port, address, true);
  }
  return out;
}

Json server_summary(const http::Request& request, const Server& server) {
  return {{"id", server.id}, {"name", server.name}, {"links", links_of(request, "servers/" + server.id)}};
}

Result<Json> server_view(store::Tx& tx, const http::Request& request, const Server& server, View view) {
  HANOK_TRY(ports, network::ports_of_device(tx, server.id));
  HANOK_TRY(metadata, metadata_of(tx, server.id));
  Json out = server_summary(request, server);
  const std::string status = status_of(server);
  out["status"] = status;
  out["tenant_id"] = server.project_id;
  out["user_id"] = server.user_id;
  out["metadata"] = std::move(metadata);
  out["hostId"] = host_id_of(server);
  out["image"] = image_of(request, server);
  out["flavor"] = flavor_of(request, server);
  out["created"] = iso8601_z(server.created_us);
  out["updated"] = iso8601_z(server.updated_us);
  out["addresses"] = addresses_view(ports, whole(request, view));
  out["accessIPv4"] = server.access_ipv4;
  out["accessIPv6"] = server.access_ipv6;
  out["OS-DCF:diskConfig"] = server.disk_config;
  if (status == "ACTIVE" || status == "BUILD" || status == "REBUILD" || status == "RESIZE" ||
      status == "VERIFY_RESIZE" || status == "REBOOT" || status == "HARD_REBOOT" ||
      status == "REVERT_RESIZE") {
    out["progress"] = status == "ACTIVE" ? 100 : 0;
  }
  if ((status == "ERROR" || status == "DELETED") && server.fault.code != 0) {
    out["fault"] = {{"code", server.fault.code},
                    {"created", iso8601_z(server.fault.at_us)},
                    {"message", server.fault.message}};
    if (!server.fault.details.empty()) out["fault"]["details"] = server.fault.details;
  }
  HANOK_CHECK(add_by_version(tx, request, server, view, out));
  if (!whole(request, view)) return out;
  out["key_name"] = optional_json(server.key_name);
  out["config_drive"] = server.config_drive ? "True" : "";
  out["OS-EXT-AZ:availability_zone"] = server.host.empty() ? "" : server.zone;
  out["OS-SRV-USG:launched_at"] = time_or_null(server.launched_us);
  out["OS-SRV-USG:terminated_at"] = time_or_null(server.terminated_us);
  out["OS-EXT-STS:task_state"] = server.task_state.empty() ? Json() : Json(server.task_state);
  out["OS-EXT-STS:vm_state"] = server.vm_state;
  out["OS-EXT-STS:power_state"] = server.power_state;
  HANOK_CHECK(add_volumes(tx, request, server, out));
  add_security_groups(ports, out);
  if (request.caller.is_admin) {
    add_host_fields(request, server, out);
  } else if (request.minor_version >= 90) {
    out["OS-EXT-SRV-ATTR:hostname"] = server.hostname;
  }
  return out;
}

}  // namespace hanok::compute

#include "control/compute/create_request.h"

#include <fmt/format.h>

#include "common/secret.h"
#include "common/uuid.h"

namespace hanok::compute {
namespace {

constexpr std::size_t kMaxUserData = 65535;
constexpr std::int64_t kMaxCount = 100;

Error unexpected(const std::string& name) {
  return bad_request(fmt::format(
      "Invalid input for field/attribute server: additional properties are not allowed ('{}' was unexpected)",
      name));
}

// Fields that came with later microversions.
Status check_versions(const http::Request& request, const Json& server) {
  static constexpr std::array<std::pair<const char*, int>, 6> kSince = {{{"description", 19},
                                                                         {"tags", 52},
                                                                         {"trusted_image_certificates", 63},
                                                                         {"host", 74},
                                                                         {"hypervisor_hostname", 74},
                                                                         {"hostname", 90}}};
  for (const auto& [name, minor] : kSince) {
    if (server.contains(name) && request.minor_version < minor) return unexpected(name);
  }
  if (server.contains("personality")) {
    if (request.minor_version >= 57) return unexpected("personality");
    if (!server["personality"].is_array() || !server["personality"].empty()) {
      return bad_request("Personality is not supported: use user_data or the config drive.");
    }
  }
  if (server.contains("trusted_image_certificates") && !server["trusted_image_certificates"].is_null()) {
    return bad_request("Image signature verification is not supported.");
  }
  if (server.contains("block_device_mapping")) {
    return bad_request("block_device_mapping is not supported: use block_device_mapping_v2.");
  }
  return {};
}

Status parse_counts(const Json& server, CreateRequest& out) {
  HANOK_TRY(least, get_int(server, "min_count"));
  HANOK_TRY(most, get_int(server, "max_count"));
  out.min_count = least.value_or(1);
  out.max_count = most.value_or(out.min_count);
  if (out.min_count < 1 || out.max_count < 1)
    return bad_request("Invalid input: min_count and max_count start at 1.");
  if (out.max_count > kMaxCount)
    return bad_request(fmt::format("Invalid input: max_count is at most {}.", kMaxCount));
  if (out.min_count > out.max_count) return bad_request("min_count must be <= max_count");
  return {};
}

Status parse_tags(const Json& server, CreateRequest& out) {
  HANOK_TRY(tags, get_array(server, "tags", kMaxTags));
  if (tags == nullptr) return {};
  for (const auto& tag : *tags) {
    HANOK_CHECK(check_tag(tag));
    out.tags.push_back(tag.get<std::string>());
  }
  return {};
}

Status parse_security_groups(const Json& server, CreateRequest& out) {
  HANOK_TRY(groups, get_array(server, "security_groups", 100));
  if (groups == nullptr) return {};
  for (const auto& group : *groups) {
    if (!group.is_object()) return bad_request("Invalid input for field/attribute security_groups.");
    HANOK_TRY(name, need_string(group, "name"));
    if (std::find(out.security_groups.begin(), out.security_groups.end(), name) ==
        out.security_groups.end()) {
      out.security_groups.push_back(name);
    }
  }
  return {};
}

// "nova", "nova:host" or "nova:host:node"; naming a host is for administrators.
Status parse_zone(const http::Request& request, const Json& server, CreateRequest& out) {
  HANOK_TRY(zone, get_string(server, "availability_zone"));
  std::string name = zone.value_or("nova");
  if (const auto colon = name.find(':'); colon != std::string::npos) {
    out.only_host = name.substr(colon + 1, name.find(':', colon + 1) - colon - 1);
    name.resize(colon);
  }
  if (!name.empty() && name != "nova") return bad_request("The requested availability zone is not available");
  for (const char* key : {"host", "hypervisor_hostname"}) {
    HANOK_TRY(host, get_string(server, key));
    if (host) out.only_host = *host;
  }
  if (!out.only_host.empty() && !request.caller.is_admin) {
    return forbidden("Policy doesn't allow os_compute_api:servers:create:forced_host to be performed.");
  }
  return {};
}

// Hints are taken in the body's top level; only the group matters here.
Status parse_hints(const http::Request& request, CreateRequest& out) {
  for (const char* key : {"os:scheduler_hints", "OS-SCH-HNT:scheduler_hints"}) {
    HANOK_TRY(hints, get_object(request.json, key));
    if (hints == nullptr) continue;
    HANOK_TRY(group, get_string(*hints, "group"));
    if (group && !is_uuid(*group))
      return bad_request("Invalid input for field/attribute group: it is no UUID.");
    if (group) out.group_id = *group;
  }
  return {};
}

Status parse_names(const http::Request& request, const Json& server, CreateRequest& out) {
  HANOK_TRY(name, need_name(server, "name"));
  out.name = name;
  HANOK_TRY(description, get_string(server, "description", std::size_t{255} * 4));
  if (description && utf8_length(*description) > 255)
    return bad_request("Invalid input: description is too long.");
  out.description = request.minor_version < 19 ? std::optional<std::string>(name) : description;
  HANOK_TRY(hostname, get_string(server, "hostname"));
  if (hostname && !is_hostname(*hostname)) return bad_request("Invalid input for field/attribute hostname.");
  out.hostname = hostname;
  HANOK_TRY(key, get_string(server, "key_name"));
  out.key_name = key;
  HANOK_TRY(pass, get_string(server, "adminPass"));
  out.admin_pass = pass ? *pass : random_password();
  return {};
}

Result<std::string> parse_flavor_ref(const Json& server) {
  const auto it = server.find("flavorRef");
  if (it == server.end()) return bad_request("Invalid input: 'flavorRef' is a required property.");
  std::string ref = it->is_string() ? it->get<std::string>() : it->is_number_integer() ? it->dump() : "";
  if (const auto slash = ref.rfind('/'); slash != std::string::npos) ref = ref.substr(slash + 1);
  if (ref.empty() || ref.size() > 255) return bad_request("Invalid flavorRef provided.");
  return ref;
}

}  // namespace

Result<std::string> parse_image_ref(const Json& server) {
  const auto it = server.find("imageRef");
  if (it == server.end() || it->is_null()) return std::string();
  if (!it->is_string())
    return bad_request("Invalid input for field/attribute imageRef: it must be a string.");
  std::string ref = it->get<std::string>();
  if (const auto slash = ref.rfind('/'); slash != std::string::npos) ref = ref.substr(slash + 1);
  if (!ref.empty() && !is_uuid(ref)) return bad_request("Invalid imageRef provided.");
  return ref;
}

Result<std::optional<std::string>> parse_user_data(const Json& server) {
  HANOK_TRY(data, get_string(server, "user_data", kMaxUserData));
  if (data && !base64_decode(*data).ok()) {
    return bad_request("Invalid input for field/attribute user_data: it is not Base64.");
  }
  return data;
}

Status parse_access(const Json& server, std::string& ipv4, std::string& ipv6) {
  HANOK_TRY(four, get_string(server, "accessIPv4"));
  HANOK_TRY(six, get_string(server, "accessIPv6"));
  if (four && !four->empty() && !is_ipv4(*four))
    return bad_request("Invalid input for field/attribute accessIPv4.");
  if (six && !six->empty() && !is_ipv6(*six))
    return bad_request("Invalid input for field/attribute accessIPv6.");
  if (four || (server.contains("accessIPv4") && server["accessIPv4"].is_null())) ipv4 = four.value_or("");
  if (six || (server.contains("accessIPv6") && server["accessIPv6"].is_null()))
    ipv6 = canonical_ipv6(six.value_or(""));
  return {};
}

Result<std::string> parse_disk_config(const Json& server, const std::string& fallback) {
  HANOK_TRY(config, get_string(server, "OS-DCF:diskConfig"));
  if (config && *config != "AUTO" && *config != "MANUAL") {
    return bad_request("Invalid input for field/attribute OS-DCF:diskConfig: it must be AUTO or MANUAL.");
  }
  return config.value_or(fallback);
}

Result<CreateRequest> parse_create(const http::Request& request) {
  HANOK_TRY(body, body_of(request, "server"));
  const Json& server = *body;
  HANOK_CHECK(only_fields(server, {"name",
                                   "imageRef",
                                   "flavorRef",
                                   "adminPass",
                                   "metadata",
                                   "networks",
                                   "OS-DCF:diskConfig",
                                   "accessIPv4",
                                   "accessIPv6",
                                   "personality",
                                   "config_drive",
                                   "availability_zone",
                                   "key_name",
                                   "min_count",
                                   "max_count",
                                   "return_reservation_id",
                                   "security_groups",
                                   "user_data",
                                   "block_device_mapping",
                                   "block_device_mapping_v2",
                                   "description",
                                   "tags",
                                   "trusted_image_certificates",
                                   "host",
                                   "hypervisor_hostname",
                                   "hostname"}));
  HANOK_CHECK(check_versions(request, server));
  CreateRequest out;
  HANOK_CHECK(parse_names(request, server, out));
  HANOK_TRY(flavor, parse_flavor_ref(server));
  out.flavor_id = flavor;
  HANOK_TRY(image, parse_image_ref(server));
  out.image_id = image;
  HANOK_TRY(user_data, parse_user_data(server));
  out.user_data = user_data;
  HANOK_TRY(disk_config, parse_disk_config(server, "MANUAL"));
  out.disk_config = disk_config;
  HANOK_CHECK(parse_access(server, out.access_ipv4, out.access_ipv6));
  if (server.contains("metadata")) {
    HANOK_TRY(metadata, parse_metadata(server["metadata"]));
    out.metadata = metadata;
  }
  HANOK_TRY(config_drive, get_bool(server, "config_drive"));
  out.config_drive = config_drive.value_or(false);
  HANOK_TRY(reservation, get_bool(server, "return_reservation_id"));
  out.return_reservation_id = reservation.value_or(false);
  HANOK_CHECK(parse_counts(server, out));
  HANOK_CHECK(parse_tags(server, out));
  HANOK_CHECK(parse_security_groups(server, out));
  HANOK_CHECK(parse_zone(request, server, out));
  HANOK_CHECK(parse_hints(request, out));
  HANOK_CHECK(parse_networks(request, server, out));
  HANOK_CHECK(parse_devices(request, server, out));
  return out;
}

}  // namespace hanok::compute

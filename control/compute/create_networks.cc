#include <fmt/format.h>

#include "common/uuid.h"
#include "control/compute/create_request.h"

namespace hanok::compute {
namespace {

constexpr std::size_t kMaxNics = 16;

Status parse_words(const http::Request& request, const Json& networks, CreateRequest& out) {
  if (request.minor_version < 37) {
    return bad_request("Invalid input for field/attribute networks: it must be a list.");
  }
  if (networks == "auto") {
    out.nic_mode = NicMode::kAuto;
  } else if (networks == "none") {
    out.nic_mode = NicMode::kNone;
  } else {
    return bad_request("Invalid input for field/attribute networks: it is a list, 'auto' or 'none'.");
  }
  return {};
}

Result<NicRequest> parse_nic(const Json& json) {
  if (!json.is_object()) return bad_request("Invalid input for field/attribute networks.");
  HANOK_CHECK(only_fields(json, {"uuid", "port", "fixed_ip", "tag"}));
  HANOK_TRY(uuid, get_string(json, "uuid"));
  HANOK_TRY(port, get_string(json, "port"));
  HANOK_TRY(fixed_ip, get_string(json, "fixed_ip"));
  HANOK_TRY(tag, get_string(json, "tag"));
  if (port && !is_uuid(*port)) return bad_request("Bad port format: port uuid is not in proper format");
  if (!port && !uuid)
    return bad_request("Invalid input for field/attribute networks: uuid or port is needed.");
  if (!port && !is_uuid(*uuid)) {
    return bad_request("Bad networks format: network uuid is not in proper format");
  }
  if (fixed_ip && !is_ipv4(*fixed_ip) && !is_ipv6(*fixed_ip)) {
    return bad_request("Invalid input for field/attribute fixed_ip: it is no IP address.");
  }
  if (fixed_ip && port) {
    return bad_request("Specified Fixed IP cannot be used with port: the port has its own addresses.");
  }
  return NicRequest{
      .network_id = port ? "" : *uuid, .port_id = port.value_or(""), .fixed_ip = fixed_ip, .tag = tag};
}

}  // namespace

Status parse_networks(const http::Request& request, const Json& server, CreateRequest& out) {
  const auto it = server.find("networks");
  if (it == server.end()) {
    if (request.minor_version < 37) return {};
    return bad_request("Invalid input: 'networks' is a required property.");
  }
  if (it->is_string()) return parse_words(request, *it, out);
  if (!it->is_array() || it->size() > kMaxNics)
    return bad_request("Invalid input for field/attribute networks.");
  if (it->empty()) return {};  // as if it were not there
  out.nic_mode = NicMode::kList;
  for (const auto& json : *it) {
    HANOK_TRY(nic, parse_nic(json));
    if (out.max_count > 1 && (!nic.port_id.empty() || nic.fixed_ip)) {
      return bad_request("Unable to launch multiple instances with a single configured port ID or fixed IP.");
    }
    out.nics.push_back(std::move(nic));
  }
  return {};
}

}  // namespace hanok::compute

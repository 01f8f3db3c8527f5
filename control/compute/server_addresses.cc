// Addresses and security groups of a server: both are its ports'.

#include <fmt/format.h>

#include <algorithm>

#include "control/compute/security_groups.h"
#include "control/compute/server_action.h"
#include "control/compute/servers.h"

namespace hanok::compute {
namespace {

// One function for both ways: the group goes on, or comes off, every port of the server.
Answer change_groups(ActionCall& call, bool add) {
  if (!call.argument.is_object()) return bad_request("Invalid input: the security group is missing.");
  HANOK_TRY(name, need_string(call.argument, "name"));
  const Server& server = call.server;
  auto found = network::find_security_group(call.tx, name, server.project_id);
  if (!found.ok()) {
    if (found.error().code == ErrorCode::kConflict) return found.take_error();
    return not_found(fmt::format("Security group {} not found for project {}.", name, server.project_id));
  }
  HANOK_TRY(ports, network::ports_of_device(call.tx, server.id));
  bool changed = false;
  for (const auto& port : ports) {
    std::vector<std::string> groups = port.security_group_ids;
    const auto it = std::find(groups.begin(), groups.end(), *found);
    if ((it != groups.end()) == add) continue;
    if (add) {
      groups.push_back(*found);
    } else {
      groups.erase(it);
    }
    HANOK_CHECK(network::set_port_security_groups(call.tx, port.id, groups, call.now_us));
    changed = true;
  }
  if (!changed && !add) {
    return not_found(
        fmt::format("Security group {} is not associated with the instance {}", name, server.id));
  }
  return http::accepted();
}

}  // namespace

Answer add_security_group_action(ActionCall& call) {
  return change_groups(call, true);
}

Answer remove_security_group_action(ActionCall& call) {
  return change_groups(call, false);
}

Answer list_addresses(Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(server, find_server(tx, request.param("id"), request.caller));
    HANOK_TRY(ports, network::ports_of_device(tx, server.id));
    return http::ok({{"addresses", addresses_view(ports, false)}});
  });
}

Answer list_network_addresses(Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(server, find_server(tx, request.param("id"), request.caller));
    HANOK_TRY(ports, network::ports_of_device(tx, server.id));
    const Json all = addresses_view(ports, false);
    const auto it = all.find(request.param("label"));
    if (it == all.end()) return not_found("Network label is not found");
    return http::ok({{it.key(), it.value()}});
  });
}

Answer server_security_groups(Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(server, find_server(tx, request.param("id"), request.caller));
    HANOK_TRY(ports, network::ports_of_device(tx, server.id));
    std::vector<std::string> ids;
    for (const auto& port : ports)
      ids.insert(ids.end(), port.security_group_ids.begin(), port.security_group_ids.end());
    std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    Json list = Json::array();
    for (const auto& id : ids) {
      HANOK_TRY(group, network::get_security_group(tx, id, server.project_id, true));
      list.push_back(security_group_json(group));
    }
    return http::ok({{"security_groups", std::move(list)}});
  });
}

}  // namespace hanok::compute

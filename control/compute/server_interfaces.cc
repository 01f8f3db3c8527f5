// os-interface: the ports of a server, attached and detached while it lives.

#include <fmt/format.h>

#include "common/uuid.h"
#include "control/compute/actions.h"
#include "control/compute/attach.h"
#include "control/compute/servers.h"
#include "control/compute/tasks.h"

namespace hanok::compute {
namespace {

Json interface_json(const http::Request& request, const network::PortView& port,
                    const std::optional<std::string>& tag) {
  Json addresses = Json::array();
  for (const auto& address : port.addresses) {
    addresses.push_back({{"subnet_id", address.subnet_id}, {"ip_address", address.ip}});
  }
  Json out = {{"port_id", port.id},
              {"net_id", port.network_id},
              {"mac_addr", port.mac},
              {"port_state", port.status},
              {"fixed_ips", std::move(addresses)}};
  if (request.minor_version >= 70) out["tag"] = tag ? Json(*tag) : Json();
  return out;
}

Result<std::optional<std::string>> tag_of(store::Tx& tx, const std::string& port_id) {
  HANOK_TRY(row, tx.query_one("SELECT tag FROM server_ports WHERE port_id = ?", {port_id}));
  return row ? row->maybe_text("tag") : std::optional<std::string>{};
}

Result<NicRequest> parse_nic_attach(const http::Request& request) {
  if (request.json.is_null() || !request.json.contains("interfaceAttachment")) return NicRequest{};
  HANOK_TRY(body, body_of(request, "interfaceAttachment"));
  HANOK_CHECK(only_fields(*body, {"net_id", "port_id", "fixed_ips", "tag"}));
  NicRequest out;
  HANOK_TRY(net, get_string(*body, "net_id"));
  HANOK_TRY(port, get_string(*body, "port_id"));
  HANOK_TRY(tag, get_string(*body, "tag", 60));
  if (net && port) return bad_request("Must not input both network_id and port_id");
  for (const auto& id : {net, port}) {
    if (id && !is_uuid(*id))
      return bad_request("Invalid input for field/attribute interfaceAttachment: no UUID.");
  }
  HANOK_TRY(fixed, get_array(*body, "fixed_ips", 1));
  if (fixed != nullptr && !fixed->empty()) {
    if (!net) return bad_request("Must input network_id when request IP address");
    if (!fixed->front().is_object()) return bad_request("Invalid input for field/attribute fixed_ips.");
    HANOK_TRY(ip, need_string(fixed->front(), "ip_address"));
    if (!is_ipv4(ip) && !is_ipv6(ip)) return bad_request("Invalid input for field/attribute ip_address.");
    out.fixed_ip = ip;
  }
  out.network_id = net.value_or("");
  out.port_id = port.value_or("");
  out.tag = tag;
  return out;
}

Status need_nic_plug(const Server& server, const char* what) {
  const bool good =
      server.vm_state == "active" || server.vm_state == "paused" || server.vm_state == "stopped";
  if (!good || !server.task_state.empty() || server.host.empty()) {
    return conflict(
        fmt::format("Cannot '{}' instance {} while it is in vm_state {}", what, server.id, server.vm_state));
  }
  return {};
}

Status choose_network(store::Tx& tx, const Server& server, NicRequest& nic) {
  if (!nic.port_id.empty()) return {};
  if (!nic.network_id.empty()) {
    if (network::check_network(tx, nic.network_id, server.project_id).ok()) return {};
    return bad_request(fmt::format("Network {} could not be found.", nic.network_id));
  }
  HANOK_TRY(networks, network::default_networks(tx, server.project_id));
  if (networks.empty()) return bad_request("No network to attach to: the project has none.");
  if (networks.size() > 1) {
    return conflict("Multiple possible networks found, use a Network ID to be more specific.");
  }
  nic.network_id = networks.front();
  return {};
}

Error not_attached(const http::Request& request) {
  return not_found(fmt::format("Port {} is not attached to instance {}.", request.param("port").substr(0, 64),
                               request.param("id")));
}

}  // namespace

Answer list_interfaces(Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(server, find_server(tx, request.param("id"), request.caller));
    HANOK_TRY(ports, network::ports_of_device(tx, server.id));
    Json list = Json::array();
    for (const auto& port : ports) {
      HANOK_TRY(tag, tag_of(tx, port.id));
      list.push_back(interface_json(request, port, tag));
    }
    return http::ok({{"interfaceAttachments", std::move(list)}});
  });
}

Answer show_interface(Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(server, find_server(tx, request.param("id"), request.caller));
    auto port = network::get_port(tx, request.param("port"));
    if (!port.ok() || port->device_id != server.id) return not_attached(request);
    HANOK_TRY(tag, tag_of(tx, port->id));
    return http::ok({{"interfaceAttachment", interface_json(request, *port, tag)}});
  });
}

Answer attach_interface(Context& context, http::Request& request) {
  HANOK_TRY(nic, parse_nic_attach(request));
  return context.database.write([&](store::Tx& tx) -> Answer {
    const std::int64_t now_us = context.clock.now_us();
    HANOK_TRY(server, find_unlocked(tx, request));
    HANOK_CHECK(need_nic_plug(server, "attach_interface"));
    HANOK_CHECK(choose_network(tx, server, nic));
    HANOK_CHECK(begin_action(tx, server, request, "attach_interface", now_us));
    HANOK_TRY(port_id, attach_nic(tx, request, server, nic, {}, now_us));
    HANOK_CHECK(change_server(tx, server, now_us));
    HANOK_CHECK(finish_action(tx, server.id, "", now_us));
    HANOK_TRY(port, network::get_port(tx, port_id));
    return http::ok({{"interfaceAttachment", interface_json(request, port, nic.tag)}});
  });
}

Answer detach_interface(Context& context, http::Request& request) {
  return context.database.write([&](store::Tx& tx) -> Answer {
    const std::int64_t now_us = context.clock.now_us();
    HANOK_TRY(server, find_unlocked(tx, request));
    HANOK_CHECK(need_nic_plug(server, "detach_interface"));
    auto port = network::get_port(tx, request.param("port"));
    if (!port.ok() || port->device_id != server.id) return not_attached(request);
    HANOK_TRY(row, tx.query_one("SELECT ours FROM server_ports WHERE port_id = ?", {port->id}));
    HANOK_CHECK(begin_action(tx, server, request, "detach_interface", now_us));
    HANOK_CHECK(drop_port(tx, port->id, row && row->boolean("ours"), now_us));
    HANOK_CHECK(change_server(tx, server, now_us));
    HANOK_CHECK(finish_action(tx, server.id, "", now_us));
    return http::accepted();
  });
}

}  // namespace hanok::compute

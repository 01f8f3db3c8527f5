// The external gateway of a router: a port on an external network, and the host that carries it.

#include "control/bus/bus.h"
#include "control/network/body.h"
#include "control/network/errors.h"
#include "control/network/networks.h"
#include "control/network/port_values.h"
#include "control/network/ports.h"
#include "control/network/routers.h"

namespace hanok::network {
namespace {

// The first host, by name, that is alive and has the network role; "" when there is none yet.
Result<std::string> choose_host(store::Tx& tx, std::int64_t now_us) {
  HANOK_TRY(hosts, bus::list_hosts(tx, now_us));
  std::string chosen;
  for (const bus::Host& host : hosts) {
    if (!host.alive) continue;
    for (const std::string& role : host.roles) {
      if (role == "network" && (chosen.empty() || host.name < chosen)) chosen = host.name;
    }
  }
  return chosen;
}

Status check_unused(store::Tx& tx, const store::Row& router) {
  HANOK_TRY(user,
            tx.query_one("SELECT id FROM floating_ips WHERE router_id = ? LIMIT 1", {router.text("id")}));
  if (!user) return {};
  return conflict("Gateway cannot be updated for router " + router.text("id") +
                      ", since a gateway to external network " + router.text("gateway_network_id") +
                      " is required by one or more floating IPs.",
                  "RouterExternalGatewayInUseByFloatingIp");
}

Status clear_gateway(store::Tx& tx, const store::Row& router, std::int64_t now_us) {
  if (router.is_null("gateway_port_id")) return {};
  HANOK_CHECK(check_unused(tx, router));
  HANOK_CHECK(
      tx.execute("UPDATE routers SET gateway_port_id = NULL, gateway_network_id = NULL, gateway_host = NULL,"
                 " enable_snat = 1 WHERE id = ?",
                 {router.text("id")}));
  HANOK_CHECK(remove_port(tx, router.text("gateway_port_id"), now_us));
  return tx.touch("router", router.text("id"));
}

struct GatewayRequest {
  std::string network_id;
  std::optional<bool> enable_snat;
  std::optional<FixedIps> fixed_ips;
};

Result<GatewayRequest> read_gateway_info(const Json& info, const http::Caller& caller) {
  GatewayRequest out;
  for (const auto& [key, value] : info.items()) {
    if (key != "network_id" && key != "enable_snat" && key != "external_fixed_ips") {
      return invalid_value("external_gateway_info", "Unexpected keys supplied: " + key.substr(0, 50));
    }
  }
  HANOK_TRY(network_id, need_string(info, "network_id"));
  out.network_id = std::move(network_id);
  HANOK_TRY(snat, get_bool(info, "enable_snat"));
  out.enable_snat = snat;
  if (snat && !*snat && !caller.is_admin)
    return not_authorized("update_router:external_gateway_info:enable_snat");
  HANOK_TRY(fixed, get_array(info, "external_fixed_ips", 64));
  if (fixed != nullptr) {
    if (!caller.is_admin) return not_authorized("update_router:external_gateway_info:external_fixed_ips");
    HANOK_TRY(read, read_fixed_ips(*fixed));
    if (!read.empty()) out.fixed_ips = std::move(read);
  }
  return out;
}

Status check_external(store::Tx& tx, const std::string& network_id, const http::Caller& caller) {
  HANOK_TRY(network, visible_network(tx, network_id, caller));
  if (network.boolean("external")) return {};
  return bad_request("Bad router request: Network " + network_id + " is not an external network.",
                     "BadRequest");
}

// Neutron refuses a gateway whose subnets overlap with those the router is on.
Status check_gateway_overlap(store::Tx& tx, const std::string& router_id, const std::string& network_id) {
  HANOK_TRY(subnets, tx.query("SELECT id, cidr, network_id FROM subnets WHERE network_id = ?", {network_id}));
  for (const store::Row& subnet : subnets) HANOK_CHECK(check_no_overlap(tx, router_id, subnet));
  return {};
}

Status make_gateway(store::Tx& tx, const store::Row& router, const GatewayRequest& request,
                    std::int64_t now_us) {
  const std::string id = router.text("id");
  HANOK_CHECK(check_gateway_overlap(tx, id, request.network_id));
  // As in Neutron the port belongs to no project: the address is the provider's.
  NewPort port{.network_id = request.network_id, .project_id = ""};
  port.device_id = id;
  port.device_owner = kRouterGateway;
  port.status = "ACTIVE";
  port.port_security_enabled = false;
  port.fixed_ips = request.fixed_ips;
  HANOK_TRY(port_id, insert_port(tx, port, now_us));
  HANOK_TRY(address, tx.query_one("SELECT ip FROM port_addresses WHERE port_id = ? LIMIT 1", {port_id}));
  if (!address) {
    return bad_request(
        "Bad router request: No IPs available for external network " + request.network_id + ".",
        "BadRequest");
  }
  HANOK_TRY(host, choose_host(tx, now_us));
  HANOK_CHECK(
      tx.execute("UPDATE routers SET gateway_port_id = ?, gateway_network_id = ?, enable_snat = ?,"
                 " gateway_host = ? WHERE id = ?",
                 {port_id, request.network_id, request.enable_snat.value_or(true),
                  host.empty() ? store::Arg(nullptr) : store::Arg(host), id}));
  return tx.touch("router", id);
}

// The same network: only SNAT and addresses change.
Status adjust_gateway(store::Tx& tx, const store::Row& router, const GatewayRequest& request,
                      std::int64_t now_us) {
  const std::string id = router.text("id");
  if (request.enable_snat) {
    HANOK_CHECK(tx.execute("UPDATE routers SET enable_snat = ? WHERE id = ?", {*request.enable_snat, id}));
  }
  if (router.text("gateway_host").empty()) {
    HANOK_TRY(host, choose_host(tx, now_us));
    if (!host.empty())
      HANOK_CHECK(tx.execute("UPDATE routers SET gateway_host = ? WHERE id = ?", {host, id}));
  }
  if (request.fixed_ips) {
    HANOK_TRY(port, tx.query_one("SELECT id, network_id, mac FROM ports WHERE id = ?",
                                 {router.text("gateway_port_id")}));
    HANOK_CHECK(
        replace_addresses(tx, {port->text("id"), port->text("network_id"), port->text("mac"), kRouterGateway},
                          *request.fixed_ips));
  }
  return tx.touch("router", id);
}

}  // namespace

Status set_gateway(store::Tx& tx, const Context& context, const store::Row& router, const Json& info,
                   const http::Caller& caller) {
  const std::int64_t now_us = context.clock.now_us();
  if (info.is_null() || info.empty()) return clear_gateway(tx, router, now_us);
  HANOK_TRY(request, read_gateway_info(info, caller));
  HANOK_CHECK(check_external(tx, request.network_id, caller));
  if (router.text("gateway_network_id") == request.network_id)
    return adjust_gateway(tx, router, request, now_us);
  HANOK_CHECK(clear_gateway(tx, router, now_us));
  return make_gateway(tx, router, request, now_us);
}

}  // namespace hanok::network

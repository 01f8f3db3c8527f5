// Interfaces of a router: by subnet (a port is made, on the subnet's gateway address) or by port.

#include "control/network/body.h"
#include "control/network/errors.h"
#include "control/network/handlers.h"
#include "control/network/networks.h"
#include "control/network/ports.h"
#include "control/network/quotas.h"
#include "control/network/routers.h"

namespace hanok::network {
namespace {

Error bad_router(const std::string& reason) {
  return bad_request("Bad router request: " + reason + ".", "BadRequest");
}

struct InterfaceRequest {
  std::string subnet_id, port_id;  // one of them for adding; one or both for removing
};

Result<InterfaceRequest> read_interface(const http::Request& request) {
  if (!request.json.is_object()) return bad_router("Interface needs a subnet_id or port_id");
  HANOK_TRY(subnet, get_string(request.json, "subnet_id"));
  HANOK_TRY(port, get_string(request.json, "port_id"));
  InterfaceRequest out{subnet.value_or(""), port.value_or("")};
  if (out.subnet_id.empty() && out.port_id.empty())
    return bad_router("Either subnet_id or port_id must be specified");
  return out;
}

http::Response interface_reply(const store::Row& router, const std::string& port_id,
                               const std::string& network_id, const Json& subnet_ids) {
  return http::ok({{"id", router.text("id")},
                   {"tenant_id", router.text("project_id")},
                   {"project_id", router.text("project_id")},
                   {"port_id", port_id},
                   {"network_id", network_id},
                   {"subnet_id", subnet_ids.empty() ? Json() : subnet_ids.front()},
                   {"subnet_ids", subnet_ids},
                   {"tags", router.json("tags")}});
}

Result<std::string> add_by_subnet(store::Tx& tx, const store::Row& router, const std::string& subnet_id,
                                  const http::Caller& caller, std::int64_t now_us) {
  HANOK_TRY(subnet, tx.query_one("SELECT * FROM subnets WHERE id = ?", {subnet_id}));
  if (!subnet) return subnet_not_found(subnet_id);
  auto network = visible_network(tx, subnet->text("network_id"), caller);
  if (!network.ok() || (!owns(caller, *network) && !network->boolean("shared")))
    return subnet_not_found(subnet_id);
  if (subnet->is_null("gateway_ip")) return bad_router("Subnet for router interface must have a gateway IP");
  HANOK_CHECK(check_no_overlap(tx, router.text("id"), *subnet));
  NewPort port{.network_id = subnet->text("network_id"), .project_id = router.text("project_id")};
  HANOK_CHECK(check_quota(tx, "port", port.project_id));
  port.device_id = router.text("id");
  port.device_owner = kRouterInterface;
  port.status = "ACTIVE";
  port.port_security_enabled = false;
  port.fixed_ips = FixedIps{{subnet_id, subnet->text("gateway_ip")}};
  return insert_port(tx, port, now_us);
}

Result<std::string> add_by_port(store::Tx& tx, const store::Row& router, const std::string& port_id,
                                const http::Caller& caller, std::int64_t now_us) {
  HANOK_TRY(port, tx.query_one("SELECT id, project_id, network_id, device_id, host FROM ports WHERE id = ?",
                               {port_id}));
  if (!port || !owns(caller, *port)) return port_not_found(port_id);
  if (!port->text("device_id").empty()) {
    return conflict("Unable to complete operation on port " + port_id + " for network " +
                        port->text("network_id") + ". Port already has an attached device " +
                        port->text("device_id") + ".",
                    "PortInUse");
  }
  HANOK_TRY(subnets, tx.query("SELECT s.* FROM port_addresses a JOIN subnets s ON s.id = a.subnet_id"
                              " WHERE a.port_id = ? ORDER BY a.position",
                              {port_id}));
  if (subnets.empty()) return bad_router("Router port must have at least one fixed IP");
  int ipv4 = 0;
  for (const store::Row& subnet : subnets) ipv4 += subnet.integer("ip_version") == 4 ? 1 : 0;
  if (ipv4 > 1) return bad_router("Cannot have multiple IPv4 subnets on router port");
  for (const store::Row& subnet : subnets) HANOK_CHECK(check_no_overlap(tx, router.text("id"), subnet));
  HANOK_CHECK(tx.touch("port", port_id));  // an ordinary port no more
  HANOK_CHECK(set_groups(tx, port_id, {}));
  HANOK_CHECK(
      tx.execute("UPDATE ports SET device_id = ?, device_owner = ?, status = 'ACTIVE', host = '',"
                 " port_security_enabled = 0, updated_us = ?, revision = revision + 1 WHERE id = ?",
                 {router.text("id"), kRouterInterface, now_us, port_id}));
  return port_id;
}

Result<Json> subnets_of_port(store::Tx& tx, const std::string& port_id) {
  HANOK_TRY(rows,
            tx.query("SELECT subnet_id FROM port_addresses WHERE port_id = ? ORDER BY position", {port_id}));
  Json out = Json::array();
  for (const store::Row& row : rows) out.push_back(row.text("subnet_id"));
  return out;
}

// The interface that the request names; `subnet_id` and `port_id` must agree.
Result<store::Row> find_interface(store::Tx& tx, const std::string& router_id,
                                  const InterfaceRequest& wanted) {
  if (wanted.port_id.empty()) {
    HANOK_TRY(subnet, tx.query_one("SELECT id FROM subnets WHERE id = ?", {wanted.subnet_id}));
    if (!subnet) return subnet_not_found(wanted.subnet_id);
    HANOK_TRY(port,
              tx.query_one("SELECT p.id, p.network_id FROM ports p JOIN port_addresses a ON a.port_id = p.id"
                           " WHERE p.device_id = ? AND p.device_owner = ? AND a.subnet_id = ?",
                           {router_id, kRouterInterface, wanted.subnet_id}));
    if (port) return std::move(*port);
    return not_found("Router " + router_id + " has no interface on subnet " + wanted.subnet_id,
                     "RouterInterfaceNotFoundForSubnet");
  }
  HANOK_TRY(port, tx.query_one(
                      "SELECT id, network_id FROM ports WHERE id = ? AND device_id = ? AND device_owner = ?",
                      {wanted.port_id, router_id, kRouterInterface}));
  if (!port) {
    return not_found("Router " + router_id + " does not have an interface with id " + wanted.port_id,
                     "RouterInterfaceNotFound");
  }
  if (!wanted.subnet_id.empty()) {
    HANOK_TRY(match, tx.query_one("SELECT 1 AS one FROM port_addresses WHERE port_id = ? AND subnet_id = ?",
                                  {wanted.port_id, wanted.subnet_id}));
    if (!match) {
      return conflict("Subnet on port " + wanted.port_id + " does not match the requested subnet " +
                          wanted.subnet_id + ".",
                      "SubnetMismatchForPort");
    }
  }
  return std::move(*port);
}

// Floating IPs and extra routes need the interface that leads to them.
Status check_unneeded(store::Tx& tx, const store::Row& router, const std::string& port_id) {
  const std::string router_id = router.text("id");
  HANOK_TRY(subnets, tx.query("SELECT s.id, s.cidr FROM port_addresses a JOIN subnets s ON s.id = a.subnet_id"
                              " WHERE a.port_id = ?",
                              {port_id}));
  for (const store::Row& subnet : subnets) {
    HANOK_TRY(floating,
              tx.query_one(
                  "SELECT f.id FROM floating_ips f JOIN port_addresses a ON a.port_id = f.port_id"
                  " AND a.ip = f.fixed_ip WHERE f.router_id = ? AND a.subnet_id = ?"
                  " UNION SELECT f.id FROM floating_ips f JOIN port_forwardings w ON w.floating_ip_id = f.id"
                  " JOIN port_addresses a ON a.port_id = w.internal_port_id AND a.ip = w.internal_ip"
                  " WHERE f.router_id = ? AND a.subnet_id = ? LIMIT 1",
                  {router_id, subnet.text("id"), router_id, subnet.text("id")}));
    if (floating) {
      return conflict("Router interface for subnet " + subnet.text("id") + " on router " + router_id +
                          " cannot be deleted, as it is required by one or more floating IPs.",
                      "RouterInterfaceInUseByFloatingIP");
    }
    const Prefix cidr = *parse_prefix(subnet.text("cidr"));
    for (const Json& route : router.json("routes")) {
      const auto nexthop = parse_ip(text_of(route, "nexthop"));
      if (nexthop && cidr.contains(*nexthop)) {
        return conflict("Router interface for subnet " + subnet.text("id") + " on router " + router_id +
                            " cannot be deleted, as it is required by one or more routes.",
                        "RouterInterfaceInUseByRoute");
      }
    }
  }
  return {};
}

}  // namespace

Result<store::Rows> connected_subnets(store::Tx& tx, const std::string& router_id) {
  return tx.query(
      "SELECT s.id, s.cidr, s.network_id, a.ip, p.id AS port_id FROM ports p"
      " JOIN port_addresses a ON a.port_id = p.id JOIN subnets s ON s.id = a.subnet_id"
      " WHERE p.device_id = ? AND p.device_owner IN (?, ?)",
      {router_id, kRouterInterface, kRouterGateway});
}

Status check_no_overlap(store::Tx& tx, const std::string& router_id, const store::Row& subnet) {
  HANOK_TRY(connected, connected_subnets(tx, router_id));
  const Prefix cidr = *parse_prefix(subnet.text("cidr"));
  for (const store::Row& other : connected) {
    if (other.text("id") == subnet.text("id"))
      return bad_router("Router already has a port on subnet " + subnet.text("id"));
    const Prefix other_cidr = *parse_prefix(other.text("cidr"));
    if (!cidr.overlaps(other_cidr)) continue;
    return bad_router("Cidr " + cidr.text() + " of subnet " + subnet.text("id") + " overlaps with cidr " +
                      other_cidr.text() + " of subnet " + other.text("id"));
  }
  return {};
}

Reply add_router_interface(const Context& context, http::Request& request) {
  HANOK_TRY(wanted, read_interface(request));
  if (!wanted.subnet_id.empty() && !wanted.port_id.empty()) {
    return bad_router("Cannot specify both subnet-id and port-id");
  }
  return context.database.write([&](store::Tx& tx) -> Reply {
    HANOK_TRY(router, find_own_row(tx, router_listing(), request.param("id"), request.caller));
    const std::int64_t now_us = context.clock.now_us();
    auto added = wanted.port_id.empty() ? add_by_subnet(tx, router, wanted.subnet_id, request.caller, now_us)
                                        : add_by_port(tx, router, wanted.port_id, request.caller, now_us);
    HANOK_TRY(port_id, std::move(added));
    HANOK_CHECK(touch_router(tx, router.text("id"), now_us));
    HANOK_TRY(port, tx.query_one("SELECT network_id FROM ports WHERE id = ?", {port_id}));
    HANOK_TRY(subnets, subnets_of_port(tx, port_id));
    return interface_reply(router, port_id, port->text("network_id"), subnets);
  });
}

Reply remove_router_interface(const Context& context, http::Request& request) {
  HANOK_TRY(wanted, read_interface(request));
  return context.database.write([&](store::Tx& tx) -> Reply {
    HANOK_TRY(router, find_own_row(tx, router_listing(), request.param("id"), request.caller));
    HANOK_TRY(port, find_interface(tx, router.text("id"), wanted));
    HANOK_CHECK(check_unneeded(tx, router, port.text("id")));
    HANOK_TRY(subnets, subnets_of_port(tx, port.text("id")));
    const std::int64_t now_us = context.clock.now_us();
    HANOK_CHECK(remove_port(tx, port.text("id"), now_us));
    HANOK_CHECK(touch_router(tx, router.text("id"), now_us));
    return interface_reply(router, port.text("id"), port.text("network_id"), subnets);
  });
}

}  // namespace hanok::network

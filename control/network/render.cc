// How agents see the network's objects: exactly the objects of the data plane's state document
// (docs/architecture.md).

#include <limits>

#include "control/network/addresses.h"
#include "control/network/dhcp_options.h"
#include "control/network/network.h"
#include "control/network/ports.h"
#include "control/network/protocols.h"
#include "control/network/qos.h"
#include "control/network/segments.h"

namespace hanok::network {
namespace {

using store::Row;
using store::Tx;

Json render_segment(const Segment& segment) {
  if (segment.type == "vxlan") return {{"type", segment.type}, {"vni", segment.id}};
  Json out = {{"type", segment.type}, {"physical_network", segment.physical_network}};
  if (segment.type == "vlan") out["vlan_id"] = segment.id;
  return out;
}

Result<Json> render_network(Tx& tx, const std::string& id, const std::string&) {
  HANOK_TRY(row, tx.query_one("SELECT * FROM networks WHERE id = ?", {id}));
  if (!row) return Json();
  HANOK_TRY(segments, segments_of(tx, id));
  Json rendered = Json::array();
  for (const Segment& segment : segments) rendered.push_back(render_segment(segment));
  std::string domain = row->text("dns_domain");
  if (domain.ends_with('.')) domain.pop_back();
  return Json{{"mtu", row->integer("mtu")},
              {"segments", std::move(rendered)},
              {"external", row->boolean("external")},
              {"dns_domain", std::move(domain)}};
}

Result<Json> render_subnet(Tx& tx, const std::string& id, const std::string&) {
  HANOK_TRY(row, tx.query_one("SELECT * FROM subnets WHERE id = ?", {id}));
  if (!row) return Json();
  return Json{{"network", row->text("network_id")},
              {"cidr", row->text("cidr")},
              {"gateway", row->text_or_null("gateway_ip")},
              {"dhcp", row->boolean("enable_dhcp")},
              {"dns", row->json("dns_nameservers")},
              {"host_routes", row->json("host_routes")},
              {"ipv6_ra_mode", row->text_or_null("ipv6_ra_mode")},
              {"ipv6_address_mode", row->text_or_null("ipv6_address_mode")}};
}

Result<Json> render_addresses(Tx& tx, const std::string& port_id) {
  HANOK_TRY(rows, tx.query("SELECT subnet_id, ip FROM port_addresses WHERE port_id = ? ORDER BY position",
                           {port_id}));
  Json out = Json::array();
  for (const Row& row : rows) out.push_back({{"subnet", row.text("subnet_id")}, {"ip", row.text("ip")}});
  return out;
}

Json render_pairs(const Json& stored, const std::string& port_mac) {
  Json out = Json::array();
  for (const Json& pair : stored) {
    std::string ip = pair.value("ip_address", "");
    if (ip.find('/') == std::string::npos) ip += ip.find(':') == std::string::npos ? "/32" : "/128";
    const std::string mac = pair.value("mac_address", port_mac);
    out.push_back({{"ip", ip}, {"mac", mac == port_mac ? Json() : Json(mac)}});
  }
  return out;
}

// Ports that nothing is plugged into, and those of routers and floating IPs, are no ports of the data plane.
Result<Json> render_port(Tx& tx, const std::string& id, const std::string&) {
  HANOK_TRY(row, tx.query_one("SELECT * FROM ports WHERE id = ?", {id}));
  if (!row || row->text("host").empty() || row->text("device_owner").starts_with("network:")) return Json();
  HANOK_TRY(addresses, render_addresses(tx, id));
  HANOK_TRY(groups,
            tx.query("SELECT group_id FROM port_security_groups WHERE port_id = ? ORDER BY group_id", {id}));
  Json group_ids = Json::array();
  for (const Row& group : groups) group_ids.push_back(group.text("group_id"));
  HANOK_TRY(qos, render_port_qos(tx, id, row->text("network_id")));
  Json out = {{"network", row->text("network_id")},
              {"mac", row->text("mac")},
              {"addresses", std::move(addresses)},
              {"host", row->text("host")},
              {"hostname", row->text("hostname")},
              {"security_groups", std::move(group_ids)},
              {"port_security", row->boolean("port_security_enabled")},
              {"allowed_address_pairs", render_pairs(row->json("allowed_address_pairs"), row->text("mac"))},
              {"admin_up", row->boolean("admin_state_up")},
              {"dhcp_options", render_dhcp_options(row->json("extra_dhcp_opts"))}};
  if (!qos.is_null()) out["qos"] = std::move(qos);
  return out;
}

Status observe_port(Tx& tx, const std::string& host, const std::string& id, const Json& observed) {
  HANOK_TRY(state, get_string(observed, "state"));
  if (!state || (*state != "up" && *state != "down")) return bad_request("state is neither up nor down");
  // A late report of a host that the port has left says nothing.
  HANOK_CHECK(tx.execute("UPDATE ports SET status = ? WHERE id = ? AND host = ?",
                         {*state == "up" ? "ACTIVE" : "DOWN", id, host}));
  return {};
}

// The protocols that the data plane knows by name; all others go by number.
Json protocol_value(const Row& rule) {
  if (rule.is_null("protocol")) return nullptr;
  const auto number = protocol_number(rule.text("protocol"));
  HANOK_ASSERT(number.has_value());
  switch (*number) {
    case 1:
      return rule.text("ethertype") == "IPv6" ? "ipv6-icmp" : "icmp";
    case 6:
      return "tcp";
    case 17:
      return "udp";
    case 58:
      return "ipv6-icmp";
    default:
      return *number;
  }
}

Json number_or_null(const Row& row, std::string_view column) {
  if (row.is_null(column)) return nullptr;
  return row.integer(column);
}

Result<Json> render_group(Tx& tx, const std::string& id, const std::string&) {
  HANOK_TRY(group, tx.query_one("SELECT id FROM security_groups WHERE id = ?", {id}));
  if (!group) return Json();
  HANOK_TRY(rules, tx.query("SELECT * FROM security_group_rules WHERE group_id = ? ORDER BY id", {id}));
  Json out = Json::array();
  for (const Row& rule : rules) {
    out.push_back({{"id", rule.text("id")},
                   {"direction", rule.text("direction")},
                   {"ethertype", rule.text("ethertype")},
                   {"protocol", protocol_value(rule)},
                   {"port_min", number_or_null(rule, "port_min")},
                   {"port_max", number_or_null(rule, "port_max")},
                   {"remote_cidr", rule.text_or_null("remote_cidr")},
                   {"remote_group", rule.text_or_null("remote_group_id")}});
  }
  return Json{{"rules", std::move(out)}};
}

Result<Json> render_interface(Tx& tx, const Row& port) {
  HANOK_TRY(addresses, render_addresses(tx, port.text("id")));
  return Json{{"port", port.text("id")},
              {"network", port.text("network_id")},
              {"mac", port.text("mac")},
              {"addresses", std::move(addresses)}};
}

// The host of a gateway that was set when no host was there yet: the first with the network role, by name, so
// that all hosts agree.
Result<std::string> fallback_host(Tx& tx) {
  HANOK_TRY(hosts, bus::list_hosts(tx, std::numeric_limits<std::int64_t>::max()));
  std::string first;
  for (const bus::Host& host : hosts) {
    for (const std::string& role : host.roles) {
      if (role == "network" && (first.empty() || host.name < first)) first = host.name;
    }
  }
  return first;
}

Result<Json> render_gateway(Tx& tx, const Row& router) {
  if (router.is_null("gateway_port_id")) return Json();
  HANOK_TRY(port, tx.query_one("SELECT id, network_id, mac FROM ports WHERE id = ?",
                               {router.text("gateway_port_id")}));
  if (!port) return Json();
  HANOK_TRY(out, render_interface(tx, *port));
  out["snat"] = router.boolean("enable_snat");
  std::string host = router.text("gateway_host");
  if (host.empty()) {
    HANOK_TRY(fallback, fallback_host(tx));
    host = std::move(fallback);
  }
  out["host"] = std::move(host);
  return out;
}

Result<Json> render_router(Tx& tx, const std::string& id, const std::string&) {
  HANOK_TRY(row, tx.query_one("SELECT * FROM routers WHERE id = ?", {id}));
  if (!row) return Json();
  HANOK_TRY(
      ports,
      tx.query("SELECT id, network_id, mac FROM ports WHERE device_id = ? AND device_owner = ? ORDER BY id",
               {id, kRouterInterface}));
  Json interfaces = Json::array();
  for (const Row& port : ports) {
    HANOK_TRY(interface, render_interface(tx, port));
    interfaces.push_back(std::move(interface));
  }
  HANOK_TRY(gateway, render_gateway(tx, *row));
  return Json{{"admin_up", row->boolean("admin_state_up")},
              {"interfaces", std::move(interfaces)},
              {"gateway", std::move(gateway)},
              {"routes", row->json("routes")}};
}

Result<Json> render_forwardings(Tx& tx, const std::string& floating_ip_id) {
  HANOK_TRY(rows, tx.query("SELECT * FROM port_forwardings WHERE floating_ip_id = ? ORDER BY protocol,"
                           " external_port",
                           {floating_ip_id}));
  Json out = Json::array();
  for (const Row& row : rows) {
    out.push_back({{"protocol", row.text("protocol")},
                   {"external_port", row.integer("external_port")},
                   {"port", row.text("internal_port_id")},
                   {"internal_ip", row.text("internal_ip")},
                   {"internal_port", row.integer("internal_port")}});
  }
  return out;
}

Result<Json> render_floating_ip(Tx& tx, const std::string& id, const std::string&) {
  HANOK_TRY(row, tx.query_one("SELECT * FROM floating_ips WHERE id = ?", {id}));
  if (!row || row->is_null("router_id")) return Json();
  Json out = {{"router", row->text("router_id")},
              {"network", row->text("network_id")},
              {"floating_ip", row->text("ip")},
              {"port", row->text_or_null("port_id")},
              {"fixed_ip", row->text_or_null("fixed_ip")}};
  if (row->is_null("port_id")) {
    HANOK_TRY(forwardings, render_forwardings(tx, id));
    out["port_forwardings"] = std::move(forwardings);
  }
  HANOK_TRY(qos, render_floating_ip_qos(tx, id));
  if (!qos.is_null()) out["qos"] = std::move(qos);
  return out;
}

}  // namespace

std::vector<bus::Kind> network_kinds() {
  return {{"network", render_network, {}},      {"subnet", render_subnet, {}},
          {"security_group", render_group, {}}, {"port", render_port, observe_port},
          {"router", render_router, {}},        {"floating_ip", render_floating_ip, {}}};
}

}  // namespace hanok::network

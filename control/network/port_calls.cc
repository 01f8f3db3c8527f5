// The calls of network.h about ports and networks, for the compute service.

#include "common/uuid.h"
#include "control/network/errors.h"
#include "control/network/network.h"
#include "control/network/ports.h"
#include "control/network/quotas.h"
#include "control/network/security_groups.h"

namespace hanok::network {
namespace {

Result<std::vector<PortAddress>> addresses_of(store::Tx& tx, const std::string& port_id) {
  HANOK_TRY(rows, tx.query("SELECT a.subnet_id, a.ip, s.ip_version FROM port_addresses a"
                           " JOIN subnets s ON s.id = a.subnet_id WHERE a.port_id = ? ORDER BY a.position",
                           {port_id}));
  std::vector<PortAddress> out;
  for (const store::Row& row : rows) {
    out.push_back({row.text("subnet_id"), row.text("ip"), static_cast<int>(row.integer("ip_version"))});
  }
  return out;
}

Result<std::vector<PortAddress>> floating_of(store::Tx& tx, const std::string& port_id) {
  HANOK_TRY(rows, tx.query("SELECT f.ip, a.subnet_id FROM floating_ips f"
                           " LEFT JOIN port_addresses a ON a.port_id = f.port_id AND a.ip = f.fixed_ip"
                           " WHERE f.port_id = ? ORDER BY f.created_us",
                           {port_id}));
  std::vector<PortAddress> out;
  for (const store::Row& row : rows) out.push_back({row.text("subnet_id"), row.text("ip"), 4});
  return out;
}

Result<PortView> view_of(store::Tx& tx, const store::Row& row) {
  PortView view;
  view.id = row.text("id");
  view.network_id = row.text("network_id");
  view.network_name = row.text("network_name");
  view.project_id = row.text("project_id");
  view.mac = row.text("mac");
  view.status = row.text("status");
  view.device_id = row.text("device_id");
  view.device_owner = row.text("device_owner");
  view.host = row.text("host");
  view.mtu = static_cast<int>(row.integer("mtu"));
  HANOK_TRY(addresses, addresses_of(tx, view.id));
  view.addresses = std::move(addresses);
  HANOK_TRY(floating, floating_of(tx, view.id));
  view.floating = std::move(floating);
  HANOK_TRY(groups,
            tx.query("SELECT g.id, g.name FROM port_security_groups m"
                     " JOIN security_groups g ON g.id = m.group_id WHERE m.port_id = ? ORDER BY g.name, g.id",
                     {view.id}));
  for (const store::Row& group : groups) {
    view.security_group_ids.push_back(group.text("id"));
    view.security_group_names.push_back(group.text("name"));
  }
  return view;
}

constexpr const char* kSelectView =
    "SELECT p.id, p.network_id, p.project_id, p.mac, p.status, p.device_id, p.device_owner, p.host,"
    " n.name AS network_name, n.mtu FROM ports p JOIN networks n ON n.id = p.network_id";

Result<std::vector<std::string>> groups_for(store::Tx& tx, const PortSpec& spec, std::int64_t now_us) {
  std::vector<std::string> out;
  for (const std::string& wanted : spec.security_groups) {
    if (wanted == "default") HANOK_CHECK(ensure_default_group(tx, spec.project_id, now_us));
    HANOK_TRY(id, find_security_group(tx, wanted, spec.project_id));
    out.push_back(std::move(id));
  }
  if (out.empty()) {
    HANOK_TRY(id, ensure_default_group(tx, spec.project_id, now_us));
    out.push_back(std::move(id));
  }
  return out;
}

}  // namespace

Result<PortView> create_port(store::Tx& tx, const PortSpec& spec, std::int64_t now_us) {
  HANOK_TRY(network,
            tx.query_one("SELECT port_security_enabled FROM networks WHERE id = ?", {spec.network_id}));
  if (!network) return network_not_found(spec.network_id);
  HANOK_CHECK(check_quota(tx, "port", spec.project_id));
  NewPort port{.network_id = spec.network_id, .project_id = spec.project_id, .name = spec.name};
  port.device_id = spec.device_id;
  port.device_owner = spec.device_owner;
  port.host = spec.host;
  port.hostname = spec.hostname;
  port.port_security_enabled = network->boolean("port_security_enabled");
  if (spec.fixed_ip) port.fixed_ips = FixedIps{{.subnet_id = {}, .ip = spec.fixed_ip}};
  if (port.port_security_enabled) {
    HANOK_TRY(groups, groups_for(tx, spec, now_us));
    port.group_ids = std::move(groups);
  }
  HANOK_TRY(id, insert_port(tx, port, now_us));
  return get_port(tx, id);
}

Status bind_port(store::Tx& tx, const std::string& port_id, const std::string& device_id,
                 const std::string& device_owner, const std::string& host, const std::string& hostname,
                 std::int64_t now_us) {
  HANOK_TRY(row, tx.query_one("SELECT network_id, device_id, host FROM ports WHERE id = ?", {port_id}));
  if (!row) return port_not_found(port_id);
  const std::string current = row->text("device_id");
  if (!current.empty() && current != device_id) {
    return conflict("Unable to complete operation on port " + port_id + " for network " +
                        row->text("network_id") + ". Port already has an attached device " + current + ".",
                    "PortInUse");
  }
  const bool moved = row->text("host") != host;
  HANOK_CHECK(
      tx.execute("UPDATE ports SET device_id = ?, device_owner = ?, host = ?, hostname = ?,"
                 " status = CASE WHEN ? THEN 'DOWN' ELSE status END,"
                 " updated_us = ?, revision = revision + 1 WHERE id = ?",
                 {device_id, device_owner, host, hostname, moved, now_us, port_id}));
  return touch_port(tx, port_id, true);
}

Status unbind_port(store::Tx& tx, const std::string& port_id, std::int64_t now_us) {
  HANOK_CHECK(
      tx.execute("UPDATE ports SET device_id = '', device_owner = '', host = '', hostname = '',"
                 " status = 'DOWN', updated_us = ?, revision = revision + 1 WHERE id = ?",
                 {now_us, port_id}));
  return touch_port(tx, port_id, true);
}

Status delete_port(store::Tx& tx, const std::string& port_id) {
  HANOK_TRY(row, tx.query_one("SELECT updated_us FROM ports WHERE id = ?", {port_id}));
  if (!row) return {};
  return remove_port(tx, port_id, row->integer("updated_us"));
}

Result<PortView> get_port(store::Tx& tx, const std::string& port_id) {
  HANOK_TRY(row, tx.query_one(std::string(kSelectView) + " WHERE p.id = ?", {port_id}));
  if (!row) return port_not_found(port_id);
  return view_of(tx, *row);
}

Result<std::vector<PortView>> ports_of_device(store::Tx& tx, const std::string& device_id) {
  HANOK_TRY(rows, tx.query(std::string(kSelectView) + " WHERE p.device_id = ? ORDER BY p.created_us, p.id",
                           {device_id}));
  std::vector<PortView> out;
  for (const store::Row& row : rows) {
    HANOK_TRY(view, view_of(tx, row));
    out.push_back(std::move(view));
  }
  return out;
}

Result<std::vector<std::string>> default_networks(store::Tx& tx, const std::string& project_id) {
  HANOK_TRY(rows, tx.query("SELECT id FROM networks WHERE (project_id = ? OR shared = 1) AND external = 0"
                           " ORDER BY created_us, id",
                           {project_id}));
  std::vector<std::string> out;
  for (const store::Row& row : rows) out.push_back(row.text("id"));
  return out;
}

Status check_network(store::Tx& tx, const std::string& network_id, const std::string& project_id) {
  HANOK_TRY(row, tx.query_one("SELECT 1 AS one FROM networks WHERE id = ? AND (project_id = ? OR shared = 1)",
                              {network_id, project_id}));
  if (!row) return network_not_found(network_id);
  return {};
}

Status set_port_security_groups(store::Tx& tx, const std::string& port_id,
                                const std::vector<std::string>& group_ids, std::int64_t now_us) {
  HANOK_TRY(row, tx.query_one("SELECT port_security_enabled FROM ports WHERE id = ?", {port_id}));
  if (!row) return port_not_found(port_id);
  if (!row->boolean("port_security_enabled") && !group_ids.empty()) {
    return bad_request(
        "Port security must be enabled and port must have an IP address in order to use security"
        " groups.",
        "PortSecurityAndIPRequiredForSecurityGroups");
  }
  HANOK_CHECK(set_groups(tx, port_id, group_ids));
  HANOK_CHECK(
      tx.execute("UPDATE ports SET updated_us = ?, revision = revision + 1 WHERE id = ?", {now_us, port_id}));
  return touch_port(tx, port_id);
}

}  // namespace hanok::network

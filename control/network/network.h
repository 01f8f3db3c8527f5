#pragma once
// What the other services may call of the network service, inside their own transaction.

#include <optional>
#include <string>
#include <vector>

#include "common/clock.h"
#include "control/bus/bus.h"
#include "control/http/http.h"
#include "control/store/store.h"

namespace hanok::network {

struct PortAddress {
  std::string subnet_id, ip;
  int ip_version = 4;
};
struct PortView {
  std::string id, network_id, network_name, project_id, mac, status, device_id, device_owner, host;
  int mtu = 1500;
  std::vector<PortAddress> addresses;
  std::vector<PortAddress> floating;  // floating IPs of its addresses
  std::vector<std::string> security_group_ids, security_group_names;
};
struct PortSpec {
  std::string network_id, project_id, device_id, device_owner, host, name, hostname;
  std::optional<std::string> fixed_ip;
  std::vector<std::string> security_groups;  // ids or names of the project; empty: "default"
};

// kNotFound, kConflict (no free address, port in use), kOverQuota. Bound ports are touched for the agents.
[[nodiscard]] Result<PortView> create_port(store::Tx& tx, const PortSpec& spec, std::int64_t now_us);
// Gives an existing port (not in use) to a device on a host.
[[nodiscard]] Status bind_port(store::Tx& tx, const std::string& port_id, const std::string& device_id,
                               const std::string& device_owner, const std::string& host,
                               const std::string& hostname, std::int64_t now_us);
[[nodiscard]] Status unbind_port(store::Tx& tx, const std::string& port_id, std::int64_t now_us);
[[nodiscard]] Status delete_port(store::Tx& tx, const std::string& port_id);
[[nodiscard]] Result<PortView> get_port(store::Tx& tx, const std::string& port_id);
[[nodiscard]] Result<std::vector<PortView>> ports_of_device(store::Tx& tx, const std::string& device_id);
// The networks a project's instance gets by default (its own and shared ones, not external), oldest first.
[[nodiscard]] Result<std::vector<std::string>> default_networks(store::Tx& tx, const std::string& project_id);
// An existing network that the project may use; kNotFound otherwise.
[[nodiscard]] Status check_network(store::Tx& tx, const std::string& network_id,
                                   const std::string& project_id);
// Security group by id or name; gives its id. kNotFound. kConflict when a name fits several.
[[nodiscard]] Result<std::string> find_security_group(store::Tx& tx, const std::string& id_or_name,
                                                      const std::string& project_id);

// What the compute API's own security group calls need (they are views of the network service's groups).
struct SecurityGroupRuleView {
  std::string id, group_id, direction, ethertype;  // "ingress"|"egress", "IPv4"|"IPv6"
  std::optional<std::string> protocol, remote_cidr, remote_group_id, remote_group_name, remote_group_project;
  std::optional<std::int64_t> port_min, port_max;
};
struct SecurityGroupView {
  std::string id, name, description, project_id;
  std::vector<SecurityGroupRuleView> rules;
};
// Makes the project's "default" group when it has none yet.
[[nodiscard]] Result<std::vector<SecurityGroupView>> list_security_groups(store::Tx& tx,
                                                                          const std::string& project_id,
                                                                          std::int64_t now_us);
// kNotFound when it is not there or another project's (unless is_admin).
[[nodiscard]] Result<SecurityGroupView> get_security_group(store::Tx& tx, const std::string& group_id,
                                                           const std::string& project_id, bool is_admin);
[[nodiscard]] Result<SecurityGroupView> create_security_group(store::Tx& tx, const std::string& project_id,
                                                              const std::string& name,
                                                              const std::string& description,
                                                              std::int64_t now_us);
[[nodiscard]] Status update_security_group(store::Tx& tx, const std::string& group_id,
                                           const std::string& name, const std::string& description,
                                           std::int64_t now_us);
// kConflict when a port uses it or it is the project's default group.
[[nodiscard]] Status delete_security_group(store::Tx& tx, const std::string& group_id);
// `rule.id` is ignored; kConflict when the same rule exists, kBadRequest for wrong protocol, ports or CIDR.
[[nodiscard]] Result<SecurityGroupRuleView> create_security_group_rule(store::Tx& tx,
                                                                       const SecurityGroupRuleView& rule,
                                                                       std::int64_t now_us);
[[nodiscard]] Result<SecurityGroupRuleView> get_security_group_rule(store::Tx& tx,
                                                                    const std::string& rule_id);
[[nodiscard]] Status delete_security_group_rule(store::Tx& tx, const std::string& rule_id);
// Replaces the groups of a port; the port is touched for the agents.
[[nodiscard]] Status set_port_security_groups(store::Tx& tx, const std::string& port_id,
                                              const std::vector<std::string>& group_ids, std::int64_t now_us);

// Wiring for main.cc.
[[nodiscard]] store::Module network_module();
[[nodiscard]] std::vector<bus::Kind> network_kinds();
[[nodiscard]] http::Service network_service(store::Database& database, const Clock& clock);

}  // namespace hanok::network

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

// Wiring for main.cc.
[[nodiscard]] store::Module network_module();
[[nodiscard]] std::vector<bus::Kind> network_kinds();
[[nodiscard]] http::Service network_service(store::Database& database, const Clock& clock);

}  // namespace hanok::network

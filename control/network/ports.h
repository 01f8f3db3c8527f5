#pragma once
// Ports as the other resources of this service and network.h make and remove them.

#include <optional>
#include <string>
#include <vector>

#include "common/json.h"
#include "control/network/addresses.h"
#include "control/store/store.h"

namespace hanok::network {

inline constexpr const char* kRouterInterface = "network:router_interface";
inline constexpr const char* kRouterGateway = "network:router_gateway";
inline constexpr const char* kFloatingIpPort = "network:floatingip";

struct NewPort {
  std::string network_id, project_id, name{}, description{}, mac{}, device_id{}, device_owner{}, host{},
      hostname{};
  std::string vnic_type = "normal", status = "DOWN";
  bool admin_state_up = true;
  bool port_security_enabled = true;
  Json binding_profile = Json::object(), allowed_address_pairs = Json::array();
  std::optional<FixedIps> fixed_ips{};  // nullopt: one per IP version
  std::vector<std::string> group_ids{};
};

// Inserts the row, its addresses and groups; gives the id. An empty mac: one is made. Errors: MacAddressInUse
// and those of assign_addresses.
[[nodiscard]] Result<std::string> insert_port(store::Tx& tx, const NewPort& port, std::int64_t now_us);
// Removes a port with its addresses; floating IPs that led to it lose their association. The row must exist.
[[nodiscard]] Status remove_port(store::Tx& tx, const std::string& id, std::int64_t now_us);
// Tells the agents: the port itself when it is (or was, `was_bound`) bound; the router whose interface it is.
[[nodiscard]] Status touch_port(store::Tx& tx, const std::string& id, bool was_bound = false);
// A port's groups become these.
[[nodiscard]] Status set_groups(store::Tx& tx, const std::string& port_id,
                                const std::vector<std::string>& ids);
// Floating IPs of the port whose fixed address it does not have (any more) are set free.
[[nodiscard]] Status drop_stale_floating_ips(store::Tx& tx, const std::string& port_id, std::int64_t now_us);

}  // namespace hanok::network

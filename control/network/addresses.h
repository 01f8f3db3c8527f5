#pragma once
// Which port has which address. Allocation costs the same in a /30 and a /8: each pool keeps where it is
// (next_key), and addresses below it that were given back are kept in the order of their return.

#include <optional>
#include <string>
#include <vector>

#include "control/network/ip_address.h"
#include "control/store/store.h"

namespace hanok::network {

// One entry of a port's `fixed_ips` as asked for: at least one of the two.
struct FixedIp {
  std::optional<std::string> subnet_id, ip;
};
using FixedIps = std::vector<FixedIp>;

struct AddressOwner {
  std::string port_id, network_id, mac, device_owner;
};

[[nodiscard]] bool is_router_owner(const std::string& device_owner);  // network:router_interface, _gateway
// Addresses of this subnet are formed from the MAC (SLAAC, stateless DHCPv6), not allocated.
[[nodiscard]] bool is_auto_address(const store::Row& subnet);

// Gives a new port its addresses: those asked for, or (nullopt) one per IP version and one of each automatic
// IPv6 subnet. Errors: IpAddressAlreadyAllocated, IpAddressGenerationFailure, InvalidIpForNetwork,
// InvalidIpForSubnet, SubnetNotFound, InvalidInput.
[[nodiscard]] Status assign_addresses(store::Tx& tx, const AddressOwner& owner,
                                      const std::optional<FixedIps>& wanted);
// Moves a port to the wanted addresses; keeps those that it has already.
[[nodiscard]] Status replace_addresses(store::Tx& tx, const AddressOwner& owner, const FixedIps& wanted);
[[nodiscard]] Status release_addresses(store::Tx& tx, const std::string& port_id);
// One more automatic address for a port, when its network gets an automatic subnet.
[[nodiscard]] Status add_auto_address(store::Tx& tx, const AddressOwner& owner, const store::Row& subnet);

// Sets a subnet's pools; allocation starts over at their beginnings, skipping what is in use.
[[nodiscard]] Status set_pools(store::Tx& tx, const std::string& subnet_id, const std::vector<Range>& pools);

}  // namespace hanok::network

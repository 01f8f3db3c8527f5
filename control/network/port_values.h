#pragma once
// The values of a port's request, checked. No SQL.

#include <string>
#include <vector>

#include "common/json.h"
#include "common/result.h"
#include "control/network/addresses.h"

namespace hanok::network {

[[nodiscard]] Result<FixedIps> read_fixed_ips(const Json& value);
// Lower case with colons; a unicast address.
[[nodiscard]] Result<std::string> read_mac(const std::string& text);
// [{"ip_address", "mac_address"}], the MAC being the port's where none is given.
[[nodiscard]] Result<Json> read_address_pairs(const Json& value, const std::string& port_mac);
[[nodiscard]] Result<std::vector<std::string>> read_group_ids(const Json& value);
[[nodiscard]] Status check_vnic_type(const std::string& vnic_type);

}  // namespace hanok::network

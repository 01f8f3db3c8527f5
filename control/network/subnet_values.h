#pragma once
// The values of a subnet, checked against one another. No SQL.

#include <optional>
#include <string>
#include <vector>

#include "common/json.h"
#include "common/result.h"
#include "control/network/ip_address.h"

namespace hanok::network {

struct SubnetValues {
  Prefix cidr;
  std::optional<IpAddress> gateway;
  std::vector<Range> pools;
  bool enable_dhcp = true;
  std::string address_mode, ra_mode;  // empty: not set
};

// From the body of a POST whose prefix is decided. Errors are Neutron's.
[[nodiscard]] Result<SubnetValues> read_subnet_values(const Json& body, const Prefix& cidr);

[[nodiscard]] Result<Prefix> read_cidr(const std::string& text);
[[nodiscard]] Result<std::optional<IpAddress>> read_gateway(const Json& value, const Prefix& cidr);
[[nodiscard]] Result<std::vector<Range>> read_pools(const Json& value, const Prefix& cidr);
[[nodiscard]] Status check_gateway_outside(const std::optional<IpAddress>& gateway,
                                           const std::vector<Range>& pools);
// A list of addresses; at most five.
[[nodiscard]] Status check_nameservers(const Json& value);
// [{"destination", "nexthop"}]; `max_routes` at most.
constexpr std::size_t kMaxHostRoutes = 20;  // of a subnet
[[nodiscard]] Status check_routes(const Json& value, std::size_t max_routes);

}  // namespace hanok::network

#include "control/network/subnet_values.h"

#include <algorithm>

#include "control/network/body.h"
#include "control/network/errors.h"

namespace hanok::network {
namespace {

constexpr std::size_t kMaxNameservers = 5;
constexpr std::size_t kMaxPools = 100;

std::string range_text(const Range& range) {
  return to_text(range.first) + "-" + to_text(range.last);
}

Result<std::string> read_mode(const Json& body, const char* key, const Prefix& cidr) {
  const std::string mode = text_of(body, key);
  if (mode.empty()) return mode;
  if (mode != "slaac" && mode != "dhcpv6-stateful" && mode != "dhcpv6-stateless") {
    return invalid_value(
        key, "'" + mode.substr(0, 50) + "' is not in ['dhcpv6-stateful', 'dhcpv6-stateless', 'slaac']");
  }
  if (cidr.address.version != 6)
    return invalid_input(std::string(key) + " is not valid when ip_version is not 6");
  return mode;
}

Status check_modes(const SubnetValues& values) {
  if (values.ra_mode.empty() && values.address_mode.empty()) return {};
  if (!values.enable_dhcp) {
    return invalid_input("ipv6_ra_mode or ipv6_address_mode cannot be set when enable_dhcp is set to False");
  }
  if (!values.ra_mode.empty() && !values.address_mode.empty() && values.ra_mode != values.address_mode) {
    return invalid_input("ipv6_ra_mode set to '" + values.ra_mode + "' with ipv6_address_mode set to '" +
                         values.address_mode +
                         "' is not valid. If both attributes are set, they must be the same value");
  }
  const bool from_mac = values.address_mode == "slaac" || values.address_mode == "dhcpv6-stateless" ||
                        values.ra_mode == "slaac" || values.ra_mode == "dhcpv6-stateless";
  if (from_mac && values.cidr.length != 64) {
    return invalid_input(
        "Invalid CIDR " + values.cidr.text() +
        " for IPv6 address mode. OpenStack uses the EUI-64 address format, which requires the prefix"
        " to be /64");
  }
  return {};
}

}  // namespace

Result<Prefix> read_cidr(const std::string& text) {
  const auto cidr = parse_prefix(text);
  if (!cidr) return invalid_value("cidr", "'" + text.substr(0, 100) + "' is not a valid IP subnet");
  if (cidr->has_host_bits()) {
    return invalid_value("cidr", "'" + text + "' isn't a recognized IP subnet cidr, '" +
                                     Prefix{cidr->first(), cidr->length}.text() + "' is recommended");
  }
  if (cidr->length == 0) return invalid_input("0 is not allowed as CIDR prefix length");
  return *cidr;
}

Result<std::optional<IpAddress>> read_gateway(const Json& value, const Prefix& cidr) {
  if (value.is_null()) return std::optional<IpAddress>();
  if (value == "") return invalid_value("gateway_ip", "'' is not a valid IP address");
  const auto ip = parse_ip(value.get<std::string>());
  if (!ip) return invalid_value("gateway_ip", "'" + value.get<std::string>() + "' is not a valid IP address");
  if (ip->version != cidr.address.version) {
    return invalid_input("gateway_ip '" + to_text(*ip) + "' does not match the ip_version '" +
                         std::to_string(cidr.address.version) + "'");
  }
  const bool small = cidr.length >= ip->bits() - 1;
  if (!small && (*ip == cidr.first() || (ip->version == 4 && *ip == cidr.last()))) {
    return invalid_input("Gateway is not valid on subnet");
  }
  return ip;
}

Result<std::vector<Range>> read_pools(const Json& value, const Prefix& cidr) {
  std::vector<Range> out;
  if (!value.is_array() || value.size() > kMaxPools)
    return invalid_value("allocation_pools", "it is not a valid list");
  for (const Json& item : value) {
    const auto first = item.is_object() ? parse_ip(text_of(item, "start")) : std::nullopt;
    const auto last = item.is_object() ? parse_ip(text_of(item, "end")) : std::nullopt;
    if (!first || !last || item.size() != 2) {
      return invalid_value("allocation_pools",
                           "'" + dump_json(item).substr(0, 200) + "' has no valid start and end");
    }
    const Range pool{*first, *last};
    if (first->version != cidr.address.version || last->version != cidr.address.version || *last < *first) {
      return bad_request("The allocation pool " + range_text(pool) + " is not valid.",
                         "InvalidAllocationPool");
    }
    if (!cidr.contains(*first) || !cidr.contains(*last)) {
      return bad_request(
          "The allocation pool " + range_text(pool) + " spans beyond the subnet cidr " + cidr.text() + ".",
          "OutOfBoundsAllocationPool");
    }
    for (const Range& other : out) {
      if (pool.first <= other.last && other.first <= pool.last) {
        return conflict("Found overlapping allocation pools: " + range_text(other) + " " + range_text(pool) +
                            " for subnet " + cidr.text() + ".",
                        "OverlappingAllocationPools");
      }
    }
    out.push_back(pool);
  }
  return out;
}

Status check_gateway_outside(const std::optional<IpAddress>& gateway, const std::vector<Range>& pools) {
  if (!gateway) return {};
  for (const Range& pool : pools) {
    if (pool.first <= *gateway && *gateway <= pool.last) {
      return conflict(
          "Gateway ip " + to_text(*gateway) + " conflicts with allocation pool " + range_text(pool) + ".",
          "GatewayConflictWithAllocationPools");
    }
  }
  return {};
}

Status check_nameservers(const Json& value) {
  if (value.size() > kMaxNameservers) {
    return bad_request("Unable to complete operation. The number of DNS nameservers exceeds the limit " +
                           std::to_string(kMaxNameservers) + ".",
                       "DNSNameServersExhausted");
  }
  for (const Json& server : value) {
    if (!server.is_string() || !parse_ip(server.get<std::string>())) {
      return invalid_value("dns_nameservers",
                           "'" + dump_json(server).substr(0, 100) + "' is not a valid nameserver");
    }
  }
  return {};
}

Status check_routes(const Json& value, std::size_t max_routes) {
  if (value.size() > max_routes) {
    return bad_request("Unable to complete operation. The number of routes exceeds the maximum " +
                           std::to_string(max_routes) + ".",
                       max_routes == kMaxHostRoutes ? "HostRoutesExhausted" : "RoutesExhausted");
  }
  for (std::size_t i = 0; i < value.size(); ++i) {
    const Json& route = value[i];
    const auto destination = route.is_object() ? parse_prefix(text_of(route, "destination")) : std::nullopt;
    const auto nexthop = route.is_object() ? parse_ip(text_of(route, "nexthop")) : std::nullopt;
    if (!destination || !nexthop || route.size() != 2 || destination->has_host_bits() ||
        destination->address.version != nexthop->version) {
      return invalid_value("routes", "'" + dump_json(route).substr(0, 200) +
                                         "' has no valid destination and nexthop of one IP version");
    }
    if (std::find(value.begin(), value.begin() + static_cast<std::ptrdiff_t>(i), route) !=
        value.begin() + static_cast<std::ptrdiff_t>(i)) {
      return invalid_value("routes", "duplicate route '" + dump_json(route) + "'");
    }
  }
  return {};
}

Result<SubnetValues> read_subnet_values(const Json& body, const Prefix& cidr) {
  SubnetValues values;
  values.cidr = cidr;
  values.enable_dhcp = flag_of(body, "enable_dhcp", true);
  HANOK_TRY(address_mode, read_mode(body, "ipv6_address_mode", cidr));
  HANOK_TRY(ra_mode, read_mode(body, "ipv6_ra_mode", cidr));
  values.address_mode = std::move(address_mode);
  values.ra_mode = std::move(ra_mode);
  HANOK_CHECK(check_modes(values));
  if (values.enable_dhcp && cidr.length > cidr.address.bits() - 2) {
    return invalid_input("Subnet has a prefix length that is incompatible with DHCP service enabled");
  }
  if (body.contains("gateway_ip")) {
    HANOK_TRY(gateway, read_gateway(body["gateway_ip"], cidr));
    values.gateway = gateway;
  } else {
    values.gateway = cidr.first() == cidr.last() ? cidr.first() : *plus(cidr.first(), 1);
  }
  if (body.contains("allocation_pools")) {
    HANOK_TRY(pools, read_pools(body["allocation_pools"], cidr));
    values.pools = std::move(pools);
    HANOK_CHECK(check_gateway_outside(values.gateway, values.pools));
  } else {
    values.pools = default_ranges(cidr, values.gateway);
  }
  if (body.contains("dns_nameservers")) HANOK_CHECK(check_nameservers(body["dns_nameservers"]));
  if (body.contains("host_routes")) HANOK_CHECK(check_routes(body["host_routes"], kMaxHostRoutes));
  return values;
}

}  // namespace hanok::network

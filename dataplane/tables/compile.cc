#include "dataplane/tables/compile.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "common/secret.h"
#include "dataplane/packet/headers.h"

namespace hanok::dataplane {
namespace {

std::string slash(const std::string& path, std::size_t index) {
  return path + "/" + std::to_string(index);
}

// A name or a decimal number; -2: neither.
int protocol_number_of(const std::string& text, bool ipv4) {
  if (text == "tcp") return protocol::kTcp;
  if (text == "udp") return protocol::kUdp;
  if (text == "sctp") return protocol::kSctp;
  if (text == "icmp") return ipv4 ? protocol::kIcmp : protocol::kIcmp6;
  if (text == "ipv6-icmp" || text == "icmpv6") return protocol::kIcmp6;
  int number = -2;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number < 0 || number > 255) return -2;
  return number;
}

// Message type, server, lease, the client's list, ...: the server says these, or the client does.
bool is_dhcps_own(const DhcpOption& option) {
  const unsigned code = option.code;
  if (option.ipv6) return code <= 20 || code == 25 || code == 26;
  return (code >= 50 && code <= 59) || code == 61 || code == 82;
}

}  // namespace

bool Compiler::fail(std::string path, std::string message) {
  error = {std::move(path), std::move(message)};
  return false;
}

template <typename T>
bool Compiler::resolve(const Collection<T>& collection, const std::string& id, const std::string& path,
                       const char* what, Handle& to) {
  const Handle* handle = collection.by_id.find(id);
  if (handle == nullptr) return fail(path, std::string("no ") + what + " has the id " + id);
  to = *handle;
  return true;
}

bool Compiler::address(const std::string& text, const std::string& path, Ip& to) {
  const auto ip = parse_ip(text);
  if (!ip) return fail(path, "not an IP address");
  to = *ip;
  return true;
}

bool Compiler::mac(const std::string& text, const std::string& path, Mac& to) {
  const auto mac = parse_mac(text);
  if (!mac) return fail(path, "not a MAC address");
  if (mac->is_group() || mac->is_zero()) return fail(path, "a group or zero MAC address is no station's");
  to = *mac;
  return true;
}

Handle Compiler::intern_host(const std::string& name) {
  if (const Handle* known = tables_.host_names.find(name)) return *known;
  const auto handle = static_cast<Handle>(tables_.host_names.size());
  tables_.host_names.set(name, handle);
  tables_.host_ids.set(handle, name);
  return handle;
}

Handle Compiler::intern_physical_network(const std::string& name) {
  if (const Handle* known = tables_.physical_networks.find(name)) return *known;
  const auto handle = static_cast<Handle>(tables_.physical_networks.size());
  tables_.physical_networks.set(name, handle);
  return handle;
}

bool Compiler::uplink(const UplinkState& from, Uplink& to) {
  if (from.device.empty()) return fail("/device", "an uplink needs a device");
  if (from.physical_network) to.physical_network = intern_physical_network(*from.physical_network);
  if (from.address) {
    const auto bare = from.address->substr(0, from.address->find('/'));
    const auto prefix = parse_prefix(*from.address);
    const auto ip = parse_ip(bare);
    if (!prefix || !ip || !ip->is_v4()) return fail("/address", "not an IPv4 address with its prefix length");
    to.address = ip;
    to.prefix = *prefix;
  }
  if (from.mac) {
    Mac value;
    if (!mac(*from.mac, "/mac", value)) return false;
    to.mac = value;
  }
  return true;
}

bool Compiler::network(const NetworkState& from, Network& to) {
  for (std::size_t i = 0; i < from.segments.size(); ++i) {
    const SegmentState& state = from.segments[i];
    const std::string path = slash("/segments", i);
    Segment segment;
    if (state.type == "vxlan") {
      if (state.vni == 0 || state.vni > 0xffffff) return fail(path + "/vni", "a VNI is 1 to 16777215");
      segment = {SegmentType::kVxlan, state.vni, kNone};
    } else if (state.type == "vlan" || state.type == "flat") {
      if (state.physical_network.empty()) return fail(path + "/physical_network", "missing");
      const bool vlan = state.type == "vlan";
      if (vlan && (state.vlan_id == 0 || state.vlan_id > 4094))
        return fail(path + "/vlan_id", "a VLAN id is 1 to 4094");
      segment = {vlan ? SegmentType::kVlan : SegmentType::kFlat, vlan ? state.vlan_id : 0,
                 intern_physical_network(state.physical_network)};
    } else {
      return fail(path + "/type", "neither vxlan, vlan nor flat");
    }
    to.segments.push_back(segment);
  }
  return true;
}

bool Compiler::routes(const std::vector<RouteState>& from, const std::string& path,
                      std::vector<Subnet::Route>& to) {
  for (std::size_t i = 0; i < from.size(); ++i) {
    const auto destination = parse_prefix(from[i].destination);
    if (!destination) return fail(slash(path, i) + "/destination", "not a CIDR");
    Ip nexthop;
    if (!address(from[i].nexthop, slash(path, i) + "/nexthop", nexthop)) return false;
    if (nexthop.is_v4() != destination->is_v4())
      return fail(slash(path, i) + "/nexthop", "of the other IP version");
    to.push_back({*destination, nexthop});
  }
  return true;
}

bool Compiler::subnet(const SubnetState& from, Subnet& to) {
  if (!resolve(tables_.networks, from.network, "/network", "network", to.network)) return false;
  const auto prefix = parse_prefix(from.cidr);
  if (!prefix) return fail("/cidr", "not a CIDR");
  to.prefix = *prefix;
  if (from.gateway) {
    Ip gateway;
    if (!address(*from.gateway, "/gateway", gateway)) return false;
    if (gateway.is_v4() != prefix->is_v4()) return fail("/gateway", "of the other IP version");
    to.gateway = gateway;
  }
  for (std::size_t i = 0; i < from.dns.size(); ++i) {
    Ip dns;
    if (!address(from.dns[i], slash("/dns", i), dns)) return false;
    to.dns.push_back(dns);
  }
  return ipv6_mode(from.ipv6_ra_mode, to.prefix, "/ipv6_ra_mode", to.ra_mode) &&
         ipv6_mode(from.ipv6_address_mode, to.prefix, "/ipv6_address_mode", to.address_mode) &&
         routes(from.host_routes, "/host_routes", to.routes);
}

bool Compiler::ipv6_mode(const std::optional<std::string>& from, const Prefix& prefix,
                         const std::string& path, Ipv6Mode& to) {
  if (!from) return true;
  if (prefix.is_v4()) return fail(path, "an IPv4 subnet has no IPv6 mode");
  if (*from == "slaac") {
    to = Ipv6Mode::kSlaac;
  } else if (*from == "dhcpv6-stateful") {
    to = Ipv6Mode::kStateful;
  } else if (*from == "dhcpv6-stateless") {
    to = Ipv6Mode::kStateless;
  } else {
    return fail(path, "neither slaac, dhcpv6-stateful nor dhcpv6-stateless");
  }
  return true;
}

bool Compiler::dhcp_options(const std::vector<DhcpOptionState>& from, std::vector<DhcpOption>& to) {
  for (std::size_t i = 0; i < from.size(); ++i) {
    const DhcpOptionState& state = from[i];
    const std::string path = slash("/dhcp_options", i);
    if (state.ip_version != 4 && state.ip_version != 6) return fail(path + "/ip_version", "neither 4 nor 6");
    DhcpOption option{state.ip_version == 6, static_cast<std::uint16_t>(state.code), {}};
    if (state.code == 0 || state.code > (option.ipv6 ? 65535U : 254U))
      return fail(path + "/code", "no option");
    if (is_dhcps_own(option)) return fail(path + "/code", "an option that DHCP needs for itself");
    const std::size_t bytes = state.data.size() / 2;
    if (state.data.size() % 2 != 0 || bytes > (option.ipv6 ? 1024U : 255U))
      return fail(path + "/data", "too long, or half a byte");
    for (std::size_t at = 0; at < state.data.size(); at += 2) {
      std::uint8_t byte = 0;
      const char* first = state.data.data() + at;
      const auto result = std::from_chars(first, first + 2, byte, 16);
      if (result.ec != std::errc{} || result.ptr != first + 2) return fail(path + "/data", "not hexadecimal");
      option.data.push_back(byte);
    }
    to.push_back(std::move(option));
  }
  return true;
}

bool Compiler::metadata(const std::map<std::string, std::string>& from,
                        std::map<std::string, std::string>& to) {
  constexpr std::size_t kMostBytes = 1U << 18U;  // of one port
  std::size_t all = 0;
  for (const auto& [path, text] : from) {
    const bool odd = path.empty() || path.front() == '/' || path.back() == '/' ||
                     path.find("//") != std::string::npos || path.find("..") != std::string::npos;
    if (odd) return fail("/metadata", "a path is neither empty nor begins or ends with a slash");
    auto content = base64_decode(text);
    if (!content.ok()) return fail("/metadata", path + ": not base64");
    all += path.size() + content->size();
    if (all > kMostBytes) return fail("/metadata", "more than 256 KiB");
    to.emplace(path, std::move(content).value());
  }
  return true;
}

bool Compiler::addresses(const std::vector<AddressState>& from, const std::string& path, Handle network,
                         std::vector<PortAddress>& to) {
  for (std::size_t i = 0; i < from.size(); ++i) {
    PortAddress value;
    if (!resolve(tables_.subnets, from[i].subnet, slash(path, i) + "/subnet", "subnet", value.subnet))
      return false;
    if (!address(from[i].ip, slash(path, i) + "/ip", value.ip)) return false;
    const Subnet* subnet = tables_.subnets.at(value.subnet);
    if (subnet == nullptr || subnet->network != network) {
      return fail(slash(path, i) + "/subnet", "the subnet belongs to another network");
    }
    if (!subnet->prefix.contains(value.ip)) return fail(slash(path, i) + "/ip", "outside its subnet");
    to.push_back(value);
  }
  return true;
}

bool Compiler::port(const PortState& from, Port& to) {
  if (!resolve(tables_.networks, from.network, "/network", "network", to.network)) return false;
  if (!mac(from.mac, "/mac", to.mac)) return false;
  if (!addresses(from.addresses, "/addresses", to.network, to.addresses)) return false;
  if (from.host && !from.host->empty()) to.host = intern_host(*from.host);
  for (std::size_t i = 0; i < from.security_groups.size(); ++i) {
    Handle group = kNone;
    if (!resolve(tables_.groups, from.security_groups[i], slash("/security_groups", i), "security group",
                 group)) {
      return false;
    }
    to.groups.push_back(group);
  }
  for (std::size_t i = 0; i < from.allowed_address_pairs.size(); ++i) {
    const std::string path = slash("/allowed_address_pairs", i);
    Port::Pair pair;
    const auto prefix = parse_prefix(from.allowed_address_pairs[i].ip);
    if (!prefix) return fail(path + "/ip", "neither an address nor a CIDR");
    pair.ip = *prefix;
    if (from.allowed_address_pairs[i].mac) {
      Mac value;
      if (!mac(*from.allowed_address_pairs[i].mac, path + "/mac", value)) return false;
      pair.mac = value;
    }
    to.pairs.push_back(pair);
  }
  return dhcp_options(from.dhcp_options, to.dhcp_options) && metadata(from.metadata, to.metadata);
}

bool Compiler::rule(const RuleState& from, const std::string& path, Rule& to) {
  if (from.direction != "ingress" && from.direction != "egress")
    return fail(path + "/direction", "neither ingress nor egress");
  if (from.ethertype != "IPv4" && from.ethertype != "IPv6")
    return fail(path + "/ethertype", "neither IPv4 nor IPv6");
  to.egress = from.direction == "egress";
  to.ipv4 = from.ethertype == "IPv4";
  if (from.protocol) {
    const int number = protocol_number_of(*from.protocol, to.ipv4);
    if (number < 0) return fail(path + "/protocol", "not a protocol");
    to.protocol = static_cast<std::int16_t>(number);
  }
  if (from.port_min && *from.port_min > 65535) return fail(path + "/port_min", "above 65535");
  if (from.port_max && *from.port_max > 65535) return fail(path + "/port_max", "above 65535");
  const bool is_icmp = to.protocol == protocol::kIcmp || to.protocol == protocol::kIcmp6;
  if (is_icmp) {  // Neutron's way: port_min is the type, port_max the code
    if (from.port_min) to.low = to.high = static_cast<std::uint16_t>(*from.port_min);
    if (from.port_min && from.port_max) to.icmp_code = static_cast<std::int16_t>(*from.port_max);
  } else {
    if ((from.port_min || from.port_max) && to.protocol != protocol::kTcp && to.protocol != protocol::kUdp &&
        to.protocol != protocol::kSctp) {
      return fail(path + "/port_min", "ports need tcp, udp or sctp");
    }
    to.low = static_cast<std::uint16_t>(from.port_min.value_or(0));
    to.high = static_cast<std::uint16_t>(from.port_max.value_or(0xffff));
    if (to.low > to.high) return fail(path + "/port_min", "above port_max");
  }
  if (from.remote_cidr) {
    to.remote = parse_prefix(*from.remote_cidr);
    if (!to.remote || to.remote->is_v4() != to.ipv4)
      return fail(path + "/remote_cidr", "not a CIDR of the rule's IP version");
  }
  if (from.remote_group) {
    return resolve(tables_.groups, *from.remote_group, path + "/remote_group", "security group",
                   to.remote_group);
  }
  return true;
}

bool Compiler::group(const SecurityGroupState& from, Group& to) {
  to.rules.resize(from.rules.size());
  for (std::size_t i = 0; i < from.rules.size(); ++i) {
    if (!rule(from.rules[i], slash("/rules", i), to.rules[i])) return false;
  }
  return true;
}

bool Compiler::interface(const std::string& network, const std::string& mac_text,
                         const std::vector<AddressState>& address_states, const std::string& path,
                         RouterInterface& to) {
  return resolve(tables_.networks, network, path + "/network", "network", to.network) &&
         mac(mac_text, path + "/mac", to.mac) &&
         addresses(address_states, path + "/addresses", to.network, to.addresses);
}

bool Compiler::router(const RouterState& from, Router& to) {
  to.interfaces.resize(from.interfaces.size());
  for (std::size_t i = 0; i < from.interfaces.size(); ++i) {
    const InterfaceState& state = from.interfaces[i];
    if (!interface(state.network, state.mac, state.addresses, slash("/interfaces", i), to.interfaces[i]))
      return false;
  }
  if (from.gateway) {
    to.gateway.emplace();
    if (!interface(from.gateway->network, from.gateway->mac, from.gateway->addresses, "/gateway",
                   *to.gateway)) {
      return false;
    }
    if (from.gateway->host && !from.gateway->host->empty())
      to.gateway_host = intern_host(*from.gateway->host);
  }
  return routes(from.routes, "/routes", to.routes);
}

bool Compiler::forward(const PortForwardingState& from, const std::string& path, FloatingIp::Forward& to) {
  if (from.protocol != "tcp" && from.protocol != "udp")
    return fail(path + "/protocol", "neither tcp nor udp");
  to.protocol = from.protocol == "tcp" ? protocol::kTcp : protocol::kUdp;
  const auto is_port = [](std::uint32_t number) { return number > 0 && number <= 65535; };
  if (!is_port(from.external_port)) return fail(path + "/external_port", "not a port");
  if (!is_port(from.internal_port)) return fail(path + "/internal_port", "not a port");
  to.external_port = static_cast<std::uint16_t>(from.external_port);
  to.inside_port = static_cast<std::uint16_t>(from.internal_port);
  if (from.port.empty()) return fail(path + "/port", "missing");
  to.port = from.port;
  if (!address(from.internal_ip, path + "/internal_ip", to.inside)) return false;
  return to.inside.is_v4() || fail(path + "/internal_ip", "not an IPv4 address");
}

bool Compiler::floating_ip(const FloatingIpState& from, FloatingIp& to) {
  if (!resolve(tables_.networks, from.network, "/network", "network", to.network)) return false;
  if (!address(from.floating_ip, "/floating_ip", to.address)) return false;
  if (!to.address.is_v4()) return fail("/floating_ip", "a floating IP is an IPv4 address");
  if (from.fixed_ip) {
    Ip fixed;
    if (!address(*from.fixed_ip, "/fixed_ip", fixed)) return false;
    if (!fixed.is_v4()) return fail("/fixed_ip", "not an IPv4 address");
    to.fixed = fixed;
  }
  const auto& forwards = from.port_forwardings;
  if (from.port && !forwards.empty()) {
    return fail("/port_forwardings", "the floating IP stands for a port as a whole");
  }
  to.forwards.resize(forwards.size());
  std::set<std::pair<std::uint8_t, std::uint16_t>> taken;
  for (std::size_t i = 0; i < forwards.size(); ++i) {
    const std::string path = slash("/port_forwardings", i);
    if (!forward(forwards[i], path, to.forwards[i])) return false;
    if (!taken.emplace(to.forwards[i].protocol, to.forwards[i].external_port).second) {
      return fail(path + "/external_port", "forwarded twice");
    }
  }
  std::sort(to.forwards.begin(), to.forwards.end(), [](const auto& one, const auto& other) {
    return std::pair(one.protocol, one.external_port) < std::pair(other.protocol, other.external_port);
  });
  return true;
}

}  // namespace hanok::dataplane

#pragma once
// The desired state as plain structs: what the control socket's JSON says (docs/architecture.md, "The data
// plane's state document"), after its schema check. Addresses stay text here, so that one place (tables/)
// checks them and names the field that is wrong.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace hanok::dataplane {

struct NodeState {
  std::string name;
  std::optional<std::string> vtep;
  bool operator==(const NodeState&) const = default;
};
struct HostState {
  std::optional<std::string> vtep;
  bool operator==(const HostState&) const = default;
};
struct UplinkState {
  std::string device;
  std::optional<std::string> physical_network;
  std::optional<std::string> address;  // "192.0.2.1/24": the VTEP's interface
  std::optional<std::string> mac;      // absent: the device's own, see Engine::set_device_mac
  std::uint32_t mtu = 1500;
  bool operator==(const UplinkState&) const = default;
};
struct SegmentState {
  std::string type;  // vxlan, vlan, flat
  std::uint32_t vni = 0;
  std::string physical_network;
  std::uint32_t vlan_id = 0;
  bool operator==(const SegmentState&) const = default;
};
struct NetworkState {
  std::uint32_t mtu = 1500;
  std::vector<SegmentState> segments;
  bool external = false;
  std::string dns_domain;
  bool operator==(const NetworkState&) const = default;
};
struct RouteState {
  std::string destination, nexthop;
  bool operator==(const RouteState&) const = default;
};
struct SubnetState {
  std::string network, cidr;
  std::optional<std::string> gateway;
  bool dhcp = true;
  std::vector<std::string> dns;
  std::vector<RouteState> host_routes;
  // Who advertises, and who gives addresses: slaac, dhcpv6-stateful, dhcpv6-stateless; absent: nobody here.
  std::optional<std::string> ipv6_ra_mode = std::nullopt, ipv6_address_mode = std::nullopt;
  bool operator==(const SubnetState&) const = default;
};
struct AddressState {
  std::string subnet, ip;
  bool operator==(const AddressState&) const = default;
};
struct AddressPairState {
  std::string ip;  // an address or a CIDR
  std::optional<std::string> mac;
  bool operator==(const AddressPairState&) const = default;
};
struct DeviceState {
  std::string type;   // vhost-user, dpdk
  std::string value;  // the socket, or the device string
  bool operator==(const DeviceState&) const = default;
};
struct RateState {
  std::uint32_t kbps = 0, burst_kbits = 0;
  bool operator==(const RateState&) const = default;
};
struct QosState {
  std::optional<RateState> ingress, egress;  // seen from the guest
  std::optional<std::uint32_t> dscp;         // 0 to 63; of what the guest sends
  bool operator==(const QosState&) const = default;
};
struct DhcpOptionState {
  std::uint32_t ip_version = 4, code = 0;
  std::string data;  // hexadecimal: the option's value as it goes into the answer
  bool operator==(const DhcpOptionState&) const = default;
};
struct PortState {
  std::string network, mac;
  std::vector<AddressState> addresses;
  std::optional<std::string> host, hostname;
  std::vector<std::string> security_groups;
  bool port_security = true;
  std::vector<AddressPairState> allowed_address_pairs;
  bool admin_up = true;
  std::optional<DeviceState> device;
  std::optional<QosState> qos{};
  std::vector<DhcpOptionState> dhcp_options;  // besides, or instead of, what the subnet says
  // What the metadata service tells the guest: base64 by path, "openstack/latest/meta_data.json".
  std::map<std::string, std::string> metadata{};
  bool operator==(const PortState&) const = default;
};
struct RuleState {
  std::string id, direction, ethertype;
  std::optional<std::string> protocol;  // a name (tcp, udp, icmp, ipv6-icmp, ...) or a decimal number
  std::optional<std::uint32_t> port_min, port_max;
  std::optional<std::string> remote_cidr, remote_group;
  bool operator==(const RuleState&) const = default;
};
struct SecurityGroupState {
  std::vector<RuleState> rules;
  bool operator==(const SecurityGroupState&) const = default;
};
struct InterfaceState {
  std::optional<std::string> port;
  std::string network, mac;
  std::vector<AddressState> addresses;
  bool operator==(const InterfaceState&) const = default;
};
struct GatewayState {
  std::optional<std::string> port;
  std::string network, mac;
  std::vector<AddressState> addresses;
  bool snat = true;
  std::optional<std::string> host;
  bool operator==(const GatewayState&) const = default;
};
struct RouterState {
  bool admin_up = true;
  std::vector<InterfaceState> interfaces;
  std::optional<GatewayState> gateway;
  std::vector<RouteState> routes;
  bool operator==(const RouterState&) const = default;
};
struct PortForwardingState {
  std::string protocol;  // tcp, udp
  std::uint32_t external_port = 0;
  std::string port, internal_ip;
  std::uint32_t internal_port = 0;
  bool operator==(const PortForwardingState&) const = default;
};
struct FloatingIpState {
  std::optional<std::string> router, port, fixed_ip;
  std::string network, floating_ip;
  std::vector<PortForwardingState> port_forwardings{};  // instead of `port`
  std::optional<QosState> qos{};
  bool operator==(const FloatingIpState&) const = default;
};

// Either the whole state (`whole`: what is not named does not exist) or what changed (nullopt deletes).
template <typename T>
using Changes = std::map<std::string, std::optional<T>>;
struct StateDocument {
  std::uint64_t generation = 0;
  bool whole = false;
  std::optional<NodeState> node;
  Changes<HostState> host;
  Changes<UplinkState> uplink;
  Changes<NetworkState> network;
  Changes<SubnetState> subnet;
  Changes<PortState> port;
  Changes<SecurityGroupState> security_group;
  Changes<RouterState> router;
  Changes<FloatingIpState> floating_ip;
};

}  // namespace hanok::dataplane

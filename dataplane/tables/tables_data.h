#pragma once
// What a Tables snapshot holds: objects by dense handle, and the indexes that packets ask. For the stages and
// the engine; the edges use tables.h. All of it is immutable once a snapshot is out.

#include <array>
#include <bitset>
#include <compare>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/packet/address.h"
#include "dataplane/packet/headers.h"
#include "dataplane/packet/packet.h"
#include "dataplane/tables/persistent_map.h"
#include "dataplane/tables/state.h"
#include "dataplane/tables/tables.h"

namespace hanok::dataplane {

using Handle = std::uint32_t;  // dense number of an object within its kind
inline constexpr Handle kNone = 0xffffffffU;

enum class Kind : std::uint8_t {
  kHost,
  kUplink,
  kNetwork,
  kSubnet,
  kPort,
  kGroup,
  kRouter,
  kFloatingIp,
  kGroupMembers,  // the address set of a group
  kNetworkPorts   // who is on a network: for what was decided because nobody was found
};
inline constexpr unsigned kKinds = 10;
[[nodiscard]] std::string_view to_string(Kind kind);  // as the document spells it

// `version` counts applied changes; an object's is that of the change which made it what it is.
struct Uplink {
  Handle handle = kNone;
  std::string id;
  UplinkState state;
  DeviceIndex device = kNoDevice;
  std::optional<Handle> physical_network;  // interned name
  std::optional<Ip> address;
  Prefix prefix;
  std::optional<Mac> mac;
};
enum class SegmentType : std::uint8_t { kFlat = 1, kVlan = 2, kVxlan = 3 };
struct Segment {
  SegmentType type = SegmentType::kFlat;
  std::uint32_t number = 0;         // VNI or VLAN id
  Handle physical_network = kNone;  // interned; kNone for VXLAN
};
struct Network {
  Handle handle = kNone;
  std::string id;
  NetworkState state;
  std::vector<Segment> segments;
  std::vector<Handle> subnets;
};
enum class Ipv6Mode : std::uint8_t { kUnset, kSlaac, kStateful, kStateless };
struct Subnet {
  Handle handle = kNone;
  std::string id;
  SubnetState state;
  Handle network = kNone;
  Prefix prefix;
  std::optional<Ip> gateway;
  std::vector<Ip> dns;
  Ipv6Mode ra_mode = Ipv6Mode::kUnset, address_mode = Ipv6Mode::kUnset;
  struct Route {
    Prefix destination;
    Ip nexthop;
  };
  std::vector<Route> routes;
};
struct PortAddress {
  Handle subnet = kNone;
  Ip ip;
};
struct DhcpOption {
  bool ipv6 = false;
  std::uint16_t code = 0;
  std::vector<std::uint8_t> data;
};
struct Port {
  Handle handle = kNone;
  std::string id;
  PortState state;
  Handle network = kNone;
  Mac mac;
  std::vector<PortAddress> addresses;
  Handle host = kNone;  // interned name; kNone: not bound
  std::vector<Handle> groups;
  struct Pair {
    Prefix ip;
    std::optional<Mac> mac;  // absent: the port's
  };
  std::vector<Pair> pairs;
  std::vector<DhcpOption> dhcp_options;
  std::map<std::string, std::string> metadata;  // contents by path
  DeviceIndex device = kNoDevice;
};
struct Rule {
  bool egress = false;
  bool ipv4 = true;
  std::int16_t protocol = -1;            // -1: any
  std::uint16_t low = 0, high = 0xffff;  // destination ports, or ICMP type
  std::int16_t icmp_code = -1;
  std::optional<Prefix> remote;
  Handle remote_group = kNone;
};
struct Group {
  Handle handle = kNone;
  std::string id;
  SecurityGroupState state;
  std::vector<Rule> rules;
};
struct RouterInterface {
  Handle network = kNone;
  Mac mac;
  std::vector<PortAddress> addresses;
};
struct Router {
  Handle handle = kNone;
  std::string id;
  RouterState state;
  std::vector<RouterInterface> interfaces;
  std::optional<RouterInterface> gateway;
  Handle gateway_host = kNone;  // kNone: the state names none, so every host takes itself for it
  std::vector<Subnet::Route> routes;
};
struct FloatingIp {
  Handle handle = kNone;
  std::string id;
  FloatingIpState state;  // names its port and router by id: either may come later
  Handle network = kNone;
  Ip address;
  std::optional<Ip> fixed;  // absent: the port's first IPv4 address
  struct Forward {
    std::uint8_t protocol = 0;
    std::uint16_t external_port = 0, inside_port = 0;
    Ip inside;
    std::string port;
  };
  std::vector<Forward> forwards;  // by protocol and external port

  [[nodiscard]] const Forward* forward_of(std::uint8_t protocol, std::uint16_t external_port) const;
  [[nodiscard]] bool leads_somewhere() const { return state.port || !forwards.empty(); }
};

// Ports that a forwarding changes, at either end: a bit each for TCP and UDP. Rebuilt where the set changes.
class ForwardedPorts {
 public:
  [[nodiscard]] bool has(std::uint8_t protocol, std::uint16_t port) const {
    const std::size_t number = number_of(protocol);
    return number < bits_.size() && bits_[number][port];
  }
  void set(std::uint8_t protocol, std::uint16_t port, bool forwarded) {
    if (const std::size_t number = number_of(protocol); number < bits_.size())
      bits_[number][port] = forwarded;
  }

 private:
  [[nodiscard]] static std::size_t number_of(std::uint8_t protocol) {
    return protocol == protocol::kTcp ? 0 : (protocol == protocol::kUdp ? 1 : 2);
  }
  std::array<std::bitset<65536>, 2> bits_;
};

struct NetworkMac {
  Handle network;
  Mac mac;
  std::uint16_t zero = 0;
  auto operator<=>(const NetworkMac&) const = default;
};
struct NetworkIp {
  Handle network;  // a group's handle in the address sets, a port's for floating IPs
  Ip ip;
  auto operator<=>(const NetworkIp&) const = default;
};
struct NetworkHost {
  Handle network;
  Handle host;
  auto operator<=>(const NetworkHost&) const = default;
};
struct SegmentKey {
  std::uint32_t type;
  Handle physical_network;
  std::uint32_t number;
  auto operator<=>(const SegmentKey&) const = default;
};
struct ObjectRef {
  std::uint32_t kind;  // Kind
  Handle handle;
  auto operator<=>(const ObjectRef&) const = default;  // NOLINT(modernize-use-nullptr): means its own 0
};
inline ObjectRef ref(Kind kind, Handle handle) {
  return {static_cast<std::uint32_t>(kind), handle};
}

// Objects of one kind: by id and by handle; freed handles are used again.
template <typename T>
struct Collection {
  PersistentMap<std::string, Handle> by_id;
  PersistentMap<Handle, std::shared_ptr<const T>> by_handle;
  std::vector<Handle> freed;
  Handle next = 0;

  [[nodiscard]] const T* at(Handle handle) const {
    const auto* found = by_handle.find(handle);
    return found != nullptr ? found->get() : nullptr;
  }
  [[nodiscard]] const T* named(const std::string& id) const { return at(by_id.get(id, kNone)); }
};

class TablesData {
 public:
  std::uint64_t generation = 0;
  std::uint32_t version = 0;
  std::uint32_t floor_version = 0;  // everything is at least as new: node, host or uplink changed

  NodeState node;
  Handle node_host = kNone;
  std::optional<Ip> vtep;

  PersistentMap<std::string, Handle> host_names, physical_networks;  // interned, never freed
  PersistentMap<Handle, std::string> host_ids;
  PersistentMap<Handle, Ip> host_vteps;
  PersistentMap<std::string, HostState> hosts;

  Collection<Uplink> uplinks;
  Collection<Network> networks;
  Collection<Subnet> subnets;
  Collection<Port> ports;
  Collection<Group> groups;
  Collection<Router> routers;
  Collection<FloatingIp> floating_ips;

  PersistentMap<SegmentKey, Handle> segment_network;
  PersistentMap<Handle, Handle> uplink_of_physical_network;
  Handle vtep_uplink = kNone;
  PersistentMap<NetworkMac, Handle> port_by_mac, router_by_mac;
  // Ports with an allowed address pair of this MAC that is not their own.
  PersistentMap<NetworkMac, PersistentMap<Handle, bool>> pair_holders;
  PersistentMap<Ip, Handle> vtep_host;
  PersistentMap<NetworkIp, Handle> port_by_ip, router_by_ip, floating_by_ip;
  // By the port's id: floating IPs that stand for it, and those of which ports are forwarded to it.
  PersistentMap<std::string, PersistentMap<Handle, bool>> floating_by_port, forwarding_by_port;
  // By protocol << 16 | port: how many forwardings begin or end at it, and the same as bits (null: none
  // ever).
  PersistentMap<std::uint32_t, std::uint32_t> forwardings_at;
  std::shared_ptr<const ForwardedPorts> forwarded_ports;
  PersistentMap<NetworkIp, std::uint32_t> group_addresses;  // how many ports of the group have the address
  PersistentMap<NetworkHost, PersistentMap<Handle, bool>> members;   // ports of a network on a host
  PersistentMap<Handle, PersistentMap<Handle, bool>> network_hosts;  // hosts with ports of the network
  PersistentMap<ObjectRef, std::uint32_t> versions;
  PersistentMap<ObjectRef, std::uint32_t> references;  // how many objects name this one
  PersistentMap<Handle, DeviceInfo> devices;           // by index
  PersistentMap<Handle, Handle> device_owner;          // index -> port or uplink handle
  std::vector<DeviceIndex> freed_devices;
  DeviceIndex next_device = 0;

  // The version of what a compiled record depends on; the newest possible one for an object that is gone. A
  // port's covers its groups and the address sets that their rules name.
  [[nodiscard]] std::uint32_t version_of(ObjectRef object) const;

  [[nodiscard]] bool is_local(const Port& port) const { return port.host != kNone && port.host == node_host; }
  [[nodiscard]] bool is_gateway_host(const Router& router) const {
    return router.gateway_host == kNone || router.gateway_host == node_host;
  }
  [[nodiscard]] const Port* port_of_device(DeviceIndex device) const;
  [[nodiscard]] const Uplink* uplink_of_device(DeviceIndex device) const;
  // The uplink that carries a VLAN or flat segment of the network, and the segment; null where there is none
  // here.
  [[nodiscard]] const Uplink* uplink_of_segment(const Segment& segment) const;
  // The floating IP whose fixed address is `fixed` of `port`, or null.
  [[nodiscard]] const FloatingIp* floating_of(const Port& port, const Ip& fixed) const;
  // The fixed address that a floating IP stands for; none where its port is unknown here.
  [[nodiscard]] std::optional<Ip> fixed_of(const FloatingIp& floating, const Port*& port) const;
  // The floating IP, and its port, that lead to `inside` and `inside_port` of `port`; null where none does.
  [[nodiscard]] const FloatingIp* forwarding_to(const Port& port, const Ip& inside, std::uint8_t protocol,
                                                std::uint16_t inside_port,
                                                const FloatingIp::Forward*& forward) const;
  [[nodiscard]] bool group_has(Handle group, const Ip& ip) const {
    return group_addresses.contains({group, ip});
  }
};

}  // namespace hanok::dataplane

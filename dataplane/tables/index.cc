// How objects get into the indexes that packets ask, and out of them; what may be there once only is checked
// here.
#include "dataplane/tables/apply.h"

namespace hanok::dataplane {
namespace {

SegmentKey key_of(const Segment& segment) {
  return {static_cast<std::uint32_t>(segment.type), segment.physical_network, segment.number};
}

}  // namespace

void Applier::unindex(const Uplink& uplink) {
  if (uplink.physical_network) next_.uplink_of_physical_network.erase(*uplink.physical_network);
  if (next_.vtep_uplink == uplink.handle) next_.vtep_uplink = kNone;
  if (const DeviceInfo* info = next_.devices.find(uplink.device))
    loose_devices_[{DeviceKind::kUplink, uplink.id}] = *info;
  next_.floor_version = next_.version;
}

bool Applier::index(Uplink& uplink, const std::string& path) {
  if (uplink.physical_network) {
    if (next_.uplink_of_physical_network.contains(*uplink.physical_network)) {
      return fail(path + "/physical_network", "another uplink carries this physical network");
    }
    next_.uplink_of_physical_network.set(*uplink.physical_network, uplink.handle);
  }
  if (uplink.address) {
    if (next_.vtep_uplink != kNone) return fail(path + "/address", "another uplink has an address");
    next_.vtep_uplink = uplink.handle;
  }
  next_.floor_version = next_.version;
  return give_device(DeviceKind::kUplink, uplink.handle, uplink.id, {"dpdk", uplink.state.device},
                     uplink.state.mtu, true, path + "/device", uplink.device);
}

void Applier::unindex(const Network& network) {
  for (const Segment& segment : network.segments) next_.segment_network.erase(key_of(segment));
}

bool Applier::index(Network& network, const std::string& path) {
  for (std::size_t i = 0; i < network.segments.size(); ++i) {
    const SegmentKey key = key_of(network.segments[i]);
    if (next_.segment_network.contains(key)) {
      return fail(path + "/segments/" + std::to_string(i), "another network has this segment");
    }
    next_.segment_network.set(key, network.handle);
  }
  // Its subnets stay: they name the network, not the other way round.
  if (const Network* old = next_.networks.at(network.handle)) network.subnets = old->subnets;
  return true;
}

void Applier::unindex(const Subnet& subnet) {
  refer(Kind::kNetwork, subnet.network, -1);
  touch(ref(Kind::kNetwork, subnet.network));
  const Network* network = next_.networks.at(subnet.network);
  if (network == nullptr) return;
  auto changed = std::make_shared<Network>(*network);
  std::erase(changed->subnets, subnet.handle);
  next_.networks.by_handle.set(subnet.network, changed);
  ++rebuilt;
}

bool Applier::index(Subnet& subnet, const std::string& path) {
  const Network* network = next_.networks.at(subnet.network);
  if (network == nullptr) return fail(path + "/network", "no such network");
  for (const Handle other_handle : network->subnets) {
    const Subnet* other = next_.subnets.at(other_handle);
    if (other != nullptr && other_handle != subnet.handle &&
        (other->prefix.contains(subnet.prefix.address) || subnet.prefix.contains(other->prefix.address))) {
      return fail(path + "/cidr", "overlaps subnet " + other->id + " of the same network");
    }
  }
  auto changed = std::make_shared<Network>(*network);
  changed->subnets.push_back(subnet.handle);
  next_.networks.by_handle.set(subnet.network, changed);
  ++rebuilt;
  refer(Kind::kNetwork, subnet.network, 1);
  touch(ref(Kind::kNetwork, subnet.network));
  return true;
}

void Applier::group_addresses(const Port& port, int by) {
  for (const Handle group : port.groups) {
    refer(Kind::kGroup, group, by);
    touch(ref(Kind::kGroupMembers, group));
    const auto change = [&](const Ip& ip) {
      const NetworkIp key{group, ip};
      const auto count = static_cast<std::uint32_t>(static_cast<int>(next_.group_addresses.get(key)) + by);
      if (count == 0) {
        next_.group_addresses.erase(key);
      } else {
        next_.group_addresses.set(key, count);
      }
    };
    for (const PortAddress& address : port.addresses) change(address.ip);
    for (const Port::Pair& pair : port.pairs) {
      if (pair.ip.bits == (pair.ip.is_v4() ? 32 : 128)) change(pair.ip.address);
    }
  }
}

void Applier::member(const Port& port, bool present) {
  if (port.host == kNone) return;
  const NetworkHost key{port.network, port.host};
  auto ports = next_.members.get(key);
  auto hosts = next_.network_hosts.get(port.network);
  if (present) {
    ports.set(port.handle, true);
    hosts.set(port.host, true);
  } else {
    ports.erase(port.handle);
    if (ports.empty()) hosts.erase(port.host);
  }
  if (ports.empty()) {
    next_.members.erase(key);
  } else {
    next_.members.set(key, std::move(ports));
  }
  if (hosts.empty()) {
    next_.network_hosts.erase(port.network);
  } else {
    next_.network_hosts.set(port.network, std::move(hosts));
  }
}

// The MACs of allowed address pairs that are not the port's own: who sends to one of them means this port.
void Applier::hold_pairs(const Port& port, bool present) {
  for (const Port::Pair& pair : port.pairs) {
    if (!pair.mac || *pair.mac == port.mac) continue;
    const NetworkMac key{port.network, *pair.mac};
    auto holders = next_.pair_holders.get(key);
    if (present) {
      holders.set(port.handle, true);
    } else {
      holders.erase(port.handle);
    }
    if (holders.empty()) {
      next_.pair_holders.erase(key);
    } else {
      next_.pair_holders.set(key, std::move(holders));
    }
  }
}

void Applier::unindex(const Port& port) {
  refer(Kind::kNetwork, port.network, -1);
  next_.port_by_mac.erase({port.network, port.mac});
  for (const PortAddress& address : port.addresses) {
    next_.port_by_ip.erase({port.network, address.ip});
    refer(Kind::kSubnet, address.subnet, -1);
  }
  group_addresses(port, -1);
  hold_pairs(port, false);
  member(port, false);
  if (const DeviceInfo* info = next_.devices.find(port.device); info != nullptr && port.device != kNoDevice) {
    loose_devices_[{DeviceKind::kPort, port.id}] = *info;
  }
}

bool Applier::index(Port& port, const std::string& path) {
  const NetworkMac mac{port.network, port.mac};
  if (next_.port_by_mac.contains(mac)) return fail(path + "/mac", "another port of the network has this MAC");
  next_.port_by_mac.set(mac, port.handle);
  for (std::size_t i = 0; i < port.addresses.size(); ++i) {
    const NetworkIp key{port.network, port.addresses[i].ip};
    if (next_.port_by_ip.contains(key) || next_.floating_by_ip.contains(key)) {
      return fail(path + "/addresses/" + std::to_string(i) + "/ip",
                  "another port of the network has this address");
    }
    next_.port_by_ip.set(key, port.handle);
    refer(Kind::kSubnet, port.addresses[i].subnet, 1);
  }
  refer(Kind::kNetwork, port.network, 1);
  touch(ref(Kind::kNetworkPorts, port.network));
  group_addresses(port, 1);
  hold_pairs(port, true);
  member(port, true);
  if (!port.state.device) return true;
  const Network* network = next_.networks.at(port.network);
  return give_device(DeviceKind::kPort, port.handle, port.id, *port.state.device, network->state.mtu,
                     port.state.admin_up, path + "/device", port.device);
}

void Applier::unindex(const Group& group) {
  for (const Rule& rule : group.rules) {
    if (rule.remote_group != kNone && rule.remote_group != group.handle)
      refer(Kind::kGroup, rule.remote_group, -1);
  }
}

bool Applier::index(Group& group, const std::string&) {
  for (const Rule& rule : group.rules) {
    if (rule.remote_group != kNone && rule.remote_group != group.handle)
      refer(Kind::kGroup, rule.remote_group, 1);
  }
  return true;
}

bool Applier::index_interface(const RouterInterface& interface, const std::optional<std::string>& port_id,
                              Handle router, const std::string& path) {
  const NetworkMac mac{interface.network, interface.mac};
  if (next_.router_by_mac.get(mac, router) != router)
    return fail(path + "/mac", "another router has this MAC");
  next_.router_by_mac.set(mac, router);
  touch(ref(Kind::kNetworkPorts, interface.network));
  refer(Kind::kNetwork, interface.network, 1);
  for (std::size_t i = 0; i < interface.addresses.size(); ++i) {
    const NetworkIp key{interface.network, interface.addresses[i].ip};
    const Port* port = next_.ports.at(next_.port_by_ip.get(key, kNone));
    const bool taken = port != nullptr && (!port_id || port->id != *port_id);
    if (taken || next_.router_by_ip.contains(key)) {
      return fail(path + "/addresses/" + std::to_string(i) + "/ip", "the address is used in this network");
    }
    next_.router_by_ip.set(key, router);
    refer(Kind::kSubnet, interface.addresses[i].subnet, 1);
  }
  return true;
}

void Applier::unindex(const Router& router) {
  const auto drop = [&](const RouterInterface& interface) {
    next_.router_by_mac.erase({interface.network, interface.mac});
    refer(Kind::kNetwork, interface.network, -1);
    for (const PortAddress& address : interface.addresses) {
      next_.router_by_ip.erase({interface.network, address.ip});
      refer(Kind::kSubnet, address.subnet, -1);
    }
  };
  for (const RouterInterface& interface : router.interfaces) drop(interface);
  if (router.gateway) drop(*router.gateway);
}

bool Applier::index(Router& router, const std::string& path) {
  for (std::size_t i = 0; i < router.interfaces.size(); ++i) {
    if (!index_interface(router.interfaces[i], router.state.interfaces[i].port, router.handle,
                         path + "/interfaces/" + std::to_string(i))) {
      return false;
    }
  }
  return !router.gateway ||
         index_interface(*router.gateway, router.state.gateway->port, router.handle, path + "/gateway");
}

// Flows of the port that took source NAT, or this address, are to be looked at again.
void Applier::lead(PersistentMap<std::string, PersistentMap<Handle, bool>>& map, const std::string& port,
                   Handle floating, bool present) {
  auto of_port = map.get(port);
  if (present) {
    of_port.set(floating, true);
  } else {
    of_port.erase(floating);
  }
  if (of_port.empty()) {
    map.erase(port);
  } else {
    map.set(port, std::move(of_port));
  }
  if (const Port* known = next_.ports.named(port)) touch(ref(Kind::kPort, known->handle));
}

void Applier::unindex(const FloatingIp& floating) {
  refer(Kind::kNetwork, floating.network, -1);
  next_.floating_by_ip.erase({floating.network, floating.address});
  if (floating.state.port) lead(next_.floating_by_port, *floating.state.port, floating.handle, false);
  for (const FloatingIp::Forward& one : floating.forwards) {
    lead(next_.forwarding_by_port, one.port, floating.handle, false);
    forward(one, -1);
  }
}

bool Applier::index(FloatingIp& floating, const std::string& path) {
  const NetworkIp key{floating.network, floating.address};
  if (next_.floating_by_ip.contains(key) || next_.router_by_ip.contains(key) ||
      next_.port_by_ip.contains(key)) {
    return fail(path + "/floating_ip", "the address is used in this network");
  }
  next_.floating_by_ip.set(key, floating.handle);
  touch(ref(Kind::kNetworkPorts, floating.network));
  refer(Kind::kNetwork, floating.network, 1);
  if (floating.state.port) lead(next_.floating_by_port, *floating.state.port, floating.handle, true);
  for (const FloatingIp::Forward& one : floating.forwards) {
    lead(next_.forwarding_by_port, one.port, floating.handle, true);
    forward(one, 1);
  }
  return true;
}

void Applier::forward(const FloatingIp::Forward& forward, int by) {
  for (const std::uint16_t port : {forward.external_port, forward.inside_port}) {
    const std::uint32_t key = std::uint32_t{forward.protocol} << 16U | port;
    const auto count = static_cast<std::uint32_t>(static_cast<int>(next_.forwardings_at.get(key, 0)) + by);
    if (count != 0) {
      next_.forwardings_at.set(key, count);
    } else {
      next_.forwardings_at.erase(key);
    }
    forwardings_touched_.push_back(key);
  }
}

// A new set only where it differs: who holds the old one sees by the pointer whether it is still right.
void Applier::renew_forwarded_ports() {
  std::shared_ptr<ForwardedPorts> renewed;
  for (const std::uint32_t key : forwardings_touched_) {
    const auto protocol = static_cast<std::uint8_t>(key >> 16U);
    const auto port = static_cast<std::uint16_t>(key);
    const bool now = next_.forwardings_at.contains(key);
    const bool before = next_.forwarded_ports != nullptr && next_.forwarded_ports->has(protocol, port);
    if (now == before) continue;
    if (!renewed) {
      renewed = next_.forwarded_ports ? std::make_shared<ForwardedPorts>(*next_.forwarded_ports)
                                      : std::make_shared<ForwardedPorts>();
    }
    renewed->set(protocol, port, now);
  }
  if (renewed) next_.forwarded_ports = std::move(renewed);
}

}  // namespace hanok::dataplane

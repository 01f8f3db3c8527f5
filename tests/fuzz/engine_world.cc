#include "tests/fuzz/engine_world.h"

namespace hanok::dataplane::fuzz {
namespace {

constexpr int kMayWait = 512;  // frames that may wait for a neighbour, in all

PortState guest_port(const char* mac, const char* ip, const char* device) {
  PortState port;
  port.network = "net";
  port.mac = mac;
  port.addresses = {{"sub", ip}};
  port.host = "node1";
  port.device = DeviceState{"dpdk", device};
  return port;
}

SecurityGroupState group() {
  RuleState in, out, out6;
  in.direction = "ingress", in.ethertype = "IPv4";
  out.direction = "egress", out.ethertype = "IPv4";
  out6.direction = "egress", out6.ethertype = "IPv6";
  return SecurityGroupState{{in, out, out6}};
}

}  // namespace

StateDocument world_state() {
  StateDocument out;
  out.node = NodeState{"node1", "192.0.2.1"};
  out.host["node1"] = HostState{"192.0.2.1"};
  out.host["node2"] = HostState{"192.0.2.2"};
  UplinkState under;
  under.device = "u";
  under.physical_network = "physnet1";
  under.address = "192.0.2.1/24";
  under.mac = "02:00:00:00:00:01";
  out.uplink["under"] = under;
  out.network["net"] = NetworkState{1450, {{"vxlan", 100, "", 0}, {"flat", 0, "physnet1", 0}}, false, ""};
  out.subnet["sub"] = SubnetState{"net", "10.0.0.0/24", "10.0.0.1", true, {"8.8.8.8"}, {}};
  out.security_group["g"] = group();
  PortState port = guest_port("fa:16:3e:00:00:0a", "10.0.0.10", "a");
  port.security_groups = {"g"};
  out.port["a"] = port;
  port = guest_port("fa:16:3e:00:00:0b", "10.0.0.11", "b");
  port.port_security = false;
  out.port["b"] = port;
  RouterState router;
  router.interfaces = {{std::nullopt, "net", "fa:16:3e:ff:00:01", {{"sub", "10.0.0.1"}}}};
  out.router["r"] = router;
  return out;
}

World::World() {
  auto result = Tables::empty()->apply(world_state());
  if (!result.tables) std::abort();
  tables_ = result.tables;
  engine_.set_tables(tables_);
}

DeviceIndex World::device(unsigned number) const {
  return static_cast<DeviceIndex>(number % 4);  // three devices, and one that is not there
}

DeviceIndex World::guest() const {
  return tables_->device_of_port("a");
}

DeviceIndex World::uplink() const {
  for (const DeviceInfo& info : tables_->devices()) {
    if (info.kind == DeviceKind::kUplink) return info.index;
  }
  std::abort();
}

void World::run(std::span<const std::uint8_t> frame, DeviceIndex from, std::uint8_t offload,
                std::uint16_t segment_bytes) {
  Packet* packet = pool_.allocate(static_cast<std::uint16_t>(frame.size()));
  if (!frame.empty()) std::memcpy(packet->data, frame.data(), frame.size());
  packet->offload = offload;
  packet->segment_bytes = segment_bytes;
  engine_.process(&packet, 1, from, now_us_, sink_);
  now_us_ += 20'000;
  engine_.poll(now_us_, sink_);
  if (pool_.live > kMayWait) std::abort();
}

}  // namespace hanok::dataplane::fuzz

// libFuzzer target: any bytes, through the whole engine, from a guest and from the wire. The first byte
// chooses the device; the rest is the frame. Checks that each frame ends in exactly one place.
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "dataplane/flow/engine.h"

namespace {

using namespace hanok::dataplane;

class Pool final : public BufferPool {
 public:
  Packet* allocate(std::uint16_t length) override {
    // The frame ends where the allocation ends, so that a read beyond it is seen.
    auto* raw = static_cast<std::uint8_t*>(std::malloc(128U + length));
    auto* packet = new Packet;
    packet->data = raw + 128;
    packet->length = length;
    packet->headroom = 128;
    packet->buffer = raw;
    ++live;
    return packet;
  }
  void release(Packet* const* packets, unsigned count) override {
    for (unsigned i = 0; i < count; ++i) {
      std::free(packets[i]->buffer);
      delete packets[i];
      --live;
    }
  }
  int live = 0;
};

class Sink final : public Output {
 public:
  explicit Sink(Pool& pool) : pool_(pool) {}
  void transmit(DeviceIndex, Packet* const* packets, unsigned count) override {
    pool_.release(packets, count);
  }

 private:
  Pool& pool_;
};

StateDocument state() {
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
  RuleState in, egress, six;
  in.direction = "ingress", in.ethertype = "IPv4";
  egress.direction = "egress", egress.ethertype = "IPv4";
  six.direction = "egress", six.ethertype = "IPv6";
  out.security_group["g"] = SecurityGroupState{{in, egress, six}};
  PortState port;
  port.network = "net";
  port.mac = "fa:16:3e:00:00:0a";
  port.addresses = {{"sub", "10.0.0.10"}};
  port.host = "node1";
  port.security_groups = {"g"};
  port.device = DeviceState{"dpdk", "a"};
  out.port["a"] = port;
  port.mac = "fa:16:3e:00:00:0b";
  port.addresses = {{"sub", "10.0.0.11"}};
  port.port_security = false;
  port.device = DeviceState{"dpdk", "b"};
  out.port["b"] = port;
  RouterState router;
  router.interfaces = {{std::nullopt, "net", "fa:16:3e:ff:00:01", {{"sub", "10.0.0.1"}}}};
  out.router["r"] = router;
  return out;
}

struct World {
  Pool pool;
  Sink sink{pool};
  Engine engine{pool, {4096, 1024, 7}};
  std::uint64_t now_us = 1'000'000'000;
  World() {
    auto result = Tables::empty()->apply(state());
    if (!result.tables) std::abort();
    engine.set_tables(result.tables);
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static World world;
  if (size < 1 || size > 4096) return 0;
  const auto device = static_cast<DeviceIndex>(data[0] % 4);
  Packet* packet = world.pool.allocate(static_cast<std::uint16_t>(size - 1));
  std::memcpy(packet->data, data + 1, size - 1);
  world.engine.process(&packet, 1, device, world.now_us, world.sink);
  world.now_us += 20'000;
  world.engine.poll(world.now_us, world.sink);
  if (world.pool.live > 512) std::abort();  // more than may wait: one was lost
  return 0;
}

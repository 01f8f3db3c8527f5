// What the engine costs per packet, without devices: bursts of 32 frames over N flows from port to port, with
// security groups on both ends. Prints cycles per packet by TSC. A figure counts only if every frame came
// out.
#include <x86intrin.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "dataplane/flow/engine.h"
#include "dataplane/packet/build.h"
#include "dataplane/packet/bytes.h"
#include "dataplane/packet/headers.h"

namespace {

using namespace hanok::dataplane;

class NoPool final : public BufferPool {
 public:
  Packet* allocate(std::uint16_t) override { return nullptr; }
  void release(Packet* const*, unsigned count) override { released += count; }
  std::uint64_t released = 0;
};
class CountingOutput final : public Output {
 public:
  void transmit(DeviceIndex, Packet* const*, unsigned count) override { sent += count; }
  std::uint64_t sent = 0;
};

StateDocument state() {
  StateDocument out;
  out.node = NodeState{"n", std::nullopt};
  out.network["net"] = NetworkState{1500, {}, false, ""};
  out.subnet["sub"] = SubnetState{"net", "10.0.0.0/24", "10.0.0.1", false, {}, {}};
  RuleState in, egress;
  in.direction = "ingress", in.ethertype = "IPv4";
  egress.direction = "egress", egress.ethertype = "IPv4";
  out.security_group["g"] = SecurityGroupState{{in, egress}};
  PortState port;
  port.network = "net";
  port.host = "n";
  port.security_groups = {"g"};
  for (const char* last : {"a", "b"}) {
    port.mac = std::string("fa:16:3e:00:00:0") + last;
    port.addresses = {{"sub", last[0] == 'a' ? "10.0.0.10" : "10.0.0.11"}};
    port.device = DeviceState{"dpdk", last};
    out.port[last] = port;
  }
  return out;
}

constexpr unsigned kFrame = 60;
struct Buffer {
  std::uint8_t headroom[64];
  std::uint8_t bytes[64];
};

void write_frame(std::uint8_t* to, std::uint32_t flow) {
  const Ip a = Ip::v4(0x0a00000a), b = Ip::v4(0x0a00000b);
  std::memset(to, 0, kFrame);
  std::uint8_t* at = to;
  at +=
      write_ethernet(at, *parse_mac("fa:16:3e:00:00:0b"), *parse_mac("fa:16:3e:00:00:0a"), ethertype::kIpv4);
  at += write_ipv4(at, a, b, protocol::kUdp, kFrame - 34);
  store16(at, static_cast<std::uint16_t>(flow));
  store16(at + 2, static_cast<std::uint16_t>(1 + (flow >> 16U)));
  store16(at + 4, kFrame - 34);
}

bool measure(std::uint32_t flows) {
  NoPool pool;
  CountingOutput output;
  EngineOptions options;
  options.flow_capacity = flows * 4 + 1024;
  options.sessions_per_port = flows + 1024;
  Engine engine(pool, options);
  auto tables = Tables::empty()->apply(state()).tables;
  engine.set_tables(tables);
  const DeviceIndex in = tables->device_of_port("a");
  std::vector<Buffer> buffers(flows);
  for (std::uint32_t i = 0; i < flows; ++i) write_frame(buffers[i].bytes, i);
  std::uint64_t now_us = 1'000'000'000, offered = 0;
  const auto pass = [&](std::uint64_t packets) {
    Packet packet[kBurst];
    Packet* burst[kBurst];
    std::uint32_t flow = 0;
    const std::uint64_t start = __rdtsc();
    for (std::uint64_t done = 0; done < packets; done += kBurst) {
      for (unsigned i = 0; i < kBurst; ++i) {
        packet[i] = Packet{};
        packet[i].data = buffers[flow].bytes;
        packet[i].length = kFrame;
        packet[i].headroom = 64;
        burst[i] = &packet[i];
        flow = flow + 1 == flows ? 0 : flow + 1;
      }
      engine.process(burst, kBurst, in, ++now_us, output);
      offered += kBurst;
    }
    return static_cast<double>(__rdtsc() - start) / static_cast<double>(packets);
  };
  const double set_up = pass(std::uint64_t{(flows + kBurst - 1) / kBurst} * kBurst);
  double best = 1e9;
  for (int round = 0; round < 5; ++round) best = std::min(best, pass(4'000'000));
  const bool valid = output.sent == offered && pool.released == 0;
  std::printf("%8u flows: set-up %7.0f cycles, forwarding %6.1f cycles per packet%s\n", flows, set_up, best,
              valid ? "" : "  VOID: frames were lost");
  return valid;
}

}  // namespace

int main() {
  bool valid = true;
  for (const std::uint32_t flows : {1000U, 10000U, 100000U, 1000000U}) valid = measure(flows) && valid;
  return valid ? 0 : 1;
}

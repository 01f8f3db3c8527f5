// Any bytes as a guest's DHCP message (RFC 2131), in headers that are good: what packet_fuzzer finds only by
// luck. Bit 0 of the first byte: the guest has its address already and asks its server; else it asks
// everyone.
#include <vector>

#include "dataplane/packet/build.h"
#include "dataplane/packet/bytes.h"
#include "dataplane/packet/headers.h"
#include "tests/fuzz/engine_world.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hanok::dataplane;
  static fuzz::World world;
  if (size < 1 || size > 1400) return 0;
  const bool bound = (data[0] & 1U) != 0;
  const Ip from = Ip::v4(bound ? 0x0a00000a : 0);
  const Ip to = Ip::v4(bound ? 0x0a000001 : 0xffffffff);
  const Mac to_mac = bound ? Mac{{0xfa, 0x16, 0x3e, 0xff, 0, 1}} : Mac{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
  const auto udp_bytes = static_cast<std::uint16_t>(kUdpBytes + size - 1);
  std::vector<std::uint8_t> frame(kEthernetBytes + kIpv4Bytes + udp_bytes);
  std::uint8_t* at = frame.data();
  at += write_ethernet(at, to_mac, Mac{{0xfa, 0x16, 0x3e, 0, 0, 0x0a}}, ethertype::kIpv4);
  at += write_ipv4(at, from, to, protocol::kUdp, udp_bytes);
  store16(at, 68);
  store16(at + 2, 67);
  store16(at + 4, udp_bytes);
  if (size > 1) std::memcpy(at + kUdpBytes, data + 1, size - 1);
  store16(at + 6, l4_checksum(from, to, protocol::kUdp, at, udp_bytes));
  world.run(frame, world.guest());
  return 0;
}

// Any bytes as what a UDP datagram to the VXLAN port carries (RFC 7348): the VXLAN header and the inner
// frame, in outer headers that are good. The first byte: who sends (bit 0: a host that the state knows).
#include <vector>

#include "dataplane/packet/build.h"
#include "dataplane/packet/bytes.h"
#include "dataplane/packet/headers.h"
#include "tests/fuzz/engine_world.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hanok::dataplane;
  static fuzz::World world;
  if (size < 1 || size > 4096) return 0;
  const Ip from = Ip::v4((data[0] & 1U) != 0 ? 0xc0000202 : 0xc0000263);
  const auto udp_bytes = static_cast<std::uint16_t>(kUdpBytes + size - 1);
  std::vector<std::uint8_t> frame(kEthernetBytes + kIpv4Bytes + udp_bytes);
  std::uint8_t* at = frame.data();
  at += write_ethernet(at, Mac{{2, 0, 0, 0, 0, 1}}, Mac{{2, 0, 0, 0, 0, 0x99}}, ethertype::kIpv4);
  at += write_ipv4(at, from, Ip::v4(0xc0000201), protocol::kUdp, udp_bytes);
  store16(at, 50000);
  store16(at + 2, kVxlanPort);
  store16(at + 4, udp_bytes);  // no checksum, as senders of VXLAN do
  if (size > 1) std::memcpy(at + kUdpBytes, data + 1, size - 1);
  world.run(frame, world.uplink());
  return 0;
}

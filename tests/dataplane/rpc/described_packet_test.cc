#include "dataplane/rpc/described_packet.h"

#include <gtest/gtest.h>

namespace hanok::dataplane::rpc {
namespace {

using Bytes = std::vector<std::uint8_t>;

Json description() {
  return {{"src_mac", "fa:16:3e:00:00:01"},
          {"dst_mac", "fa:16:3e:00:00:02"},
          {"src_ip", "10.0.0.1"},
          {"dst_ip", "10.0.0.2"},
          {"protocol", "udp"},
          {"src_port", 1000},
          {"dst_port", 53}};
}

std::string problem_path(const Json& packet) {
  const auto outcome = described_packet(packet);
  const auto* problem = std::get_if<Problem>(&outcome);
  return problem == nullptr ? "none" : problem->path;
}

TEST(DescribedPacket, UdpHasTheBytesOfTheStandard) {
  const auto outcome = described_packet(description());
  const Bytes expected = {0xfa, 0x16, 0x3e, 0,  0, 2, 0xfa, 0x16, 0x3e, 0,  0,    1,    0x08, 0,  // Ethernet
                          0x45, 0,    0,    28, 0, 1, 0,    0,    64,   17, 0x66, 0xce, 10,   0,
                          0,    1,    10,   0,  0, 2,               // RFC 791
                          0x03, 0xe8, 0,    53, 0, 8, 0xe7, 0xbe};  // RFC 768
  EXPECT_EQ(std::get<Bytes>(outcome), expected);
}

TEST(DescribedPacket, TakesIpv6AndHex) {
  Json six = description();
  six["src_ip"] = "2001:db8::1";
  six["dst_ip"] = "2001:db8::2";
  six["protocol"] = "tcp";
  const auto outcome = described_packet(six);
  EXPECT_EQ(std::get<Bytes>(outcome).size(), 14U + 40U + 20U);
  const auto raw = described_packet("00 01:ff");
  EXPECT_EQ(std::get<Bytes>(raw), (Bytes{0, 1, 0xff}));
}

TEST(DescribedPacket, NamesTheFieldThatIsWrong) {
  const auto with = [](const char* key, Json value) {
    Json out = description();
    out[key] = std::move(value);
    return out;
  };
  EXPECT_EQ(problem_path(with("src_mac", "fa:16:3e")), "/src_mac");
  EXPECT_EQ(problem_path(with("dst_ip", "10.0.0.256")), "/dst_ip");
  EXPECT_EQ(problem_path(with("dst_ip", "::1")), "/dst_ip");
  EXPECT_EQ(problem_path(with("protocol", "tpc")), "/protocol");
  EXPECT_EQ(problem_path(with("protocol", 256)), "/protocol");
  EXPECT_EQ(problem_path(with("dst_port", 65536)), "/dst_port");
  EXPECT_EQ(problem_path(with("dts_port", 1)), "/dts_port");
  for (const Json& not_a_frame : {Json("xyz"), Json("0"), Json(""), Json(5), Json(), Json::array()}) {
    EXPECT_EQ(problem_path(not_a_frame), "") << not_a_frame;
  }
}

}  // namespace
}  // namespace hanok::dataplane::rpc

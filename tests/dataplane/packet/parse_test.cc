// Each malformed kind has its name. A good frame is spoiled in one place; the table below is the list.
#include "dataplane/packet/parse.h"

#include <gtest/gtest.h>

#include "dataplane/packet/bytes.h"
#include "dataplane/packet/headers.h"
#include "tests/dataplane/flow/test_bed.h"

namespace hanok::dataplane::test {
namespace {

Bytes good(std::uint8_t protocol, bool v6 = false) {
  Frame frame;
  frame.to = mac("fa:16:3e:00:00:0b");
  frame.from = mac("fa:16:3e:00:00:0a");
  frame.source = ip(v6 ? "2001:db8::1" : "10.0.0.1");
  frame.destination = ip(v6 ? "2001:db8::2" : "10.0.0.2");
  frame.protocol = protocol;
  return frame.bytes();
}
Bytes tcp() {
  return good(protocol::kTcp);
}
Bytes udp() {
  return good(protocol::kUdp);
}
Bytes six() {
  return good(protocol::kUdp, true);
}
// Makes the IPv4 header checksum right again.
Bytes sealed(Bytes bytes) {
  store16(&bytes[24], 0);
  store16(&bytes[24], checksum(&bytes[14], (bytes[14] & std::size_t{15}) * 4));
  return bytes;
}
Bytes with(Bytes bytes, std::size_t at, std::uint8_t value) {
  bytes.at(at) = value;
  return bytes;
}
Bytes cut(Bytes bytes, std::size_t length) {
  bytes.resize(length);
  return bytes;
}
// IPv4 total length made to fit after a cut.
Bytes shortened(Bytes bytes, std::size_t length) {
  bytes.resize(length);
  store16(&bytes[16], static_cast<std::uint16_t>(length - 14));
  return sealed(bytes);
}

struct Case {
  DropReason reason;
  Bytes bytes;
};

TEST(Parse, NamesEachMalformedKind) {
  Bytes tag = udp();
  store16(&tag[12], ethertype::kVlan);
  Bytes request = arp(1, kBroadcast, mac("fa:16:3e:00:00:0a"), ip("10.0.0.1"), Mac{}, ip("10.0.0.2"));
  Bytes extension = with(six(), 20, protocol::kHopByHop);
  Bytes chain = good(protocol::kUdp, true);
  chain[20] = protocol::kHopByHop;
  chain.resize(54 + 80);
  store16(&chain[18], 80);
  for (std::size_t i = 54; i < chain.size(); i += 8) chain[i] = protocol::kDestination, chain[i + 1] = 0;
  Bytes late = chain;  // hop-by-hop options anywhere but first
  late[54] = protocol::kHopByHop;
  Bytes source_route = with(with(six(), 20, protocol::kRouting), 55, 0);
  source_route[56] = 0, source_route[57] = 1;
  Bytes odd = with(six(), 20, protocol::kFragment);  // a fragment with more to come, not of eights
  store16(&odd[56], 1);
  Bytes overlap = tcp();
  store16(&overlap[20], 1);
  Bytes beyond = udp();
  store16(&beyond[20], 0x1fff);
  const std::vector<Case> cases = {
      {DropReason::frame_too_short, cut(udp(), 13)},
      {DropReason::ethernet_bad_source, with(udp(), 6, 0x01)},
      {DropReason::vlan_truncated, cut(tag, 16)},
      {DropReason::ipv4_truncated, cut(udp(), 30)},
      {DropReason::ipv4_bad_version, with(udp(), 14, 0x65)},
      {DropReason::ipv4_bad_header_length, with(udp(), 14, 0x44)},
      {DropReason::ipv4_bad_header_length, with(udp(), 14, 0x4f)},
      {DropReason::ipv4_bad_total_length, sealed(with(udp(), 16, 9))},
      {DropReason::ipv4_bad_total_length, sealed(with(udp(), 17, 19))},
      {DropReason::ipv4_bad_checksum, with(udp(), 24, 0x77)},
      {DropReason::ipv4_bad_source, sealed(with(udp(), 26, 224))},
      {DropReason::ipv4_bad_source, sealed(with(udp(), 26, 127))},
      {DropReason::ipv4_bad_fragment, sealed(overlap)},
      {DropReason::ipv4_bad_fragment, sealed(beyond)},
      {DropReason::ipv6_truncated, cut(six(), 50)},
      {DropReason::ipv6_bad_version, with(six(), 14, 0x40)},
      {DropReason::ipv6_bad_length, with(six(), 19, 200)},
      {DropReason::ipv6_bad_source, with(six(), 22, 0xff)},
      {DropReason::ipv6_bad_extension, with(extension, 55, 9)},
      {DropReason::ipv6_too_many_extensions, chain},
      {DropReason::ipv6_bad_extension, late},
      {DropReason::ipv6_bad_extension, source_route},
      {DropReason::ipv6_bad_fragment, odd},
      {DropReason::tcp_truncated, shortened(tcp(), 14 + 20 + 19)},
      {DropReason::tcp_bad_header_length, with(tcp(), 46, 0x40)},
      {DropReason::tcp_bad_header_length, with(tcp(), 46, 0xf0)},
      {DropReason::tcp_bad_flags, with(tcp(), 47, 0x03)},
      {DropReason::tcp_bad_flags, with(tcp(), 47, 0x00)},
      {DropReason::tcp_bad_flags, with(tcp(), 47, 0x29)},
      {DropReason::udp_truncated, shortened(udp(), 14 + 20 + 7)},
      {DropReason::udp_bad_length, with(udp(), 39, 7)},
      {DropReason::udp_bad_length, with(udp(), 38, 9)},
      {DropReason::icmp_truncated, shortened(good(protocol::kIcmp), 14 + 20 + 7)},
      {DropReason::arp_truncated, cut(request, 41)},
      {DropReason::arp_bad_format, with(request, 18, 7)},
      {DropReason::arp_bad_format, with(request, 21, 3)},
  };
  for (const Case& each : cases) {
    Parsed out;
    const auto drop = parse_frame(each.bytes.data(), static_cast<std::uint16_t>(each.bytes.size()), out);
    ASSERT_TRUE(drop.has_value()) << to_string(each.reason);
    EXPECT_EQ(to_string(*drop), to_string(each.reason));
  }
}

TEST(Parse, FindsThePartsOfAGoodFrame) {
  for (const auto& bytes : {tcp(), udp(), six(), good(protocol::kIcmp)}) {
    Parsed out;
    EXPECT_FALSE(parse_frame(bytes.data(), static_cast<std::uint16_t>(bytes.size()), out).has_value());
    EXPECT_EQ(out.l3_end, bytes.size());
    EXPECT_EQ(out.ttl, 64);
    EXPECT_EQ(out.l4_offset, out.l3 == L3::kIpv6 ? 54 : 34);
  }
}

TEST(Parse, ReadsNothingBeyondAnyCut) {
  for (const auto& bytes : {tcp(), udp(), six(), good(protocol::kIcmp6, true)}) {
    for (std::size_t length = 0; length < bytes.size(); ++length) {
      // On the heap, to the byte: an address sanitizer sees one byte too many.
      const Bytes part(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(length));
      Parsed out;
      EXPECT_TRUE(parse_frame(part.data(), static_cast<std::uint16_t>(length), out).has_value() ||
                  out.l3 == L3::kOther);
    }
  }
}

TEST(Checksum, IncrementalUpdateEqualsAWholeOne) {
  Bytes data(40);
  std::uint32_t state = 1;
  for (int round = 0; round < 1000; ++round) {
    for (auto& byte : data) byte = static_cast<std::uint8_t>((state = state * 1664525U + 1013904223U) >> 24U);
    store16(&data[10], 0);
    store16(&data[10], checksum(data.data(), data.size()));
    const std::uint32_t before = load32(&data[12]), after = state;
    store32(&data[12], after);
    apply_delta(&data[10], delta32(before, after));
    EXPECT_EQ(fold(sum_bytes(data.data(), data.size())), 0xffff);
  }
}

TEST(Address, ReadsAndWrites) {
  EXPECT_EQ(to_string(*parse_ip("10.0.0.1")), "10.0.0.1");
  EXPECT_EQ(to_string(*parse_ip("2001:db8::1")), "2001:db8::1");
  EXPECT_EQ(to_string(*parse_mac("FA:16:3e:00:00:01")), "fa:16:3e:00:00:01");
  for (const char* bad : {"10.0.0", "10.0.0.256", "", "::g"}) EXPECT_FALSE(parse_ip(bad)) << bad;
  for (const char* bad : {"fa:16:3e:00:00", "fa-16-3e-00-00-01", "fa:16:3e:00:00:0g"})
    EXPECT_FALSE(parse_mac(bad)) << bad;
  EXPECT_TRUE(parse_prefix("10.0.0.9/8")->contains(ip("10.255.0.1")));
  EXPECT_FALSE(parse_prefix("10.0.0.0/9")->contains(ip("10.128.0.1")));
  EXPECT_TRUE(parse_prefix("::/0")->contains(ip("2001:db8::1")));
  EXPECT_FALSE(parse_prefix("::/0")->contains(ip("10.0.0.1")));
  EXPECT_EQ(to_string(parse_prefix("10.0.0.0/24")->last_v4()), "10.0.0.255");
  EXPECT_EQ(to_string(link_local_of(mac("fa:16:3e:00:00:01"))), "fe80::f816:3eff:fe00:1");
}

}  // namespace
}  // namespace hanok::dataplane::test

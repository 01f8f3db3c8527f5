#include "dataplane/flow/ownership.h"

#include "tests/dataplane/flow/test_bed.h"

namespace hanok::dataplane::test {
namespace {

constexpr unsigned kWorkers = 3;
constexpr const char* kGuest = "fa:16:3e:00:00:0a";
constexpr const char* kRouter = "fa:16:3e:ff:00:01";

class OwnershipTest : public ::testing::Test {
 protected:
  static Frame frame(const char* source, const char* destination, std::uint8_t protocol = protocol::kUdp) {
    Frame out;
    out.to = mac(kRouter);
    out.from = mac(kGuest);
    out.source = ip(source);
    out.destination = ip(destination);
    out.protocol = protocol;
    return out;
  }
  std::optional<unsigned> owner(const Bytes& bytes, bool from_uplink = false) {
    return owner_of({bytes.data(), static_cast<std::uint16_t>(bytes.size()), 1, from_uplink, ip("192.0.2.1")},
                    ownership, fragments, 1'000'000);
  }
  std::optional<unsigned> owner(const Frame& one) { return owner(one.bytes()); }
  void forward(std::uint16_t external_port, std::uint16_t inside_port) {
    auto ports = std::make_shared<ForwardedPorts>();
    ports->set(protocol::kTcp, external_port, true);
    ports->set(protocol::kTcp, inside_port, true);
    ownership.set_forwarded(ports);
  }
  // An error about `about`, from the host that got it.
  static Frame error_about(const Bytes& about) {
    Frame out = frame("10.0.0.12", "10.0.0.10", protocol::kIcmp);
    out.icmp_type = icmp::kUnreachable;
    out.identifier = 0;
    out.payload.assign(about.begin() + 14, about.end());
    return out;
  }

  Ownership ownership{42, kWorkers};
  FragmentTable fragments{42};
};

TEST_F(OwnershipTest, BothDirectionsHaveOneOwnerAndConnectionsAreSpread) {
  std::map<unsigned, int> of;
  for (std::uint16_t port = 30000; port < 30300; ++port) {
    Frame there = frame("10.0.0.10", "10.0.0.11");
    there.source_port = port;
    Frame back = frame("10.0.0.11", "10.0.0.10");
    back.source_port = there.destination_port;
    back.destination_port = port;
    const auto whose = owner(there);
    ASSERT_TRUE(whose && *whose < kWorkers);
    EXPECT_EQ(whose, owner(back));
    ++of[*whose];
  }
  for (unsigned worker = 0; worker < kWorkers; ++worker) EXPECT_GT(of[worker], 50) << worker;
}

TEST_F(OwnershipTest, AddressesDoNotMatter) {  // floating IPs change them
  EXPECT_EQ(owner(frame("10.0.0.10", "9.9.9.9")), owner(frame("203.0.113.20", "9.9.9.9")));
}

TEST_F(OwnershipTest, OptionsTagsAndVersionsOfIpDoNotMatter) {
  const Frame plain = frame("10.0.0.10", "10.0.0.11");
  Frame tagged = plain;
  tagged.vlan = 7;
  EXPECT_EQ(owner(tagged.bytes(), true), owner(plain));
  EXPECT_EQ(owner(frame("fd00::10", "fd00::11")), owner(plain));
  Bytes with_options = plain.bytes();
  with_options.insert(with_options.begin() + 34, {1, 1, 1, 1});
  with_options[14] = 0x46;
  store16(&with_options[16], static_cast<std::uint16_t>(load16(&with_options[16]) + 4));
  store16(&with_options[24], 0);
  store16(&with_options[24], checksum(&with_options[14], 24));
  EXPECT_EQ(owner(with_options), owner(plain));
}

TEST_F(OwnershipTest, ForwardedPortsHaveOneOwnerOnBothSides) {
  unsigned apart = 0;
  for (std::uint16_t client = 40000; client < 40050; ++client) {
    Frame outside = frame("9.9.9.9", "203.0.113.20", protocol::kTcp), inside = outside;
    outside.source_port = inside.source_port = client;
    const auto external_port = static_cast<std::uint16_t>(client - 38000);
    outside.destination_port = external_port;
    inside.destination = ip("10.0.0.10");
    inside.destination_port = 22;
    ownership.set_forwarded(nullptr);
    apart += owner(outside) != owner(inside) ? 1 : 0;
    forward(external_port, 22);
    EXPECT_EQ(owner(outside), owner(inside));
  }
  EXPECT_GT(apart, 0U) << "nothing was tested";
}

// Of translations: a port of the same part has the same owner, whatever it talks to, and also where a
// forwarding comes or goes at the other end.
TEST_F(OwnershipTest, PortsOfOnePartAreInterchangeable) {
  std::uint16_t other = 20001;
  while (ownership.part(protocol::kTcp, other) != ownership.part(protocol::kTcp, 20000)) ++other;
  for (int forwarded = 0; forwarded < 2; ++forwarded) {
    for (const std::uint16_t remote : {std::uint16_t{22}, std::uint16_t{443}, std::uint16_t{9}})
      EXPECT_EQ(ownership.owner(protocol::kTcp, 20000, remote),
                ownership.owner(protocol::kTcp, remote, other));
    forward(22, 443);
  }
}

TEST_F(OwnershipTest, EchoGoesByItsIdentifier) {
  std::set<unsigned> seen;
  for (std::uint16_t identifier = 1; identifier < 60; ++identifier) {
    Frame request = frame("10.0.0.10", "10.0.0.11", protocol::kIcmp);
    request.identifier = identifier;
    Frame reply = frame("10.0.0.11", "10.0.0.10", protocol::kIcmp);
    reply.identifier = identifier;
    reply.icmp_type = icmp::kEchoReply;
    EXPECT_EQ(owner(request), owner(reply));
    seen.insert(owner(request).value());
  }
  EXPECT_EQ(seen.size(), kWorkers);
}

TEST_F(OwnershipTest, AnErrorBelongsToWhatItTellsOf) {
  for (std::uint16_t port = 30000; port < 30020; ++port) {
    for (const std::uint8_t protocol : {protocol::kUdp, protocol::kTcp, protocol::kIcmp}) {
      Frame told_of = frame("10.0.0.10", "10.0.0.12", protocol);
      told_of.source_port = told_of.identifier = port;
      EXPECT_EQ(owner(error_about(told_of.bytes())), owner(told_of));
    }
  }
}

TEST_F(OwnershipTest, LaterFragmentsFollowTheFirst) {
  const auto fragment = [](Frame whole, unsigned offset, bool more, std::uint16_t id) {
    if (offset != 0) whole.protocol = 253, whole.payload.assign(16, 'x');  // no L4 header
    Bytes out = whole.bytes();
    out[23] = protocol::kUdp;
    store16(&out[18], id);
    store16(&out[20], static_cast<std::uint16_t>((more ? 0x2000U : 0U) | offset / 8));
    store16(&out[24], 0);
    store16(&out[24], checksum(&out[14], 20));
    return out;
  };
  for (std::uint16_t id = 1; id < 20; ++id) {
    Frame whole = frame("10.0.0.10", "10.0.0.12");
    whole.source_port = static_cast<std::uint16_t>(30000 + id);
    whole.payload.assign(16, 'x');  // UDP header and this: 24 bytes
    EXPECT_EQ(owner(fragment(whole, 24, false, id)), std::nullopt) << "its first one was not seen";
    EXPECT_EQ(owner(fragment(whole, 0, true, id)), owner(whole));
    EXPECT_EQ(owner(fragment(whole, 24, false, id)), owner(whole));
  }
}

TEST_F(OwnershipTest, VxlanGoesByWhatIsInside) {
  for (std::uint16_t port = 30000; port < 30020; ++port) {
    Frame inner = frame("10.0.0.10", "10.0.0.11");
    inner.source_port = port;
    Frame outer = frame("192.0.2.2", "192.0.2.1");
    outer.destination_port = 4789;
    outer.payload = {8, 0, 0, 0, 0, 0, 100, 0};
    const Bytes bytes = inner.bytes();
    outer.payload.insert(outer.payload.end(), bytes.begin(), bytes.end());
    EXPECT_EQ(owner(outer.bytes(), true), owner(inner));
    EXPECT_EQ(owner(outer.bytes(), false), ownership.owner(protocol::kUdp, 10000, 4789)) << "a guest's own";
  }
}

TEST_F(OwnershipTest, WhatIsNoConnectionIsAnyones) {
  EXPECT_EQ(owner(arp(1, mac("ff:ff:ff:ff:ff:ff"), mac(kGuest), ip("10.0.0.10"), Mac{}, ip("10.0.0.1"))),
            std::nullopt);
  Frame to_all = frame("10.0.0.10", "10.0.0.255");
  to_all.to = mac("ff:ff:ff:ff:ff:ff");
  EXPECT_EQ(owner(to_all), std::nullopt);
  Frame solicitation = frame("fe80::1", "fe80::2", protocol::kIcmp6);
  solicitation.icmp_type = icmp6::kNeighbourSolicit;
  EXPECT_EQ(owner(solicitation), std::nullopt);
  Bytes cut = frame("10.0.0.10", "10.0.0.11").bytes();
  cut.resize(30);
  EXPECT_EQ(owner(cut), std::nullopt);
  EXPECT_EQ(owner(Bytes(5, 0)), std::nullopt);
}

}  // namespace
}  // namespace hanok::dataplane::test

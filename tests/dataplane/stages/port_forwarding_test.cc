// Ports of a floating IP that go to guests, from outside and from inside.
#include "tests/dataplane/stages/nat_bed.h"

namespace hanok::dataplane::test {
namespace {

class PortForwarding : public NatBed {};

TEST_F(PortForwarding, ForwardsAPortAndNoOther) {
  forward({{"tcp", 2222, "a", "10.0.0.10", 22}, {"tcp", 2223, "r", "10.1.0.10", 22}});
  Frame frame = from_outside("203.0.113.20");
  frame.destination_port = 2222;
  for (int i = 0; i < 2; ++i) {
    const Bytes in = one(send("ext", frame), "a");
    EXPECT_EQ(to_string(parsed(in).ip_source), "9.9.9.9");
    EXPECT_EQ(to_string(parsed(in).ip_destination), "10.0.0.10");
    EXPECT_EQ(parsed(in).destination_port, 22);
    const Bytes back = one(send("a", answer_to(in, kBlueMac)), "ext");
    EXPECT_EQ(to_string(parsed(back).ip_source), "203.0.113.20");
    EXPECT_EQ(parsed(back).source_port, 2222);
    EXPECT_EQ(parsed(back).destination, mac(kOutsideMac));
  }
  EXPECT_EQ(engine->counters().connections.read(), 1U);
  EXPECT_EQ(engine->counters().flow_hits.read(), 2U);
  frame.destination_port = 2223;
  EXPECT_EQ(to_string(parsed(one(send("ext", frame), "r")).ip_destination), "10.1.0.10");
  frame.destination_port = 2224;
  send("ext", frame, {{"ext no_port_forwarding", 1}});
  frame.destination_port = 2222;
  frame.protocol = protocol::kUdp;
  send("ext", frame, {{"ext no_port_forwarding", 1}});
  // What the guest begins itself goes by source NAT, from the same port even.
  Frame own = from_guest("10.0.0.10", "8.8.8.8");
  own.source_port = 22;
  EXPECT_EQ(to_string(parsed(one(send("a", own), "ext")).ip_source), "203.0.113.10");
  // The address is answered for on the outside.
  const Mac asker = mac(kOutsideMac);
  EXPECT_EQ(one(send("ext", arp(1, kBroadcast, asker, ip("203.0.113.1"), Mac{}, ip("203.0.113.20"))), "ext"),
            arp(2, asker, mac(kGatewayMac), ip("203.0.113.20"), asker, ip("203.0.113.1")));
}

TEST_F(PortForwarding, ForwardingThatIsTakenAwayStopsItsFlows) {
  forward({{"tcp", 2222, "a", "10.0.0.10", 22}, {"udp", 2222, "b", "10.0.0.11", 53}});
  Frame frame = from_outside("203.0.113.20");
  frame.destination_port = 2222;
  const Bytes in = one(send("ext", frame), "a");
  Frame datagram = from_outside("203.0.113.20", protocol::kUdp);
  datagram.destination_port = 2222;
  EXPECT_EQ(parsed(one(send("ext", datagram), "b")).destination_port, 53);
  forward({{"udp", 2222, "b", "10.0.0.11", 53}});
  send("ext", frame, {{"ext no_port_forwarding", 1}});
  EXPECT_EQ(to_string(parsed(one(send("a", answer_to(in, kBlueMac)), "ext")).ip_source), "203.0.113.10");
  EXPECT_EQ(parsed(one(send("ext", datagram), "b")).destination_port, 53);
}

TEST_F(PortForwarding, GuestReachesAForwardedPort) {
  forward({{"tcp", 2222, "a", "10.0.0.10", 22}});
  for (const char* source : {"10.1.0.10", "10.0.0.11", "10.0.0.10"}) {
    const char* device_id = source == std::string("10.1.0.10")   ? "r"
                            : source == std::string("10.0.0.11") ? "b"
                                                                 : "a";
    Frame frame = from_guest(source, "203.0.113.20");
    frame.destination_port = 2222;
    for (int i = 0; i < 2; ++i) {
      const Bytes in = one(send(device_id, frame), "a");
      EXPECT_EQ(to_string(parsed(in).ip_source), "203.0.113.10");
      EXPECT_EQ(parsed(in).destination_port, 22);
      const Bytes back = one(send("a", answer_to(in, kBlueMac)), device_id);
      EXPECT_EQ(to_string(parsed(back).ip_source), "203.0.113.20");
      EXPECT_EQ(to_string(parsed(back).ip_destination), source);
      EXPECT_EQ(parsed(back).source_port, 2222);
      EXPECT_EQ(parsed(back).destination_port, 10000);
    }
  }
}

TEST_F(PortForwarding, ErrorsOfForwardedConnectionsAreTranslatedBothWays) {
  forward({{"udp", 5353, "a", "10.0.0.10", 53}});
  Frame frame = from_outside("203.0.113.20", protocol::kUdp);
  frame.destination_port = 5353;
  const Bytes in = one(send("ext", frame), "a");
  const Bytes told = one(send("a", error_about(in, kBlueMac)), "ext");
  EXPECT_EQ(to_string(parsed(told).ip_source), "203.0.113.20");
  EXPECT_EQ(to_string(quotation(told).ip_destination), "203.0.113.20");
  EXPECT_EQ(quotation(told).destination_port, 5353);
  const Bytes back = one(send("a", answer_to(in, kBlueMac)), "ext");
  const Bytes heard = one(send("ext", error_about(back, kGatewayMac)), "a");
  EXPECT_EQ(to_string(parsed(heard).ip_destination), "10.0.0.10");
  EXPECT_EQ(to_string(quotation(heard).ip_source), "10.0.0.10");
  EXPECT_EQ(quotation(heard).source_port, 53);
}

TEST_F(PortForwarding, WrongForwardingsAreRefusedWithAPath) {
  const auto refused = [&](PortForwardingState forward, const std::optional<std::string>& whole = {}) {
    StateDocument change;
    change.floating_ip["f"] =
        FloatingIpState{"r", whole, std::nullopt, "public", "203.0.113.20", {forward, forward}};
    return tables->apply(change).error.path;
  };
  const PortForwardingState good{"tcp", 80, "a", "10.0.0.10", 8080};
  PortForwardingState bad = good;
  EXPECT_EQ(refused(good), "/floating_ip/f/port_forwardings/1/external_port");
  EXPECT_EQ(refused(good, "a"), "/floating_ip/f/port_forwardings");
  bad.protocol = "icmp";
  EXPECT_EQ(refused(bad), "/floating_ip/f/port_forwardings/0/protocol");
  bad = good, bad.external_port = 65536;
  EXPECT_EQ(refused(bad), "/floating_ip/f/port_forwardings/0/external_port");
  bad = good, bad.internal_port = 0;
  EXPECT_EQ(refused(bad), "/floating_ip/f/port_forwardings/0/internal_port");
  bad = good, bad.internal_ip = "fe80::1";
  EXPECT_EQ(refused(bad), "/floating_ip/f/port_forwardings/0/internal_ip");
}

TEST_F(PortForwarding, FragmentsOfAForwardedPortFollowToo) {
  forward({{"udp", 5353, "a", "10.0.0.10", 53}});
  Frame frame = from_outside("203.0.113.20", protocol::kUdp);
  frame.destination_port = 5353;
  frame.payload.assign(2500, 'x');
  const auto [first, second] = cut(frame.bytes(), 1400);
  send("ext", second, {{"ext fragment_no_first", 1}});
  const Bytes begin = one(send("ext", first), "a");
  const Bytes in = join(begin, one(send("ext", second), "a"));
  EXPECT_EQ(parsed(in).destination_port, 53);
  now_us += 31'000'000;
  send("ext", second, {{"ext fragment_no_first", 1}});
}

}  // namespace
}  // namespace hanok::dataplane::test

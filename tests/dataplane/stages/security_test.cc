// Port security and security groups, as a guest and its peers meet them.
#include "tests/dataplane/flow/test_bed.h"

namespace hanok::dataplane::test {
namespace {

class Security : public TestBed {
 protected:
  void SetUp() override {
    StateDocument state = base();
    state.security_group["web"] =
        SecurityGroupState{{rule("egress"), rule("ingress", "tcp", 80, 80, "10.0.0.0/24"),
                            rule("ingress", "icmp", 8, 0), rule("ingress", "udp", 53, 53, {}, "friends")}};
    state.security_group["friends"] = SecurityGroupState{{rule("egress")}};
    state.security_group["none"] = SecurityGroupState{};
    state.port["a"] = port("blue", "fa:16:3e:00:00:0a", "blue4", "10.0.0.10", "out");
    state.port["b"] = port("blue", "fa:16:3e:00:00:0b", "blue4", "10.0.0.11", "web");
    state.port["f"] = port("blue", "fa:16:3e:00:00:0f", "blue4", "10.0.0.15", "friends");
    state.port["n"] = port("blue", "fa:16:3e:00:00:0e", "blue4", "10.0.0.14", "none");
    apply(state);
  }
  static Frame a_to_b(std::uint8_t protocol, std::uint16_t port_number, std::uint8_t flags = tcp_flag::kSyn) {
    Frame frame;
    frame.to = mac("fa:16:3e:00:00:0b");
    frame.from = mac("fa:16:3e:00:00:0a");
    frame.source = ip("10.0.0.10");
    frame.destination = ip("10.0.0.11");
    frame.protocol = protocol;
    frame.destination_port = port_number;
    frame.flags = flags;
    return frame;
  }
  static Frame back(Frame frame, std::uint8_t flags) {
    std::swap(frame.to, frame.from);
    std::swap(frame.source, frame.destination);
    std::swap(frame.source_port, frame.destination_port);
    frame.flags = flags;
    return frame;
  }
  std::string state_of_only_flow() {
    const auto flows = engine->flows(kNoDevice, 10, now_us);
    return flows.empty() ? "none" : flows[0].state;
  }
};

TEST_F(Security, RefusesWhatNoRuleAllows) {
  send("a", a_to_b(protocol::kTcp, 81), {{"b security_group_ingress", 1}});
  send("a", a_to_b(protocol::kUdp, 53), {{"b security_group_ingress", 1}});
  Frame frame = a_to_b(protocol::kUdp, 53);
  frame.from = mac("fa:16:3e:00:00:0e");
  frame.source = ip("10.0.0.14");
  send("n", frame, {{"n security_group_egress", 1}});
}

TEST_F(Security, FollowsATcpConnectionThroughTimeWait) {
  const auto syn = a_to_b(protocol::kTcp, 80);
  EXPECT_EQ(send("a", syn).size(), 1U);
  EXPECT_EQ(state_of_only_flow(), "syn_seen");
  EXPECT_EQ(send("b", back(syn, tcp_flag::kSyn | tcp_flag::kAck)).size(), 1U);
  EXPECT_EQ(state_of_only_flow(), "syn_ack_seen");
  EXPECT_EQ(send("a", a_to_b(protocol::kTcp, 80, tcp_flag::kAck)).size(), 1U);
  EXPECT_EQ(state_of_only_flow(), "established");
  send("a", a_to_b(protocol::kTcp, 80, tcp_flag::kFin | tcp_flag::kAck));
  EXPECT_EQ(state_of_only_flow(), "closing");
  send("b", back(syn, tcp_flag::kFin | tcp_flag::kAck));
  EXPECT_EQ(state_of_only_flow(), "time_wait");
  send("a", a_to_b(protocol::kTcp, 80, tcp_flag::kAck));
  EXPECT_EQ(state_of_only_flow(), "time_wait");
  // The same ports again.
  send("a", syn);
  EXPECT_EQ(state_of_only_flow(), "syn_seen");
  send("b", back(syn, tcp_flag::kRst));
  EXPECT_EQ(state_of_only_flow(), "closed");
}

TEST_F(Security, ForgetsAClosedConnection) {
  const auto syn = a_to_b(protocol::kTcp, 80);
  send("a", syn);
  poll();
  send("b", back(syn, tcp_flag::kRst | tcp_flag::kAck));
  for (int i = 0; i < 60; ++i) {
    now_us += 1U << 20U;
    poll();
  }
  EXPECT_EQ(engine->counters().connections.read(), 0U);
  EXPECT_EQ(engine->counters().flow_records.read(), 0U);
  EXPECT_EQ(engine->counters().flows_expired.read(), 1U);
}

TEST_F(Security, KeepsAUsedConnectionAndEndsAnIdleOne) {
  const auto frame = a_to_b(protocol::kIcmp, 0);
  send("a", frame);
  for (int i = 0; i < 300; ++i) {
    now_us += 1U << 20U;
    poll();
    if (i % 20 == 0) send("a", frame);
  }
  EXPECT_EQ(engine->counters().connections.read(), 1U);
  for (int i = 0; i < 120; ++i) {
    now_us += 1U << 20U;
    poll();
  }
  EXPECT_EQ(engine->counters().connections.read(), 0U);
}

TEST_F(Security, AnswersPassTheOtherWayAndOnlyThey) {
  const auto syn = a_to_b(protocol::kTcp, 80);
  send("a", syn);
  EXPECT_EQ(send("b", back(syn, tcp_flag::kSyn | tcp_flag::kAck)).size(), 1U);
  // B begins towards A, who takes nothing new.
  Frame own = back(a_to_b(protocol::kTcp, 80), tcp_flag::kSyn);
  own.source_port = 5555;
  send("b", own, {{"a security_group_ingress", 1}});
  Frame stray = back(a_to_b(protocol::kTcp, 80), tcp_flag::kSyn | tcp_flag::kAck);
  stray.destination_port = 9;
  send("b", stray, {{"b tcp_no_connection", 1}});
}

TEST_F(Security, EchoIsAnsweredAndOtherIcmpRefused) {
  Frame ping = a_to_b(protocol::kIcmp, 0);
  EXPECT_EQ(send("a", ping).size(), 1U);
  Frame pong = back(ping, 0);
  pong.icmp_type = icmp::kEchoReply;
  EXPECT_EQ(send("b", pong).size(), 1U);
  EXPECT_EQ(send("b", pong).size(), 1U);
  ping.icmp_type = icmp::kTimestamp;
  send("a", ping, {{"b security_group_ingress", 1}});
}

TEST_F(Security, EchoRequestIsNoAnswerToAnother) {
  Frame frame = a_to_b(protocol::kIcmp, 0);
  EXPECT_EQ(send("a", frame).size(), 1U);
  Frame other_way = back(frame, 0);  // with the identifier that A has asked with
  send("b", other_way, {{"a security_group_ingress", 1}});
  other_way.icmp_type = icmp::kEchoReply;
  EXPECT_EQ(send("b", other_way).size(), 1U);
  EXPECT_EQ(send("a", frame).size(), 1U);
}

TEST_F(Security, RemovedRuleStopsAnEstablishedConnection) {
  const auto syn = a_to_b(protocol::kTcp, 80);
  send("a", syn);
  send("b", back(syn, tcp_flag::kSyn | tcp_flag::kAck));
  send("a", a_to_b(protocol::kTcp, 80, tcp_flag::kAck));
  StateDocument change;
  change.security_group["web"] = SecurityGroupState{{rule("egress")}};
  apply(change);
  send("a", a_to_b(protocol::kTcp, 80, tcp_flag::kAck), {{"b security_group_ingress", 1}});
  EXPECT_EQ(engine->counters().flows_recompiled.read(), 1U);
  send("b", back(syn, tcp_flag::kAck), {{"a security_group_ingress", 1}});
}

TEST_F(Security, ChangeThatStillAllowsKeepsTheConnection) {
  const auto syn = a_to_b(protocol::kTcp, 80);
  send("a", syn);
  send("b", back(syn, tcp_flag::kSyn | tcp_flag::kAck));
  send("a", a_to_b(protocol::kTcp, 80, tcp_flag::kAck));
  StateDocument change;
  change.security_group["web"] = SecurityGroupState{{rule("ingress", "tcp", 1, 100), rule("egress")}};
  apply(change);
  EXPECT_EQ(send("b", back(syn, tcp_flag::kAck)).size(), 1U);
  EXPECT_EQ(state_of_only_flow(), "established");
  EXPECT_EQ(engine->counters().connections.read(), 1U);
}

TEST_F(Security, RemoteGroupFollowsItsMembers) {
  Frame frame = a_to_b(protocol::kUdp, 53);
  frame.from = mac("fa:16:3e:00:00:0f");
  frame.source = ip("10.0.0.15");
  EXPECT_EQ(send("f", frame).size(), 1U);
  StateDocument change;
  change.port["f"] = port("blue", "fa:16:3e:00:00:0f", "blue4", "10.0.0.15", "out");
  apply(change);
  send("f", frame, {{"b security_group_ingress", 1}});
  change.port["f"] = port("blue", "fa:16:3e:00:00:0f", "blue4", "10.0.0.15", "friends");
  apply(change);
  EXPECT_EQ(send("f", frame).size(), 1U);
}

TEST_F(Security, IcmpErrorPassesOnlyForAConnection) {
  Frame query = a_to_b(protocol::kUdp, 9);
  StateDocument change;
  change.security_group["web"] = SecurityGroupState{{rule("egress"), rule("ingress", "udp", 9, 9)}};
  apply(change);
  send("a", query);
  const Bytes original = query.bytes();
  Frame error;
  error.to = mac("fa:16:3e:00:00:0a");
  error.from = mac("fa:16:3e:00:00:0b");
  error.source = ip("10.0.0.11");
  error.destination = ip("10.0.0.10");
  error.protocol = protocol::kIcmp;
  error.icmp_type = icmp::kUnreachable;
  error.icmp_code = icmp::kPortUnreachable;
  error.identifier = 0;
  error.payload.assign(original.begin() + 14, original.begin() + 14 + 28);
  EXPECT_EQ(send("b", error).size(), 1U);
  store16(&error.payload[22], 10);  // about a packet that was never sent
  send("b", error, {{"a icmp_error_unmatched", 1}});
}

TEST_F(Security, GuestMayNotSpoof) {
  Frame frame = a_to_b(protocol::kTcp, 80);
  frame.source = ip("10.0.0.99");
  send("a", frame, {{"a spoofed_ip", 1}});
  frame = a_to_b(protocol::kTcp, 80);
  frame.from = mac("fa:16:3e:00:00:99");
  send("a", frame, {{"a spoofed_mac", 1}});
  const Mac a = mac("fa:16:3e:00:00:0a");
  send("a", arp(2, kBroadcast, a, ip("10.0.0.1"), a, ip("10.0.0.1")), {{"a spoofed_arp", 1}});
  send("a", arp(1, kBroadcast, a, ip("10.0.0.1"), Mac{}, ip("10.0.0.11")), {{"a spoofed_arp", 1}});
  Bytes other(60, 0);
  write_ethernet(other.data(), kBroadcast, a, 0x88cc);
  send("a", other, {{"a ethertype_denied", 1}});
}

TEST_F(Security, GuestMayNotServeDhcpOrRoute) {
  Frame frame = a_to_b(protocol::kUdp, 68);
  frame.source_port = 67;
  send("a", frame, {{"a dhcp_server_guard", 1}});
  frame.protocol = protocol::kIcmp6;
  frame.source = link_local_of(frame.from);
  frame.destination = ip("ff02::1");
  frame.icmp_type = icmp6::kRouterAdvert;
  send("a", frame, {{"a ra_guard", 1}});
}

TEST_F(Security, AllowedAddressPairMaySend) {
  StateDocument change;
  PortState a = port("blue", "fa:16:3e:00:00:0a", "blue4", "10.0.0.10", "out");
  a.allowed_address_pairs = {{"10.0.0.64/28", std::nullopt}, {"10.0.0.99", "fa:16:3e:00:00:99"}};
  change.port["a"] = a;
  apply(change);
  Frame frame = a_to_b(protocol::kTcp, 80);
  frame.source = ip("10.0.0.70");
  EXPECT_EQ(send("a", frame).size(), 1U);
  frame.source = ip("10.0.0.80");
  send("a", frame, {{"a spoofed_ip", 1}});
  frame.source = ip("10.0.0.99");
  send("a", frame, {{"a spoofed_ip", 1}});
  frame.from = mac("fa:16:3e:00:00:99");
  EXPECT_EQ(send("a", frame).size(), 1U);
}

TEST_F(Security, PortWithoutPortSecurityIsNotJudged) {
  StateDocument change;
  PortState a = port("blue", "fa:16:3e:00:00:0a", "blue4", "10.0.0.10", nullptr);
  PortState b = port("blue", "fa:16:3e:00:00:0b", "blue4", "10.0.0.11", nullptr);
  a.port_security = b.port_security = false;
  change.port["a"] = a;
  change.port["b"] = b;
  apply(change);
  Frame frame = a_to_b(protocol::kTcp, 9999);
  frame.source = ip("10.0.0.99");
  EXPECT_EQ(send("a", frame).size(), 1U);
  Bytes other(60, 0);
  write_ethernet(other.data(), mac("fa:16:3e:00:00:0b"), mac("fa:16:3e:00:00:0a"), 0x1234);
  EXPECT_EQ(one(send("a", other), "b"), other);
}

TEST_F(Security, Ipv6IsJudgedByItsOwnRules) {
  StateDocument change;
  change.subnet["blue6"] = SubnetState{"blue", "2001:db8::/64", std::nullopt, false, {}, {}};
  PortState a = port("blue", "fa:16:3e:00:00:0a", "blue6", "2001:db8::a", "six");
  PortState b = port("blue", "fa:16:3e:00:00:0b", "blue6", "2001:db8::b", "six");
  change.security_group["six"] = SecurityGroupState{
      {rule("egress", {}, {}, {}, {}, {}, "IPv6"), rule("ingress", "tcp", 80, 80, {}, {}, "IPv6")}};
  change.port["a"] = a;
  change.port["b"] = b;
  apply(change);
  Frame frame = a_to_b(protocol::kTcp, 80);
  frame.source = ip("2001:db8::a");
  frame.destination = ip("2001:db8::b");
  EXPECT_EQ(one(send("a", frame), "b"), frame.bytes());
  EXPECT_EQ(one(send("a", frame), "b"), frame.bytes());
  EXPECT_EQ(send("b", back(frame, tcp_flag::kSyn | tcp_flag::kAck)).size(), 1U);
  frame.destination_port = 81;
  send("a", frame, {{"b security_group_ingress", 1}});
  // Neighbour solicitation for a known port is answered.
  Frame solicit = frame;
  solicit.to = mac("33:33:ff:00:00:0b");
  solicit.destination = ip("ff02::1:ff00:b");
  solicit.protocol = protocol::kIcmp6;
  solicit.icmp_type = icmp6::kNeighbourSolicit;
  solicit.identifier = 0;
  solicit.ttl = 255;
  const Ip target = ip("2001:db8::b");
  solicit.payload.assign(target.bytes.begin(), target.bytes.end());
  const Parsed advert = parsed(one(send("a", solicit), "a"));
  EXPECT_EQ(advert.icmp_type, icmp6::kNeighbourAdvert);
  EXPECT_EQ(advert.source, mac("fa:16:3e:00:00:0b"));
  solicit.ttl = 64;
  send("a", solicit, {{"a nd_malformed", 1}});
}

TEST_F(Security, LaterFragmentsFollowTheirFirst) {
  Frame first = a_to_b(protocol::kTcp, 80);
  Bytes bytes = first.bytes();
  const auto fragment = [&](std::uint16_t field) {
    Bytes out = bytes;
    store16(&out[20], field);
    store16(&out[18], 77);
    store16(&out[24], 0);
    store16(&out[24], checksum(&out[14], 20));
    return out;
  };
  send("a", fragment(0x0005), {{"a fragment_no_first", 1}});
  EXPECT_EQ(send("a", fragment(0x2000)).size(), 1U);
  EXPECT_EQ(send("a", fragment(0x0005)).size(), 1U);
}

TEST_F(Security, SessionQuotaOfOnePort) {
  EngineOptions options;
  options.sessions_per_port = 10;
  make_engine(options);
  for (std::uint16_t i = 0; i < 10; ++i) {
    Frame frame = a_to_b(protocol::kTcp, 80);
    frame.source_port = static_cast<std::uint16_t>(2000 + i);
    EXPECT_EQ(send("a", frame).size(), 1U);
  }
  send("a", a_to_b(protocol::kTcp, 80), {{"a session_quota", 1}});
  // The others' sessions, and what is established, go on.
  Frame old = a_to_b(protocol::kTcp, 80);
  old.source_port = 2003;
  EXPECT_EQ(send("a", old).size(), 1U);
}

TEST_F(Security, FullTableRefusesTheGreediest) {
  EngineOptions options;
  options.flow_capacity = 200;
  make_engine(options);
  Frame friendly = a_to_b(protocol::kUdp, 53);
  friendly.from = mac("fa:16:3e:00:00:0f");
  friendly.source = ip("10.0.0.15");
  send("f", friendly);
  int refused = 0;
  for (std::uint16_t i = 0; i < 300; ++i) {
    Frame frame = a_to_b(protocol::kTcp, 80);
    frame.source_port = static_cast<std::uint16_t>(2000 + i);
    const auto before = drops();
    Packet* packet = pool.allocate(static_cast<std::uint16_t>(frame.bytes().size()));
    const Bytes bytes = frame.bytes();
    std::memcpy(packet->data, bytes.data(), bytes.size());
    engine->process(&packet, 1, device("a"), now_us, *this);
    refused += difference(before, drops()).contains("a flow_table_full") ? 1 : 0;
  }
  EXPECT_GT(refused, 150);
  friendly.source_port = 4444;
  EXPECT_EQ(send("f", friendly).size(), 1U);
}

}  // namespace
}  // namespace hanok::dataplane::test

// Routers: between subnets, to the outside by source NAT and floating IPs, and what they say about what they
// drop.
#include "tests/dataplane/flow/test_bed.h"

namespace hanok::dataplane::test {
namespace {

class Routing : public TestBed {
 protected:
  void SetUp() override {
    StateDocument state = base();
    add_router(state);
    state.port["a"] = port("blue", "fa:16:3e:00:00:0a", "blue4", "10.0.0.10");
    state.port["r"] = port("red", "fa:16:3e:00:01:0a", "red4", "10.1.0.10");
    state.port["far"] = port("red", "fa:16:3e:00:01:0c", "red4", "10.1.0.12", "open", "node2");
    apply(state);
  }
  static Frame from_a(const char* destination, std::uint8_t protocol = protocol::kUdp) {
    Frame frame;
    frame.to = mac(kBlueMac);
    frame.from = mac("fa:16:3e:00:00:0a");
    frame.source = ip("10.0.0.10");
    frame.destination = ip(destination);
    frame.protocol = protocol;
    return frame;
  }
  static Frame from_outside(const char* source, const char* destination,
                            std::uint8_t protocol = protocol::kUdp) {
    Frame frame;
    frame.to = mac(kGatewayMac);
    frame.from = mac("02:00:00:00:77:01");
    frame.source = ip(source);
    frame.destination = ip(destination);
    frame.protocol = protocol;
    return frame;
  }
  void learn_outside() {
    send("ext",
         arp(2, mac(kGatewayMac), mac("02:00:00:00:77:01"), ip("203.0.113.1"), mac(kGatewayMac),
             ip("203.0.113.10")),
         {{"ext arp_consumed", 1}});
  }
  void add_floating_ip() {
    StateDocument change;
    change.floating_ip["f"] = FloatingIpState{"r", "a", "10.0.0.10", "public", "203.0.113.20", {}};
    apply(change);
  }
};

TEST_F(Routing, RoutesBetweenSubnetsOnThisHost) {
  Frame frame = from_a("10.1.0.10", protocol::kTcp);
  for (int i = 0; i < 2; ++i) {
    Frame expected = frame;
    expected.to = mac("fa:16:3e:00:01:0a");
    expected.from = mac(kRedMac);
    expected.ttl = 63;
    EXPECT_EQ(one(send("a", frame), "r"), expected.bytes());
  }
  EXPECT_EQ(engine->counters().flow_hits.read(), 1U);
}

TEST_F(Routing, RoutesToAnotherHostAndTakesItsAnswerInTheOtherNetwork) {
  learn_vtep();
  Frame frame = from_a("10.1.0.12", protocol::kTcp);
  Frame expected = frame;
  expected.to = mac("fa:16:3e:00:01:0c");
  expected.from = mac(kRedMac);
  expected.ttl = 63;
  EXPECT_EQ(out_of_vxlan(one(send("a", frame), "under"), 200), expected.bytes());
  // The other host routes too: the answer comes on blue.
  Frame answer;
  answer.to = mac("fa:16:3e:00:00:0a");
  answer.from = mac(kBlueMac);
  answer.source = ip("10.1.0.12");
  answer.destination = ip("10.0.0.10");
  answer.protocol = protocol::kTcp;
  answer.source_port = 2000;
  answer.destination_port = 10000;
  answer.flags = tcp_flag::kSyn | tcp_flag::kAck;
  EXPECT_EQ(one(send("under", in_vxlan(answer.bytes(), 100)), "a"), answer.bytes());
  EXPECT_EQ(engine->counters().connections.read(), 1U);
}

TEST_F(Routing, InterfaceAnswersArpAndEcho) {
  const Mac a = mac("fa:16:3e:00:00:0a");
  EXPECT_EQ(one(send("a", arp(1, kBroadcast, a, ip("10.0.0.10"), Mac{}, ip("10.0.0.1"))), "a"),
            arp(2, a, mac(kBlueMac), ip("10.0.0.1"), a, ip("10.0.0.10")));
  for (const char* address : {"10.0.0.1", "10.1.0.1", "203.0.113.10"}) {
    const Frame ping = from_a(address, protocol::kIcmp);
    const Bytes out = one(send("a", ping), "a");
    const Parsed pong = parsed(out);
    EXPECT_EQ(pong.icmp_type, icmp::kEchoReply);
    EXPECT_EQ(to_string(pong.ip_source), address);
    EXPECT_EQ(Bytes(out.end() - 5, out.end()), ping.payload);
  }
  send("a", from_a("10.0.0.1", protocol::kUdp), {{"a to_router_unserved", 1}});
}

TEST_F(Routing, SaysTimeExceededAndUnreachable) {
  Frame frame = from_a("10.1.0.10");
  frame.ttl = 1;
  const Bytes original = frame.bytes();
  const Bytes out = one(send("a", frame, {{"a ttl_exceeded", 1}}), "a");
  const Parsed error = parsed(out);
  EXPECT_EQ(error.icmp_type, icmp::kTimeExceeded);
  EXPECT_EQ(to_string(error.ip_source), "10.0.0.1");
  EXPECT_EQ(Bytes(out.begin() + 42, out.begin() + 62), Bytes(original.begin() + 14, original.begin() + 34));
  // The same flow with a record: the TTL is looked at all the same.
  frame.ttl = 64;
  send("a", frame);
  frame.ttl = 1;
  send("a", frame, {{"a ttl_exceeded", 1}});

  StateDocument change;
  RouterState router = tables->data().routers.named("r")->state;
  router.gateway.reset();
  change.router["r"] = router;
  apply(change);
  const Parsed unreachable = parsed(one(send("a", from_a("9.9.9.9"), {{"a no_route", 1}}), "a"));
  EXPECT_EQ(unreachable.icmp_type, icmp::kUnreachable);
}

TEST_F(Routing, FollowsExtraRoutesByTheLongestPrefix) {
  StateDocument change;
  RouterState router = tables->data().routers.named("r")->state;
  router.routes = {{"172.16.0.0/12", "10.1.0.10"}, {"172.16.5.0/24", "10.1.0.12"}};
  change.router["r"] = router;
  apply(change);
  learn_vtep();
  EXPECT_EQ(parsed(one(send("a", from_a("172.16.9.9")), "r")).destination, mac("fa:16:3e:00:01:0a"));
  send("a", from_a("172.16.5.9"));
  EXPECT_EQ(parsed(out_of_vxlan(sent.at(0).bytes, 200)).destination, mac("fa:16:3e:00:01:0c"));
}

TEST_F(Routing, TranslatesToTheOutsideAndBack) {
  // The next hop is asked for first; the frame waits.
  const Parsed request = parsed(one(send("a", from_a("9.9.9.9")), "ext"));
  EXPECT_EQ(request.l3, L3::kArp);
  EXPECT_EQ(request.source, mac(kGatewayMac));
  const auto released = send("ext",
                             arp(2, mac(kGatewayMac), mac("02:00:00:00:77:01"), ip("203.0.113.1"),
                                 mac(kGatewayMac), ip("203.0.113.10")),
                             {{"ext arp_consumed", 1}});
  const Parsed out = parsed(one(released, "ext"));
  EXPECT_EQ(to_string(out.ip_source), "203.0.113.10");
  EXPECT_EQ(out.source_port, 10000);  // kept where it is free
  EXPECT_EQ(out.ttl, 63);
  EXPECT_EQ(out.destination, mac("02:00:00:00:77:01"));
  Frame answer = from_outside("9.9.9.9", "203.0.113.10");
  answer.source_port = 2000;
  answer.destination_port = 10000;
  for (int i = 0; i < 2; ++i) {
    const Parsed in = parsed(one(send("ext", answer), "a"));
    EXPECT_EQ(to_string(in.ip_destination), "10.0.0.10");
    EXPECT_EQ(in.destination_port, 10000);
    EXPECT_EQ(in.source, mac(kBlueMac));
    EXPECT_EQ(in.ttl, 63);
  }
  EXPECT_EQ(engine->counters().connections.read(), 1U);
  answer.destination_port = 10001;
  send("ext", answer, {{"ext snat_no_binding", 1}});
}

TEST_F(Routing, TwoGuestsWithOnePortGetTwoOutside) {
  learn_outside();
  const Parsed first = parsed(one(send("a", from_a("9.9.9.9", protocol::kTcp)), "ext"));
  Frame other = from_a("9.9.9.9", protocol::kTcp);
  other.to = mac(kRedMac);
  other.from = mac("fa:16:3e:00:01:0a");
  other.source = ip("10.1.0.10");
  const Parsed second = parsed(one(send("r", other), "ext"));
  EXPECT_EQ(first.source_port, 10000);
  EXPECT_NE(second.source_port, 10000);
  Frame answer = from_outside("9.9.9.9", "203.0.113.10", protocol::kTcp);
  answer.flags = tcp_flag::kSyn | tcp_flag::kAck;
  answer.source_port = 2000;
  answer.destination_port = second.source_port;
  const Parsed in = parsed(one(send("ext", answer), "r"));
  EXPECT_EQ(to_string(in.ip_destination), "10.1.0.10");
  EXPECT_EQ(in.destination_port, 10000);
}

TEST_F(Routing, TranslatesEchoByIdentifier) {
  learn_outside();
  const Bytes out = one(send("a", from_a("9.9.9.9", protocol::kIcmp)), "ext");
  EXPECT_EQ(to_string(parsed(out).ip_source), "203.0.113.10");
  Frame pong = from_outside("9.9.9.9", "203.0.113.10", protocol::kIcmp);
  pong.icmp_type = icmp::kEchoReply;
  for (int i = 0; i < 2; ++i) {
    const Parsed in = parsed(one(send("ext", pong), "a"));
    EXPECT_EQ(to_string(in.ip_destination), "10.0.0.10");
    EXPECT_EQ(in.source_port, 77);
  }
}

TEST_F(Routing, SecondEchoWithTheSameIdentifierGetsAnother) {
  learn_outside();
  send("a", from_a("9.9.9.9", protocol::kIcmp));
  Frame other = from_a("9.9.9.9", protocol::kIcmp);
  other.to = mac(kRedMac);
  other.from = mac("fa:16:3e:00:01:0a");
  other.source = ip("10.1.0.10");
  const Parsed out = parsed(one(send("r", other), "ext"));
  EXPECT_NE(out.source_port, 77);
  Frame pong = from_outside("9.9.9.9", "203.0.113.10", protocol::kIcmp);
  pong.icmp_type = icmp::kEchoReply;
  pong.identifier = out.source_port;
  const Parsed in = parsed(one(send("ext", pong), "r"));
  EXPECT_EQ(in.source_port, 77);
}

TEST_F(Routing, TranslatesAnErrorByWhatItQuotes) {
  learn_outside();
  const Bytes out = one(send("a", from_a("9.9.9.9")), "ext");
  Frame error = from_outside("8.8.4.4", "203.0.113.10", protocol::kIcmp);
  error.icmp_type = icmp::kTimeExceeded;
  error.identifier = 0;
  error.payload.assign(out.begin() + 14, out.begin() + 14 + 28);
  const Bytes in = one(send("ext", error), "a");
  EXPECT_EQ(to_string(parsed(in).ip_destination), "10.0.0.10");
  EXPECT_EQ(to_string(Ip::v4_from(&in[42 + 12])), "10.0.0.10");
  EXPECT_EQ(load16(&in[62]), 10000);
  EXPECT_EQ(fold(sum_bytes(&in[42], 20)), 0xffff);
}

TEST_F(Routing, FloatingIpStandsForAPortBothWays) {
  add_floating_ip();
  learn_outside();
  const Parsed out = parsed(one(send("a", from_a("9.9.9.9", protocol::kTcp)), "ext"));
  EXPECT_EQ(to_string(out.ip_source), "203.0.113.20");
  EXPECT_EQ(out.source_port, 10000);
  Frame in = from_outside("9.9.9.9", "203.0.113.20", protocol::kTcp);
  in.source_port = 7777;
  in.destination_port = 22;
  for (int i = 0; i < 2; ++i) {
    const Parsed got = parsed(one(send("ext", in), "a"));
    EXPECT_EQ(to_string(got.ip_destination), "10.0.0.10");
    EXPECT_EQ(got.destination, mac("fa:16:3e:00:00:0a"));
  }
  Frame answer = from_a("9.9.9.9", protocol::kTcp);
  answer.source_port = 22;
  answer.destination_port = 7777;
  answer.flags = tcp_flag::kSyn | tcp_flag::kAck;
  EXPECT_EQ(to_string(parsed(one(send("a", answer), "ext")).ip_source), "203.0.113.20");
  // ARP for it on the outside is answered with the gateway's MAC.
  const Mac asker = mac("02:00:00:00:77:01");
  EXPECT_EQ(one(send("ext", arp(1, kBroadcast, asker, ip("203.0.113.1"), Mac{}, ip("203.0.113.20"))), "ext"),
            arp(2, asker, mac(kGatewayMac), ip("203.0.113.20"), asker, ip("203.0.113.1")));
}

// RFC 768: zero would say that there is none.
TEST_F(Routing, UdpChecksumThatTranslationMakesZeroGoesAsAllOnes) {
  learn_outside();
  Frame frame = from_a("9.9.9.9");
  Frame translated = frame;
  translated.source = ip("203.0.113.10");
  translated.payload.assign(2, 0);
  for (std::uint16_t value = 1; load16(translated.l4().data() + 6) != 0xffff && value != 0; ++value)
    store16(translated.payload.data(), value);
  frame.payload = translated.payload;
  for (int i = 0; i < 2; ++i) {  // by the stages, then by the record
    const Bytes out = one(send("a", frame), "ext");
    EXPECT_EQ(load16(&out[40]), 0xffff);
  }
}

TEST_F(Routing, FloatingIpThatIsGivenTakesOverTheFlowsOfItsPort) {
  learn_outside();
  for (const char* source : {"203.0.113.10", "203.0.113.20"}) {
    const Bytes out = one(send("a", from_a("9.9.9.9", protocol::kTcp)), "ext");
    EXPECT_EQ(to_string(parsed(out).ip_source), source);
    add_floating_ip();
  }
}

TEST_F(Routing, FloatingIpThatIsTakenAwayStopsItsFlows) {
  add_floating_ip();
  learn_outside();
  send("a", from_a("9.9.9.9", protocol::kTcp));
  EXPECT_EQ(to_string(parsed(sent.at(0).bytes).ip_source), "203.0.113.20");
  StateDocument change;
  change.floating_ip["f"] = std::nullopt;
  apply(change);
  send("a", from_a("9.9.9.9", protocol::kTcp));
  EXPECT_EQ(to_string(parsed(sent.at(0).bytes).ip_source), "203.0.113.10");
  send("ext", from_outside("9.9.9.9", "203.0.113.20", protocol::kTcp), {{"ext snat_no_binding", 1}});
}

TEST_F(Routing, GuestReachesAnothersFloatingIp) {
  add_floating_ip();
  Frame frame = from_a("203.0.113.20", protocol::kTcp);
  frame.to = mac(kRedMac);
  frame.from = mac("fa:16:3e:00:01:0a");
  frame.source = ip("10.1.0.10");
  const Parsed out = parsed(one(send("r", frame), "a"));
  EXPECT_EQ(to_string(out.ip_source), "203.0.113.10");
  EXPECT_EQ(to_string(out.ip_destination), "10.0.0.10");
  Frame answer = from_a("203.0.113.10", protocol::kTcp);
  answer.source_port = 2000;
  answer.destination_port = out.source_port;
  answer.flags = tcp_flag::kSyn | tcp_flag::kAck;
  const Parsed back = parsed(one(send("a", answer), "r"));
  EXPECT_EQ(to_string(back.ip_source), "203.0.113.20");
  EXPECT_EQ(to_string(back.ip_destination), "10.1.0.10");
  EXPECT_EQ(back.destination_port, 10000);
}

TEST_F(Routing, KeepsTheBindingWhenTheRouterChanges) {
  learn_outside();
  send("a", from_a("9.9.9.9", protocol::kTcp));
  Frame other = from_a("9.9.9.9", protocol::kTcp);
  other.to = mac(kRedMac);
  other.from = mac("fa:16:3e:00:01:0a");
  other.source = ip("10.1.0.10");
  const Parsed before = parsed(one(send("r", other), "ext"));
  StateDocument change;
  RouterState router = tables->data().routers.named("r")->state;
  router.routes = {{"172.16.0.0/12", "10.1.0.10"}};
  change.router["r"] = router;
  apply(change);
  EXPECT_EQ(parsed(one(send("r", other), "ext")).source_port, before.source_port);
  EXPECT_GE(engine->counters().flows_recompiled.read(), 1U);
}

TEST_F(Routing, GatewayOnAnotherHostGetsTheFrameAsItIs) {
  learn_vtep();
  StateDocument change;
  RouterState router = tables->data().routers.named("r")->state;
  router.gateway->host = "node2";
  change.router["r"] = router;
  apply(change);
  const Frame frame = from_a("9.9.9.9");
  EXPECT_EQ(out_of_vxlan(one(send("a", frame), "under"), 100), frame.bytes());
  send("ext", from_outside("9.9.9.9", "203.0.113.10"), {{"ext gateway_elsewhere", 1}});
}

TEST_F(Routing, TranslatesForGuestsOfOtherHosts) {
  learn_vtep();
  learn_outside();
  Frame frame = from_a("9.9.9.9");
  frame.to = mac(kRedMac);
  frame.from = mac("fa:16:3e:00:01:0c");
  frame.source = ip("10.1.0.12");
  const Parsed out = parsed(one(send("under", in_vxlan(frame.bytes(), 200)), "ext"));
  EXPECT_EQ(to_string(out.ip_source), "203.0.113.10");
  Frame answer = from_outside("9.9.9.9", "203.0.113.10");
  answer.source_port = 2000;
  answer.destination_port = out.source_port;
  const Parsed in = parsed(out_of_vxlan(one(send("ext", answer), "under"), 200));
  EXPECT_EQ(to_string(in.ip_destination), "10.1.0.12");
  EXPECT_EQ(in.destination, mac("fa:16:3e:00:01:0c"));
}

TEST_F(Routing, WhatCannotBeTranslatedIsNamed) {
  learn_outside();
  Frame frame = from_a("9.9.9.9");
  frame.protocol = 47;
  send("a", frame, {{"a snat_protocol", 1}});
  StateDocument change;
  RouterState router = tables->data().routers.named("r")->state;
  router.admin_up = false;
  change.router["r"] = router;
  apply(change);
  send("a", from_a("9.9.9.9"), {{"a router_down", 1}});
}

TEST_F(Routing, TellsOfANextHopThatDoesNotAnswer) {
  const Bytes frame = from_a("9.9.9.9").bytes();
  send("a", frame);
  const auto before = drops();
  std::vector<Bytes> told;
  for (int i = 0; i < 5; ++i) {
    now_us += 1'000'000;
    for (const Sent& one : poll()) {
      if (device_name(one.device) == "a") told.push_back(one.bytes);
    }
  }
  EXPECT_EQ(difference(before, drops()), (std::map<std::string, int>{{"a neighbour_unresolved", 1}}));
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(parsed(told[0]).icmp_type, icmp::kUnreachable);
  EXPECT_EQ(parsed(told[0]).icmp_code, icmp::kHostUnreachable);
  EXPECT_EQ(to_string(parsed(told[0]).ip_source), "10.0.0.1");
  EXPECT_EQ(Bytes(told[0].begin() + 42, told[0].end()), Bytes(frame.begin() + 14, frame.end()));
}

TEST_F(Routing, TellsThatTheRouterServesNoPort) {
  const Parsed told = parsed(one(send("a", from_a("10.0.0.1"), {{"a to_router_unserved", 1}}), "a"));
  EXPECT_EQ(told.icmp_type, icmp::kUnreachable);
  EXPECT_EQ(told.icmp_code, icmp::kPortUnreachable);
}

TEST_F(Routing, QueueForASilentNextHopIsBounded) {
  for (int i = 0; i < 8; ++i) send("a", from_a("9.9.9.9"));
  send("a", from_a("9.9.9.9"), {{"a neighbour_queue_full", 1}});
}

}  // namespace
}  // namespace hanok::dataplane::test

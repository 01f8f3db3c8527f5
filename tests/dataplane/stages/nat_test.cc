// Address translation: hairpins, port forwarding, address sets, quotations in errors, fragments.
#include <set>

#include "tests/dataplane/flow/test_bed.h"

namespace hanok::dataplane::test {
namespace {

constexpr const char* kOutsideMac = "02:00:00:00:77:01";

class Nat : public TestBed {
 protected:
  void SetUp() override {
    StateDocument state = base();
    add_router(state);
    state.port["a"] = port("blue", "fa:16:3e:00:00:0a", "blue4", "10.0.0.10");
    state.port["b"] = port("blue", "fa:16:3e:00:00:0b", "blue4", "10.0.0.11");
    state.port["r"] = port("red", "fa:16:3e:00:01:0a", "red4", "10.1.0.10");
    apply(state);
    send("ext",
         arp(2, mac(kGatewayMac), mac(kOutsideMac), ip("203.0.113.1"), mac(kGatewayMac), ip("203.0.113.10")),
         {{"ext arp_consumed", 1}});
  }
  static Frame from_guest(const char* source, const char* destination,
                          std::uint8_t protocol = protocol::kTcp) {
    Frame frame;
    const std::string address = source;
    frame.to = mac(address.starts_with("10.0.") ? kBlueMac : kRedMac);
    frame.from = mac(address == "10.0.0.10"   ? "fa:16:3e:00:00:0a"
                     : address == "10.0.0.11" ? "fa:16:3e:00:00:0b"
                                              : "fa:16:3e:00:01:0a");
    frame.source = ip(source);
    frame.destination = ip(destination);
    frame.protocol = protocol;
    return frame;
  }
  static Frame from_outside(const char* destination, std::uint8_t protocol = protocol::kTcp) {
    Frame frame;
    frame.to = mac(kGatewayMac);
    frame.from = mac(kOutsideMac);
    frame.source = ip("9.9.9.9");
    frame.destination = ip(destination);
    frame.protocol = protocol;
    return frame;
  }
  // As a host answers that got `request`.
  static Frame answer_to(const Bytes& request, const char* router_mac) {
    const Parsed got = parsed(request);
    Frame frame;
    frame.to = mac(router_mac);
    frame.from = got.destination;
    frame.source = got.ip_destination;
    frame.destination = got.ip_source;
    frame.protocol = got.protocol;
    frame.source_port = got.destination_port;
    frame.destination_port = got.source_port;
    frame.flags = tcp_flag::kSyn | tcp_flag::kAck;
    return frame;
  }
  // An ICMP error about `got`, from the host that got it.
  static Frame error_about(const Bytes& got, const char* router_mac) {
    Frame frame = answer_to(got, router_mac);
    frame.protocol = protocol::kIcmp;
    frame.icmp_type = icmp::kUnreachable;
    frame.icmp_code = icmp::kPortUnreachable;
    frame.identifier = 0;
    frame.payload.assign(got.begin() + 14, got.end());
    return frame;
  }
  // What an error that came out quotes; its checksums are checked as far as they are quoted.
  static Parsed quotation(const Bytes& error) {
    EXPECT_TRUE(parsed(error).is_icmp_error());
    Bytes inner(error.begin(), error.begin() + 14);
    inner.insert(inner.end(), error.begin() + 42, error.end());
    return parsed(inner);
  }
  void floating_ip(const char* id, const char* port_id, const char* fixed, const char* address) {
    StateDocument change;
    change.floating_ip[id] = FloatingIpState{"r", port_id, fixed, "public", address, {}};
    apply(change);
  }
  void forward(std::vector<PortForwardingState> forwards) {
    StateDocument change;
    change.floating_ip["f"] =
        FloatingIpState{"r", std::nullopt, std::nullopt, "public", "203.0.113.20", std::move(forwards)};
    apply(change);
  }
};

TEST_F(Nat, GuestReachesItsOwnFloatingIp) {
  floating_ip("f", "a", "10.0.0.10", "203.0.113.20");
  const Bytes in = one(send("a", from_guest("10.0.0.10", "203.0.113.20")), "a");
  EXPECT_EQ(to_string(parsed(in).ip_source), "203.0.113.20");
  EXPECT_EQ(to_string(parsed(in).ip_destination), "10.0.0.10");
  EXPECT_EQ(parsed(in).ttl, 62);
  const Bytes back = one(send("a", answer_to(in, kBlueMac)), "a");
  EXPECT_EQ(to_string(parsed(back).ip_source), "203.0.113.20");
  EXPECT_EQ(to_string(parsed(back).ip_destination), "10.0.0.10");
  EXPECT_EQ(parsed(back).source_port, 2000);
  EXPECT_EQ(parsed(back).destination_port, 10000);
  EXPECT_EQ(engine->counters().connections.read(), 1U);
}

TEST_F(Nat, GuestsWithFloatingIpsReachEachOther) {
  floating_ip("f", "a", "10.0.0.10", "203.0.113.20");
  floating_ip("g", "b", "10.0.0.11", "203.0.113.21");
  for (int i = 0; i < 2; ++i) {  // by the stages, then by the record
    const Bytes in = one(send("a", from_guest("10.0.0.10", "203.0.113.21")), "b");
    EXPECT_EQ(to_string(parsed(in).ip_source), "203.0.113.20");
    EXPECT_EQ(to_string(parsed(in).ip_destination), "10.0.0.11");
    const Bytes back = one(send("b", answer_to(in, kBlueMac)), "a");
    EXPECT_EQ(to_string(parsed(back).ip_source), "203.0.113.21");
    EXPECT_EQ(to_string(parsed(back).ip_destination), "10.0.0.10");
  }
}

TEST_F(Nat, FloatingIpOfANetworkThatTheRouterLeftIsUnreachable) {
  floating_ip("f", "a", "10.0.0.10", "203.0.113.20");
  StateDocument change;
  RouterState router = tables->data().routers.named("r")->state;
  router.interfaces.erase(router.interfaces.begin());
  change.router["r"] = router;
  apply(change);
  const Bytes told = one(send("ext", from_outside("203.0.113.20"), {{"ext no_route", 1}}), "ext");
  EXPECT_EQ(parsed(told).icmp_type, icmp::kUnreachable);
  EXPECT_EQ(to_string(quotation(told).ip_destination), "203.0.113.20");
}

TEST_F(Nat, WhatCameToAnInsideAddressIsAnsweredFromIt) {
  floating_ip("f", "a", "10.0.0.10", "203.0.113.20");
  StateDocument change;
  RouterState router = tables->data().routers.named("r")->state;
  router.gateway->snat = false;
  change.router["r"] = router;
  apply(change);
  Frame request = from_outside("10.0.0.10");
  for (int i = 0; i < 2; ++i) {
    const Bytes in = one(send("ext", request), "a");
    EXPECT_EQ(to_string(parsed(in).ip_destination), "10.0.0.10");
    EXPECT_EQ(to_string(parsed(one(send("a", answer_to(in, kBlueMac)), "ext")).ip_source), "10.0.0.10");
    const Parsed error = parsed(one(send("a", error_about(in, kBlueMac)), "ext"));
    EXPECT_EQ(to_string(error.ip_source), "10.0.0.10");
  }
  // What the guest begins has its floating IP, and what came to that is answered from that.
  EXPECT_EQ(to_string(parsed(one(send("a", from_guest("10.0.0.10", "9.9.9.9")), "ext")).ip_source),
            "203.0.113.20");
  request.destination = ip("203.0.113.20");
  request.source_port = 10001;
  const Bytes in = one(send("ext", request), "a");
  EXPECT_EQ(to_string(parsed(one(send("a", answer_to(in, kBlueMac)), "ext")).ip_source), "203.0.113.20");
  // Without a floating IP nothing is translated: the next connection needs no stages, either way.
  Frame out = from_guest("10.0.0.11", "9.9.9.9"), back = from_outside("10.0.0.11");
  for (std::uint16_t number = 20000; number < 20002; ++number) {
    out.source_port = back.source_port = number;
    EXPECT_EQ(parsed(one(send("b", out), "ext")).ip_source, out.source);
    EXPECT_EQ(engine->counters().flows_by_template.read(), number == 20000 ? 0U : 1U);
    EXPECT_EQ(parsed(one(send("ext", back), "b")).ip_source, back.source);
  }
  EXPECT_EQ(engine->counters().flows_by_template.read(), 2U);
}

TEST_F(Nat, HairpinIsAnsweredPastAGatewayWithoutSourceNat) {
  floating_ip("g", "b", "10.0.0.11", "203.0.113.21");
  forward({{"tcp", 8022, "a", "10.0.0.10", 22}});
  StateDocument change;
  RouterState router = tables->data().routers.named("r")->state;
  router.gateway->snat = false;
  change.router["r"] = router;
  apply(change);
  struct {
    const char* to;
    std::uint16_t port, inside_port;
    const char* guest;
  } const ways[] = {{"203.0.113.21", 80, 80, "b"}, {"203.0.113.20", 8022, 22, "a"}};
  for (const auto& way : ways) {
    for (std::uint16_t source_port :
         {30000, 30000, 30001}) {  // by the stages, by the record, another connection
      Frame request = from_guest("10.1.0.10", way.to);
      request.source_port = source_port;
      request.destination_port = way.port;
      const Bytes in = one(send("r", request), way.guest);
      EXPECT_EQ(to_string(parsed(in).ip_source), "203.0.113.10");
      EXPECT_EQ(parsed(in).destination_port, way.inside_port);
      const Parsed back = parsed(one(send(way.guest, answer_to(in, kBlueMac)), "r"));
      EXPECT_EQ(to_string(back.ip_source), way.to);
      EXPECT_EQ(to_string(back.ip_destination), "10.1.0.10");
      EXPECT_EQ(back.source_port, way.port);
      EXPECT_EQ(back.destination_port, source_port);
      const Parsed quoted = quotation(one(send(way.guest, error_about(in, kBlueMac)), "r"));
      EXPECT_EQ(to_string(quoted.ip_source), "10.1.0.10");
      EXPECT_EQ(to_string(quoted.ip_destination), way.to);
    }
  }
  // Only that: to the outside it goes as it is.
  EXPECT_EQ(to_string(parsed(one(send("r", from_guest("10.1.0.10", "9.9.9.9")), "ext")).ip_source),
            "10.1.0.10");
}

TEST_F(Nat, ErrorInAHairpinQuotesWhatTheSenderSent) {
  floating_ip("f", "b", "10.0.0.11", "203.0.113.21");
  // By source NAT out, by the floating IP in: both ends differ.
  const Bytes in = one(send("a", from_guest("10.0.0.10", "203.0.113.21", protocol::kUdp)), "b");
  EXPECT_EQ(to_string(parsed(in).ip_source), "203.0.113.10");
  const Bytes error = one(send("b", error_about(in, kBlueMac)), "a");
  EXPECT_EQ(to_string(parsed(error).ip_source), "203.0.113.21");
  EXPECT_EQ(to_string(parsed(error).ip_destination), "10.0.0.10");
  const Parsed quoted = quotation(error);
  EXPECT_EQ(to_string(quoted.ip_source), "10.0.0.10");
  EXPECT_EQ(to_string(quoted.ip_destination), "203.0.113.21");
  EXPECT_EQ(quoted.source_port, 10000);
}

TEST_F(Nat, ForwardsAPortAndNoOther) {
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

TEST_F(Nat, ForwardingThatIsTakenAwayStopsItsFlows) {
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

TEST_F(Nat, GuestReachesAForwardedPort) {
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

TEST_F(Nat, ErrorsOfForwardedConnectionsAreTranslatedBothWays) {
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

TEST_F(Nat, WrongForwardingsAreRefusedWithAPath) {
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

TEST_F(Nat, RouterWithSeveralAddressesGivesEachGuestOne) {
  StateDocument change;
  RouterState router = tables->data().routers.named("r")->state;
  router.gateway->addresses = {{"public4", "203.0.113.10"}, {"public4", "203.0.113.11"}};
  change.router["r"] = router;
  for (int i = 0; i < 8; ++i) {
    const std::string number = std::to_string(20 + i);
    change.port["p" + number] =
        port("blue", ("fa:16:3e:00:02:" + number).c_str(), "blue4", ("10.0.0." + number).c_str());
  }
  apply(change);
  std::set<std::string> all;
  for (int i = 0; i < 8; ++i) {
    const std::string number = std::to_string(20 + i);
    Frame frame = from_guest("10.0.0.10", "9.9.9.9");
    frame.from = mac(("fa:16:3e:00:02:" + number).c_str());
    frame.source = ip(("10.0.0." + number).c_str());
    std::set<std::string> of_guest;
    for (std::uint16_t source_port = 10000; source_port < 10004; ++source_port) {
      frame.source_port = source_port;
      const Bytes out = one(send("p" + number, frame), "ext");
      of_guest.insert(to_string(parsed(out).ip_source));
      const Bytes back = one(send("ext", answer_to(out, kGatewayMac)), "p" + number);
      EXPECT_EQ(parsed(back).ip_destination, frame.source);
    }
    EXPECT_EQ(of_guest.size(), 1U);
    all.merge(of_guest);
  }
  EXPECT_EQ(all, (std::set<std::string>{"203.0.113.10", "203.0.113.11"}));
}

// Cuts a datagram into two fragments, the first with `first` bytes of payload.
std::pair<Bytes, Bytes> cut(const Bytes& frame, std::uint16_t first) {
  const auto piece = [&](std::size_t from, std::size_t to, std::uint16_t field) {
    Bytes out(frame.begin(), frame.begin() + 34);
    out.insert(out.end(), frame.begin() + 34 + static_cast<std::ptrdiff_t>(from),
               frame.begin() + 34 + static_cast<std::ptrdiff_t>(to));
    store16(&out[16], static_cast<std::uint16_t>(20 + to - from));
    store16(&out[18], 4711);
    store16(&out[20], field);
    store16(&out[24], 0);
    store16(&out[24], checksum(&out[14], 20));
    return out;
  };
  return {piece(0, first, 0x2000), piece(first, frame.size() - 34, static_cast<std::uint16_t>(first / 8U))};
}

// The datagram that two fragments make, as one frame.
Bytes join(const Bytes& first, const Bytes& second) {
  Bytes out = first;
  out.insert(out.end(), second.begin() + 34, second.end());
  store16(&out[16], static_cast<std::uint16_t>(out.size() - 14));
  store16(&out[20], 0);
  store16(&out[24], 0);
  store16(&out[24], checksum(&out[14], 20));
  return out;
}

TEST_F(Nat, FragmentsFollowTheirFirstOne) {
  for (const std::uint8_t protocol : {protocol::kUdp, protocol::kIcmp}) {
    Frame frame = from_guest("10.0.0.10", "9.9.9.9", protocol);
    frame.payload.assign(2500, 'x');
    auto [first, second] = cut(frame.bytes(), 1400);
    Bytes begin = one(send("a", first), "ext");
    const Bytes out = join(begin, one(send("a", second), "ext"));
    EXPECT_EQ(to_string(parsed(out).ip_source), "203.0.113.10");  // and its checksum is good
    Frame answer = answer_to(out, kGatewayMac);
    answer.icmp_type = icmp::kEchoReply;
    answer.identifier = parsed(out).source_port;
    answer.payload = frame.payload;
    std::tie(first, second) = cut(answer.bytes(), 1400);
    begin = one(send("ext", first), "a");
    const Bytes back = join(begin, one(send("ext", second), "a"));
    EXPECT_EQ(to_string(parsed(back).ip_destination), "10.0.0.10");
  }
}

TEST_F(Nat, FragmentsOfAForwardedPortFollowToo) {
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

TEST_F(Nat, FragmentOfEchoPassesARuleForEcho) {
  StateDocument change;
  change.security_group["echo"] = SecurityGroupState{{rule("egress"), rule("ingress", "icmp", 8)}};
  change.port["a"] = port("blue", "fa:16:3e:00:00:0a", "blue4", "10.0.0.10", "echo");
  apply(change);
  Frame frame = from_guest("10.1.0.10", "10.0.0.10", protocol::kIcmp);
  frame.payload.assign(2500, 'x');
  const auto [first, second] = cut(frame.bytes(), 1400);
  send("r", first);
  EXPECT_EQ(sent.size(), 1U);
  one(send("r", second), "a");
}

TEST_F(Nat, LaterRouterTellsOfTimeExceeded) {
  // Two routers between the guest and the floating IP.
  floating_ip("f", "b", "10.0.0.11", "203.0.113.21");
  Frame frame = from_guest("10.0.0.10", "203.0.113.21", protocol::kUdp);
  frame.ttl = 2;
  const Bytes out = one(send("a", frame, {{"a ttl_exceeded", 1}}), "a");
  EXPECT_EQ(parsed(out).icmp_type, icmp::kTimeExceeded);
  EXPECT_EQ(to_string(parsed(out).ip_source), "203.0.113.10");
  EXPECT_EQ(to_string(parsed(out).ip_destination), "10.0.0.10");
  EXPECT_EQ(parsed(out).source, mac(kBlueMac));
  EXPECT_EQ(to_string(quotation(out).ip_source), "10.0.0.10");
}

}  // namespace
}  // namespace hanok::dataplane::test

// Address translation: hairpins, address sets, quotations in errors, fragments.
#include <set>

#include "tests/dataplane/stages/nat_bed.h"

namespace hanok::dataplane::test {
namespace {

class Nat : public NatBed {};

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

// IPv6 as guests meet it: neighbours, routers, security groups, port security, fragments.
#include "dataplane/packet/nd_message.h"
#include "tests/dataplane/flow/test_bed.h"

namespace hanok::dataplane::test {
namespace {

constexpr const char* kAMac = "fa:16:3e:00:00:0a";

Bytes solicit(const char* from_mac, const Ip& from, const char* target) {
  Bytes bytes(kNeighbourBytes);
  write_neighbour_solicit(bytes.data(), {}, mac(from_mac), from, ip(target));
  return bytes;
}

// What a station sends that tries an address: no source, no option.
Bytes duplicate_probe(const char* from_mac, const char* target) {
  Frame frame;
  frame.to = group_mac_of(solicited_node_of(ip(target)));
  frame.from = mac(from_mac);
  frame.source = Ip{};
  frame.destination = solicited_node_of(ip(target));
  frame.protocol = protocol::kIcmp6;
  frame.icmp_type = icmp6::kNeighbourSolicit;
  frame.identifier = 0;
  frame.ttl = 255;
  const Ip wanted = ip(target);
  frame.payload.assign(wanted.bytes.begin(), wanted.bytes.end());
  return frame.bytes();
}

struct Advert {
  Ip source, to, target;
  Mac to_mac, station;
  std::uint8_t flags = 0;
};

Advert read_advert(const Bytes& bytes) {
  const Parsed head = parsed(bytes);
  Advert out{head.ip_source, head.ip_destination, {}, head.destination, {}, 0};
  NdMessage message;
  EXPECT_EQ(bytes.size(), kNeighbourBytes);
  EXPECT_TRUE(read_nd_message(bytes.data() + 54, 32, message));
  EXPECT_EQ(message.type, icmp6::kNeighbourAdvert);
  EXPECT_EQ(head.ttl, 255);
  EXPECT_EQ(fold(std::uint64_t{
                l4_checksum(head.ip_source, head.ip_destination, protocol::kIcmp6, bytes.data() + 54, 32)}),
            0);
  out.target = message.target;
  out.station = message.target_link.value_or(Mac{});
  out.flags = bytes[58];
  return out;
}

class Ipv6 : public TestBed {
 protected:
  void SetUp() override {
    StateDocument state = base();
    add_router(state);
    state.subnet["blue6"] = SubnetState{"blue", "2001:db8:a::/64", "2001:db8:a::1", true, {}, {}};
    state.subnet["red6"] = SubnetState{"red", "2001:db8:b::/64", "2001:db8:b::1", true, {}, {}};
    state.subnet["public6"] = SubnetState{"public", "2001:db8:ffff::/64", "2001:db8:ffff::1", false, {}, {}};
    RouterState& router = *state.router["r"];
    router.interfaces[0].addresses.push_back({"blue6", "2001:db8:a::1"});
    router.interfaces[1].addresses.push_back({"red6", "2001:db8:b::1"});
    router.gateway->addresses.push_back({"public6", "2001:db8:ffff::10"});
    router.routes = {{"2001:db8:c::/48", "2001:db8:b::c"}};
    state.security_group["open"] = SecurityGroupState{
        {rule("ingress", {}, {}, {}, {}, {}, "IPv6"), rule("egress", {}, {}, {}, {}, {}, "IPv6")}};
    state.security_group["out"] = SecurityGroupState{{rule("egress", {}, {}, {}, {}, {}, "IPv6")}};
    state.security_group["web"] =
        SecurityGroupState{{rule("ingress", "tcp", 80, 80, "2001:db8:a::/64", {}, "IPv6"),
                            rule("ingress", "ipv6-icmp", 128, 0, {}, {}, "IPv6")}};
    state.port["a"] = port("blue", kAMac, "blue6", "2001:db8:a::a");
    state.port["b"] = port("blue", "fa:16:3e:00:00:0b", "blue6", "2001:db8:a::b", "web");
    state.port["r"] = port("red", "fa:16:3e:00:01:0a", "red6", "2001:db8:b::a");
    state.port["c"] = port("red", "fa:16:3e:00:01:0c", "red6", "2001:db8:b::c");
    state.port["far"] = port("red", "fa:16:3e:00:01:0d", "red6", "2001:db8:b::d", "open", "node2");
    apply(state);
  }
  static Frame from_a(const char* to_mac, const char* destination, std::uint8_t protocol = protocol::kUdp) {
    Frame frame;
    frame.to = mac(to_mac);
    frame.from = mac(kAMac);
    frame.source = ip("2001:db8:a::a");
    frame.destination = ip(destination);
    frame.protocol = protocol;
    frame.icmp_type = icmp6::kEcho;
    return frame;
  }
  static Frame answer_to(const Frame& frame, const char* to_mac, const char* from_mac) {
    Frame back = frame;
    back.to = mac(to_mac);
    back.from = mac(from_mac);
    std::swap(back.source, back.destination);
    std::swap(back.source_port, back.destination_port);
    back.icmp_type = icmp6::kEchoReply;
    back.flags = tcp_flag::kSyn | tcp_flag::kAck;
    return back;
  }
  // The error that a router sends back; what it quotes is compared.
  void expect_error(const Bytes& bytes, std::uint8_t type, std::uint8_t code, const Bytes& about,
                    std::uint32_t value = 0) {
    const Parsed head = parsed(bytes);
    EXPECT_EQ(head.icmp_type, type);
    EXPECT_EQ(head.icmp_code, code);
    EXPECT_EQ(to_string(head.ip_source), "2001:db8:a::1");
    EXPECT_EQ(to_string(head.destination), kAMac);
    EXPECT_LE(bytes.size(), 14U + 1280U);
    EXPECT_EQ(load32(&bytes[58]), value);
    const Bytes quoted(bytes.begin() + 62, bytes.end());
    EXPECT_TRUE(std::equal(quoted.begin(), quoted.end(), about.begin() + 14));
    EXPECT_EQ(l4_checksum(head.ip_source, head.ip_destination, protocol::kIcmp6, &bytes[54],
                          static_cast<std::uint16_t>(bytes.size() - 54)),
              0);
  }
};

TEST_F(Ipv6, KnownNeighboursAreAnsweredHere) {
  const Ip own = ip("2001:db8:a::a");
  Advert advert = read_advert(one(send("a", solicit(kAMac, own, "2001:db8:a::b")), "a"));
  EXPECT_EQ(to_string(advert.station), "fa:16:3e:00:00:0b");
  EXPECT_EQ(to_string(advert.target), "2001:db8:a::b");
  EXPECT_EQ(advert.flags, 0x60);  // solicited, override
  EXPECT_EQ(advert.to, own);
  advert = read_advert(one(send("a", solicit(kAMac, own, "2001:db8:a::1")), "a"));
  EXPECT_EQ(to_string(advert.station), kBlueMac);
  EXPECT_EQ(advert.flags, 0xe0);  // a router
  // The link-local addresses that their MACs make.
  const Ip link_local = link_local_of(mac(kAMac));
  advert = read_advert(one(send("a", solicit(kAMac, link_local, "fe80::f816:3eff:feff:1")), "a"));
  EXPECT_EQ(to_string(advert.station), kBlueMac);
  advert = read_advert(one(send("a", solicit(kAMac, link_local, "fe80::f816:3eff:fe00:b")), "a"));
  EXPECT_EQ(to_string(advert.station), "fa:16:3e:00:00:0b");
}

TEST_F(Ipv6, UnknownNeighboursAreAskedOfAll) {
  EXPECT_EQ(one(send("a", solicit(kAMac, ip("2001:db8:a::a"), "2001:db8:a::99")), "b").size(),
            kNeighbourBytes);
}

TEST_F(Ipv6, DuplicateAddressIsToldToAll) {
  const Advert advert = read_advert(one(send("a", duplicate_probe(kAMac, "2001:db8:a::b")), "a"));
  EXPECT_EQ(advert.to, kAllNodes);
  EXPECT_EQ(to_string(advert.to_mac), "33:33:00:00:00:01");
  EXPECT_EQ(advert.flags, 0x20);
  // One's own goes out to whoever else holds it; an address that is not the port's goes nowhere.
  EXPECT_EQ(send("a", duplicate_probe(kAMac, "2001:db8:a::a")).size(), 1U);
  send("a", duplicate_probe(kAMac, "2001:db8:a::77"), {{"a spoofed_nd", 1}});
}

TEST_F(Ipv6, RefusesBadNeighbourMessages) {
  Bytes far = solicit(kAMac, ip("2001:db8:a::a"), "2001:db8:a::b");
  far[21] = 64;  // a router has passed it on
  send("a", far, {{"a nd_malformed", 1}});
  Bytes endless = solicit(kAMac, ip("2001:db8:a::a"), "2001:db8:a::b");
  endless[79] = 0;
  send("a", endless, {{"a nd_malformed", 1}});
  // Another's station in the option.
  Bytes foreign = solicit(kAMac, ip("2001:db8:a::a"), "2001:db8:a::99");
  mac("fa:16:3e:00:00:0b").write(&foreign[80]);
  send("a", foreign, {{"a spoofed_nd", 1}});
}

TEST_F(Ipv6, SpoofedSourcesAndRouterAdvertsAreRefused) {
  Frame frame = from_a("fa:16:3e:00:00:0b", "2001:db8:a::b");
  frame.source = ip("2001:db8:a::c");
  send("a", frame, {{"a spoofed_ip", 1}});
  frame = from_a("33:33:00:00:00:01", "ff02::1", protocol::kIcmp6);
  frame.source = link_local_of(mac(kAMac));
  frame.icmp_type = icmp6::kRouterAdvert;
  frame.ttl = 255;
  send("a", frame, {{"a ra_guard", 1}});
  frame = from_a("33:33:00:00:00:01", "ff02::1");
  frame.source = link_local_of(mac(kAMac));
  frame.source_port = 547, frame.destination_port = 546;
  send("a", frame, {{"a dhcp_server_guard", 1}});
}

TEST_F(Ipv6, GroupsAreStateful) {
  const Frame syn = [] {
    Frame frame = from_a("fa:16:3e:00:00:0b", "2001:db8:a::b", protocol::kTcp);
    frame.destination_port = 80;
    return frame;
  }();
  EXPECT_EQ(one(send("a", syn), "b"), syn.bytes());
  const Frame answer = answer_to(syn, kAMac, "fa:16:3e:00:00:0b");
  EXPECT_EQ(one(send("b", answer), "a"), answer.bytes());
  Frame other = syn;
  other.destination_port = 81;
  send("a", other, {{"b security_group_ingress", 1}});
  // "web" has no rule for what b begins itself.
  Frame begun = answer;
  begun.flags = tcp_flag::kSyn;
  begun.source_port = 4000;
  send("b", begun, {{"b security_group_egress", 1}});
  const Frame echo = from_a("fa:16:3e:00:00:0b", "2001:db8:a::b", protocol::kIcmp6);
  EXPECT_EQ(one(send("a", echo), "b"), echo.bytes());
  EXPECT_EQ(send("b", answer_to(echo, kAMac, "fa:16:3e:00:00:0b")).size(), 1U);
}

TEST_F(Ipv6, MulticastListenerReportsNeedNoRule) {
  Frame frame = from_a("33:33:00:00:00:16", "ff02::16", protocol::kIcmp6);
  frame.source = link_local_of(mac(kAMac));
  frame.icmp_type = icmp6::kMld2Report;
  frame.ttl = 1;
  EXPECT_EQ(send("a", frame).size(), 1U);
}

TEST_F(Ipv6, RoutesBetweenSubnets) {
  const Frame frame = from_a(kBlueMac, "2001:db8:b::a", protocol::kTcp);
  for (int i = 0; i < 2; ++i) {
    Frame expected = frame;
    expected.to = mac("fa:16:3e:00:01:0a");
    expected.from = mac(kRedMac);
    expected.ttl = 63;
    EXPECT_EQ(one(send("a", frame), "r"), expected.bytes());
  }
  EXPECT_EQ(engine->counters().flow_hits.read(), 1U);
}

TEST_F(Ipv6, RoutesToAnotherHost) {
  learn_vtep();
  const Frame frame = from_a(kBlueMac, "2001:db8:b::d");
  Frame expected = frame;
  expected.to = mac("fa:16:3e:00:01:0d");
  expected.from = mac(kRedMac);
  expected.ttl = 63;
  EXPECT_EQ(out_of_vxlan(one(send("a", frame), "under"), 200), expected.bytes());
}

TEST_F(Ipv6, TakesExtraRoutes) {
  const Bytes out = one(send("a", from_a(kBlueMac, "2001:db8:c:1::5")), "c");
  EXPECT_EQ(to_string(parsed(out).destination), "fa:16:3e:00:01:0c");
}

TEST_F(Ipv6, SpreadsConnectionsOverEqualRoutes) {
  StateDocument change;
  change.router["r"] = tables->data().routers.named("r")->state;
  change.router["r"]->routes = {{"2001:db8:c::/48", "2001:db8:b::c"}, {"2001:db8:c::/48", "2001:db8:b::a"}};
  apply(change);
  std::map<std::string, int> taken;
  for (std::uint16_t number = 0; number < 64; ++number) {
    Frame frame = from_a(kBlueMac, "2001:db8:c:1::5");
    frame.source_port = static_cast<std::uint16_t>(20000 + number);
    const auto first = send("a", frame);
    ASSERT_EQ(first.size(), 1U);
    EXPECT_EQ(send("a", frame).at(0).device, first[0].device);
    ++taken[device_name(first[0].device)];
  }
  EXPECT_GT(taken["c"], 15);
  EXPECT_GT(taken["r"], 15);
}

TEST_F(Ipv6, RouterSaysWhatItDropped) {
  Frame frame = from_a(kBlueMac, "2001:db8:b::a");
  frame.ttl = 1;
  expect_error(one(send("a", frame, {{"a ttl_exceeded", 1}}), "a"), icmp6::kTimeExceeded, 0, frame.bytes());
  StateDocument change;
  change.router["r"] = tables->data().routers.named("r")->state;
  change.router["r"]->gateway.reset();
  apply(change);
  frame = from_a(kBlueMac, "2001:db8:dead::1");
  expect_error(one(send("a", frame, {{"a no_route", 1}}), "a"), icmp6::kUnreachable, 0, frame.bytes());
  frame = from_a(kBlueMac, "2001:db8:b::a");
  frame.payload.resize(1450);
  expect_error(one(send("a", frame, {{"a mtu_exceeded", 1}}), "a"), icmp6::kTooBig, 0, frame.bytes(), 1450);
  frame = from_a(kBlueMac, "2001:db8:a::1");
  expect_error(one(send("a", frame, {{"a to_router_unserved", 1}}), "a"), icmp6::kUnreachable, 4,
               frame.bytes());
  frame = from_a(kBlueMac, "2001:db8:b::a");
  frame.source = link_local_of(mac(kAMac));
  const Bytes error = one(send("a", frame, {{"a ipv6_scope", 1}}), "a");
  EXPECT_EQ(parsed(error).icmp_code, 2);  // beyond the scope of its source
  frame.destination = ip("fe80::1");
  EXPECT_EQ(send("a", frame, {{"a ipv6_scope", 1}}).size(), 0U);
}

TEST_F(Ipv6, HopLimitIsMindedOnTheFastPathToo) {
  Frame frame = from_a(kBlueMac, "2001:db8:b::a");
  EXPECT_EQ(send("a", frame).size(), 1U);
  frame.ttl = 1;
  EXPECT_EQ(parsed(one(send("a", frame, {{"a ttl_exceeded", 1}}), "a")).icmp_type, icmp6::kTimeExceeded);
}

TEST_F(Ipv6, RouterAnswersEcho) {
  const Frame frame = from_a(kBlueMac, "2001:db8:b::1", protocol::kIcmp6);
  Frame expected = answer_to(frame, kAMac, kBlueMac);
  EXPECT_EQ(one(send("a", frame), "a"), expected.bytes());
}

TEST_F(Ipv6, LeavesByTheGatewayWithItsOwnAddress) {
  const Frame frame = from_a(kBlueMac, "2001:db8:dead::1");
  // The next hop is asked for, and what waited follows its answer.
  const Bytes question = one(send("a", frame), "ext");
  NdMessage message;
  ASSERT_TRUE(read_nd_message(&question[54], 32, message));
  EXPECT_EQ(to_string(message.target), "2001:db8:ffff::1");
  EXPECT_EQ(to_string(parsed(question).ip_destination), "ff02::1:ff00:1");
  EXPECT_EQ(parsed(question).ip_source, link_local_of(mac(kGatewayMac)));
  Bytes answer(kNeighbourBytes);
  write_neighbour_advert(answer.data(),
                         {mac(kGatewayMac), mac("02:00:00:00:77:01"), link_local_of(mac(kGatewayMac)),
                          ip("2001:db8:ffff::1"), true, true});
  Frame expected = frame;
  expected.to = mac("02:00:00:00:77:01");
  expected.from = mac(kGatewayMac);
  expected.ttl = 63;
  EXPECT_EQ(one(send("ext", answer, {{"ext nd_consumed", 1}}), "ext"), expected.bytes());
  // And in again.
  const Frame back = answer_to(frame, kGatewayMac, "02:00:00:00:77:01");
  EXPECT_EQ(to_string(parsed(one(send("ext", back), "a")).ip_source), "2001:db8:dead::1");
}

TEST_F(Ipv6, GatewayOnAnotherHostGetsTheFrameAsItIs) {
  StateDocument change;
  change.router["r"] = tables->data().routers.named("r")->state;
  change.router["r"]->gateway->host = "node2";
  apply(change);
  learn_vtep();
  const Frame frame = from_a(kBlueMac, "2001:db8:dead::1");
  EXPECT_EQ(out_of_vxlan(one(send("a", frame), "under"), 100), frame.bytes());
}

TEST_F(Ipv6, FirstFragmentDecidesForTheOthers) {
  const Frame whole = [] {
    Frame frame = from_a("fa:16:3e:00:00:0b", "2001:db8:a::b", protocol::kTcp);
    frame.destination_port = 80;
    frame.payload.assign(20, 'x');
    return frame;
  }();
  const auto fragment = [](const Bytes& bytes, std::uint32_t id, std::uint16_t field, std::size_t skip) {
    Bytes out(bytes.begin(), bytes.begin() + 54);
    out.insert(out.end(), 8, 0);
    out[54] = out[20];
    out[20] = protocol::kFragment;
    store16(&out[56], field);
    store32(&out[58], id);
    out.insert(out.end(), bytes.begin() + 54 + static_cast<std::ptrdiff_t>(skip), bytes.end());
    store16(&out[18], static_cast<std::uint16_t>(out.size() - 54));
    return out;
  };
  send("a", fragment(whole.bytes(), 0x10001, 40 | 0, 0), {{"a fragment_no_first", 1}});
  EXPECT_EQ(send("a", fragment(whole.bytes(), 0x10001, 1, 0)).size(), 1U);
  EXPECT_EQ(send("a", fragment(whole.bytes(), 0x10001, 40, 0)).size(), 1U);
  // All 32 bits of the identification count.
  send("a", fragment(whole.bytes(), 0x20001, 40, 0), {{"a fragment_no_first", 1}});
  Frame refused = whole;
  refused.destination_port = 81;
  send("a", fragment(refused.bytes(), 0x30001, 1, 0), {{"b security_group_ingress", 1}});
  send("a", fragment(refused.bytes(), 0x30001, 40, 0), {{"b security_group_ingress", 1}});
  send("a", fragment(whole.bytes(), 0x40001, 8, 0), {{"a ipv6_bad_fragment", 1}});
}

}  // namespace
}  // namespace hanok::dataplane::test

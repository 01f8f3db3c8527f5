// MTU: what does not fit is told of or cut, and TCP is held to what fits.
#include <algorithm>

#include "tests/dataplane/flow/test_bed.h"

namespace hanok::dataplane::test {
namespace {

class Fit : public TestBed {
 protected:
  void SetUp() override {
    StateDocument state = base();
    add_router(state);
    state.uplink["under"]->mtu = 1500;
    state.subnet["blue6"] = SubnetState{"blue", "2001:db8::/64", {}, false, {}, {}};
    state.security_group["open"]->rules.push_back(rule("egress", {}, {}, {}, {}, {}, "IPv6"));
    state.port["a"] = port("blue", "fa:16:3e:00:00:0a", "blue4", "10.0.0.10");
    state.port["a"]->addresses.push_back({"blue6", "2001:db8::a"});
    state.port["b"] = port("blue", "fa:16:3e:00:00:0b", "blue4", "10.0.0.11");
    state.port["far"] = port("blue", "fa:16:3e:00:00:0c", "blue4", "10.0.0.12", "open", "node2");
    state.port["far"]->addresses.push_back({"blue6", "2001:db8::c"});
    state.port["r"] = port("red", "fa:16:3e:00:01:0a", "red4", "10.1.0.10");
    apply(state);
    learn_vtep();
  }
  static Frame to(const char* destination, std::uint8_t protocol, std::size_t payload = 5) {
    Frame frame;
    const std::string address = destination;
    frame.to = mac(address == "10.0.0.11"         ? "fa:16:3e:00:00:0b"
                   : address.starts_with("10.1.") ? kBlueMac
                                                  : "fa:16:3e:00:00:0c");
    frame.from = mac("fa:16:3e:00:00:0a");
    frame.source = ip(address.find(':') != std::string::npos ? "2001:db8::a" : "10.0.0.10");
    frame.destination = ip(destination);
    frame.protocol = protocol;
    frame.payload.assign(payload, 'x');
    return frame;
  }
  // A SYN with these options; complete checksum.
  static Bytes syn(Frame frame, const Bytes& options) {
    frame.payload.clear();
    Bytes bytes = frame.bytes();
    bytes.insert(bytes.end(), options.begin(), options.end());
    store16(&bytes[16], static_cast<std::uint16_t>(bytes.size() - 14));
    store16(&bytes[24], 0);
    store16(&bytes[24], checksum(&bytes[14], 20));
    bytes[46] = static_cast<std::uint8_t>((5 + options.size() / 4) << 4U);
    store16(&bytes[50], 0);
    store16(&bytes[50], l4_checksum(frame.source, frame.destination, protocol::kTcp, &bytes[34],
                                    static_cast<std::uint16_t>(bytes.size() - 34)));
    return bytes;
  }
  static Bytes without_df(Bytes bytes) {
    bytes[20] &= 0xbfU;
    store16(&bytes[24], 0);
    store16(&bytes[24], checksum(&bytes[14], 20));
    return bytes;
  }
};

TEST_F(Fit, HoldsTheMssToWhatTheUnderlayCarries) {
  const Frame frame = to("10.0.0.12", protocol::kTcp);
  for (int i = 0; i < 2; ++i) {  // by the stages, then by the record
    const Bytes even = out_of_vxlan(one(send("a", syn(frame, {2, 4, 0x05, 0xb4})), "under"), 100);
    EXPECT_EQ(load16(&even[56]), 1410);
    parsed(even);  // the checksum
    // At an odd offset, behind a no-operation.
    const Bytes odd = out_of_vxlan(one(send("a", syn(frame, {1, 2, 4, 0x05, 0xb4, 1, 1, 0})), "under"), 100);
    EXPECT_EQ(load16(&odd[57]), 1410);
    parsed(odd);
  }
  EXPECT_GE(engine->counters().flow_hits.read(), 3U);
  // A smaller one stays; so do broken options.
  for (const Bytes& options : {Bytes{2, 4, 0x02, 0x18}, Bytes{2, 4, 0x05, 0xb4 - 51}, Bytes{3, 0, 2, 4},
                               Bytes{1, 1, 1, 2}, Bytes{8, 200, 2, 4}}) {
    const Bytes bytes = syn(frame, options);
    EXPECT_EQ(out_of_vxlan(one(send("a", bytes), "under"), 100), bytes);
  }
  // What comes in is held to the same: the other end may not be ours.
  Frame answer;
  answer.to = frame.from, answer.from = frame.to;
  answer.source = frame.destination, answer.destination = frame.source;
  answer.protocol = protocol::kTcp;
  answer.source_port = 2000, answer.destination_port = 10000;
  answer.flags = tcp_flag::kSyn | tcp_flag::kAck;
  const Bytes in = one(send("under", in_vxlan(syn(answer, {2, 4, 0x05, 0xb4}), 100)), "a");
  EXPECT_EQ(load16(&in[56]), 1410);
}

TEST_F(Fit, LeavesTheMssBetweenGuestsOfOneHost) {
  const Bytes bytes = syn(to("10.0.0.11", protocol::kTcp), {2, 4, 0x22, 0x00});
  EXPECT_EQ(one(send("a", bytes), "b"), bytes);
}

TEST_F(Fit, TellsOfWhatMayNotBeCut) {
  send("a", to("10.0.0.12", protocol::kUdp));  // with a record
  Frame frame = to("10.0.0.12", protocol::kUdp, 1472);
  const Bytes bytes = frame.bytes();
  ASSERT_EQ(bytes.size(), 1514U);
  const Bytes out = one(send("a", bytes, {{"a mtu_exceeded", 1}}), "a");
  const Parsed error = parsed(out);
  EXPECT_EQ(error.icmp_type, icmp::kUnreachable);
  EXPECT_EQ(error.icmp_code, icmp::kFragmentNeeded);
  EXPECT_EQ(load16(&out[40]), 1450);
  EXPECT_EQ(to_string(error.ip_source), "10.0.0.12");
  EXPECT_EQ(to_string(error.ip_destination), "10.0.0.10");
  EXPECT_EQ(Bytes(out.begin() + 42, out.begin() + 70), Bytes(bytes.begin() + 14, bytes.begin() + 42));
  EXPECT_EQ(out.size(), 14 + 576U);
  // What fits exactly passes, and the record is still there.
  const auto misses = engine->counters().flow_misses.read();
  frame.payload.resize(1422);
  EXPECT_EQ(out_of_vxlan(one(send("a", frame), "under"), 100), frame.bytes());
  EXPECT_EQ(engine->counters().flow_misses.read(), misses);
}

TEST_F(Fit, CutsWhatMayBeCut) {
  Frame frame = to("10.0.0.12", protocol::kUdp, 1472);
  const Bytes bytes = without_df(frame.bytes());
  const auto all = send("a", bytes);
  ASSERT_EQ(all.size(), 2U);
  const Bytes first = out_of_vxlan(all[0].bytes, 100), second = out_of_vxlan(all[1].bytes, 100);
  EXPECT_EQ(first.size(), 14 + 20 + 1424U);
  EXPECT_EQ(load16(&first[20]), 0x2000);
  EXPECT_EQ(load16(&second[20]), 1424 / 8);
  EXPECT_EQ(fold(sum_bytes(&second[14], 20)), 0xffff);
  Bytes whole(bytes.begin(), bytes.begin() + 34);
  whole.insert(whole.end(), first.begin() + 34, first.end());
  whole.insert(whole.end(), second.begin() + 34, second.end());
  EXPECT_EQ(whole, bytes);
  // With options it would take more than is done here.
  Bytes options = bytes;
  options.insert(options.begin() + 34, 4, std::uint8_t{1});
  options[14] = 0x46;
  store16(&options[16], static_cast<std::uint16_t>(options.size() - 14));
  store16(&options[24], 0);
  store16(&options[24], checksum(&options[14], 24));
  send("a", options, {{"a mtu_exceeded", 1}});
}

TEST_F(Fit, RouterTellsByItsOwnAddressAndTheNetworksMtu) {
  StateDocument change;
  change.network["red"] = NetworkState{1400, {{"vxlan", 200, "", 0}}, false, ""};
  apply(change);
  const Bytes out = one(send("a", to("10.1.0.10", protocol::kUdp, 1400), {{"a mtu_exceeded", 1}}), "a");
  EXPECT_EQ(to_string(parsed(out).ip_source), "10.0.0.1");
  EXPECT_EQ(load16(&out[40]), 1400);
  const auto all = send("a", without_df(to("10.1.0.10", protocol::kUdp, 1400).bytes()));
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[1].bytes[22], 63);  // TTL
  const Bytes seen = one(send("a", syn(to("10.1.0.10", protocol::kTcp), {2, 4, 0x05, 0xb4})), "r");
  EXPECT_EQ(load16(&seen[56]), 1360);
}

TEST_F(Fit, RouterTellsAlsoWhereItsGatewayIsElsewhere) {
  StateDocument change;
  RouterState router = tables->data().routers.named("r")->state;
  router.gateway->host = "node2";
  change.router["r"] = router;
  apply(change);
  Frame frame = to("10.1.0.10", protocol::kUdp, 1472);
  frame.destination = ip("9.9.9.9");
  const Bytes out = one(send("a", frame, {{"a mtu_exceeded", 1}}), "a");
  EXPECT_EQ(to_string(parsed(out).ip_source), "10.0.0.1");
  EXPECT_EQ(load16(&out[40]), 1450);
}

TEST_F(Fit, Ipv6IsToldPacketTooBig) {
  const Bytes out = one(send("a", to("2001:db8::c", protocol::kUdp, 1452), {{"a mtu_exceeded", 1}}), "a");
  const Parsed error = parsed(out);
  EXPECT_EQ(error.protocol, protocol::kIcmp6);
  EXPECT_EQ(error.icmp_type, icmp6::kTooBig);
  EXPECT_EQ(load32(&out[58]), 1450U);
  EXPECT_EQ(out.size(), 14 + 1280U);
  Bytes l4(out.begin() + 54, out.end());
  l4[2] = l4[3] = 0;
  EXPECT_EQ(load16(&out[56]), l4_checksum(error.ip_source, error.ip_destination, protocol::kIcmp6, l4.data(),
                                          static_cast<std::uint16_t>(l4.size())));
}

TEST_F(Fit, EqualRoutesShareTheFlowsAndEachKeepsItsOwn) {
  StateDocument change;
  change.port["r2"] = port("red", "fa:16:3e:00:01:0b", "red4", "10.1.0.11");
  change.port["r3"] = port("red", "fa:16:3e:00:01:0d", "red4", "10.1.0.13");
  RouterState router = tables->data().routers.named("r")->state;
  router.routes = {{"172.16.0.0/16", "10.1.0.10"},
                   {"172.16.0.0/16", "10.1.0.11"},
                   {"172.16.0.0/16", "10.1.0.13"},
                   {"172.16.0.0/12", "10.1.0.99"}};
  change.router["r"] = router;
  apply(change);
  const auto paths = [&] {
    std::vector<std::string> out;
    for (std::uint16_t source_port = 2001; source_port <= 2300; ++source_port) {
      Frame frame = to("10.1.0.10", protocol::kUdp);
      frame.destination = ip("172.16.5.5");
      frame.source_port = source_port;
      send("a", frame);
      out.push_back(device_name(sent.at(0).device));
    }
    return out;
  };
  const auto three = paths();
  EXPECT_EQ(paths(), three);
  for (const char* name : {"r", "r2", "r3"}) EXPECT_GT(std::count(three.begin(), three.end(), name), 60);
  router.routes.erase(router.routes.begin() + 1);
  StateDocument less;
  less.router["r"] = router;
  apply(less);
  const auto two = paths();
  for (std::size_t i = 0; i < two.size(); ++i) {
    if (three[i] != "r2") {
      EXPECT_EQ(two[i], three[i]);
    }
    EXPECT_NE(two[i], "r2");
  }
}

}  // namespace
}  // namespace hanok::dataplane::test

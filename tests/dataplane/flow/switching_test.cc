// Two guests on one host and one on another, on VXLAN, VLAN and flat segments.
#include "tests/dataplane/flow/test_bed.h"

namespace hanok::dataplane::test {
namespace {

class Switching : public TestBed {
 protected:
  void SetUp() override {
    StateDocument state = base();
    state.port["a"] = port("blue", "fa:16:3e:00:00:0a", "blue4", "10.0.0.10");
    state.port["b"] = port("blue", "fa:16:3e:00:00:0b", "blue4", "10.0.0.11");
    state.port["far"] = port("blue", "fa:16:3e:00:00:0c", "blue4", "10.0.0.12", "open", "node2");
    apply(state);
  }
  static Frame a_to_b() {
    Frame frame;
    frame.to = mac("fa:16:3e:00:00:0b");
    frame.from = mac("fa:16:3e:00:00:0a");
    frame.source = ip("10.0.0.10");
    frame.destination = ip("10.0.0.11");
    return frame;
  }
  static Frame b_to_a() {
    Frame frame = a_to_b();
    std::swap(frame.to, frame.from);
    std::swap(frame.source, frame.destination);
    std::swap(frame.source_port, frame.destination_port);
    return frame;
  }
  static Frame a_to_far() {
    Frame frame = a_to_b();
    frame.to = mac("fa:16:3e:00:00:0c");
    frame.destination = ip("10.0.0.12");
    return frame;
  }
};

TEST_F(Switching, ForwardsBetweenLocalPortsUnchangedAndThenByRecord) {
  EXPECT_EQ(one(send("a", a_to_b()), "b"), a_to_b().bytes());
  EXPECT_EQ(engine->counters().flow_misses.read(), 1U);
  EXPECT_EQ(one(send("a", a_to_b()), "b"), a_to_b().bytes());
  EXPECT_EQ(engine->counters().flow_hits.read(), 1U);
  EXPECT_EQ(one(send("b", b_to_a()), "a"), b_to_a().bytes());
  const DeviceCounters& a = *engine->counters().device(device("a"));
  EXPECT_EQ(a.rx_packets.read(), 2U);
  EXPECT_EQ(a.tx_packets.read(), 1U);
  EXPECT_EQ(a.tx_bytes.read(), b_to_a().bytes().size());
}

TEST_F(Switching, UnknownUnicastOnAnOverlayIsDropped) {
  Frame frame = a_to_b();
  frame.to = mac("fa:16:3e:00:00:99");
  EXPECT_TRUE(send("a", frame, {{"a unknown_destination", 1}}).empty());
}

TEST_F(Switching, MacOfAnAllowedAddressPairLeadsToItsPort) {
  learn_vtep();
  Frame frame = a_to_b();
  frame.to = mac("00:00:5e:00:01:07");
  frame.destination = ip("10.0.0.100");
  const auto allow = [&](const char* id, bool pair) {
    StateDocument change;
    change.port[id] = tables->data().ports.named(id)->state;
    change.port[id]->allowed_address_pairs.clear();
    if (pair) change.port[id]->allowed_address_pairs = {{"10.0.0.100", "00:00:5e:00:01:07"}};
    apply(change);
  };
  send("a", frame, {{"a unknown_destination", 1}});
  allow("b", true);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(one(send("a", frame), "b"), frame.bytes());
  // Two may have it: nobody here knows which of them it is now.
  allow("far", true);
  send("a", frame, {{"a unknown_destination", 1}});
  allow("b", false);
  EXPECT_EQ(out_of_vxlan(one(send("a", frame), "under"), 100), frame.bytes());
  allow("far", false);
  send("a", frame, {{"a unknown_destination", 1}});
}

TEST_F(Switching, SendsToAnotherHostByVxlanOnceItsVtepIsKnown) {
  // The first frame waits for the answer to an ARP request on the underlay.
  const Parsed request = parsed(one(send("a", a_to_far()), "under"));
  EXPECT_EQ(request.l3, L3::kArp);
  EXPECT_EQ(request.destination, kBroadcast);
  EXPECT_TRUE(send("a", a_to_far()).empty());
  const auto all = send("under",
                        arp(2, mac("02:00:00:00:00:01"), mac("02:00:00:00:00:99"), ip("192.0.2.2"),
                            mac("02:00:00:00:00:01"), ip("192.0.2.1")),
                        {{"under arp_consumed", 1}});
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(out_of_vxlan(all[0].bytes, 100), a_to_far().bytes());
  EXPECT_EQ(out_of_vxlan(one(send("a", a_to_far()), "under"), 100), a_to_far().bytes());
}

TEST_F(Switching, GivesUpOnASilentVtep) {
  send("a", a_to_far());
  std::size_t requests = 0;
  const auto before = drops();
  for (int i = 0; i < 5; ++i) {
    now_us += 1'100'000;
    requests += poll().size();
  }
  EXPECT_EQ(requests, 2U);
  EXPECT_EQ(difference(before, drops()), (std::map<std::string, int>{{"a neighbour_unresolved", 1}}));
}

TEST_F(Switching, AnswersArpForItsVtep) {
  const Bytes out = one(
      send("under", arp(1, kBroadcast, mac("02:00:00:00:00:99"), ip("192.0.2.2"), Mac{}, ip("192.0.2.1"))),
      "under");
  EXPECT_EQ(out, arp(2, mac("02:00:00:00:00:99"), mac("02:00:00:00:00:01"), ip("192.0.2.1"),
                     mac("02:00:00:00:00:99"), ip("192.0.2.2")));
}

TEST_F(Switching, TakesVxlanFramesOfKnownVtepsForItsNetworks) {
  Frame frame = a_to_b();
  frame.from = mac("fa:16:3e:00:00:0c");
  frame.source = ip("10.0.0.12");
  EXPECT_EQ(one(send("under", in_vxlan(frame.bytes(), 100)), "b"), frame.bytes());
  EXPECT_EQ(one(send("under", in_vxlan(frame.bytes(), 100)), "b"), frame.bytes());
  EXPECT_EQ(engine->counters().flow_hits.read(), 1U);
  send("under", in_vxlan(frame.bytes(), 101), {{"under unknown_segment", 1}});
  Frame other = frame;
  for (const std::uint16_t source_port : {7, 7000}) {
    other.source_port = source_port;
    send("under", in_vxlan(other.bytes(), 100, "192.0.2.77"), {{"under unknown_vtep", 1}});
  }
  Bytes bad = in_vxlan(frame.bytes(), 100);
  bad[42] = 0;
  send("under", bad, {{"under vxlan_bad_flags", 1}});
}

TEST_F(Switching, ReplicatesBroadcastToLocalPortsAndVteps) {
  learn_vtep();
  Frame frame = a_to_b();
  frame.to = kBroadcast;
  frame.destination = ip("10.0.0.255");
  auto all = send("a", frame);
  ASSERT_EQ(all.size(), 2U);
  std::map<std::string, Bytes> by;
  for (const Sent& each : all) by[device_name(each.device)] = each.bytes;
  EXPECT_EQ(by["b"], frame.bytes());
  EXPECT_EQ(out_of_vxlan(by["under"], 100), frame.bytes());
}

TEST_F(Switching, BroadcastFromTheWireStaysOnThisHost) {
  Frame frame = a_to_b();
  frame.to = kBroadcast;
  frame.from = mac("fa:16:3e:00:00:0c");
  frame.source = ip("10.0.0.12");
  frame.destination = ip("10.0.0.255");
  const auto all = send("under", in_vxlan(frame.bytes(), 100));
  ASSERT_EQ(all.size(), 2U);
  EXPECT_NE(device_name(all[0].device), "under");
  EXPECT_NE(device_name(all[1].device), "under");
}

TEST_F(Switching, FrameThatDoesNotFitTheUnderlayIsDropped) {
  learn_vtep();
  Frame frame = a_to_far();
  frame.payload.assign(1560, 'x');
  send("a", frame, {{"a mtu_exceeded", 1}});
}

TEST_F(Switching, AnswersArpForKnownPortsAndFloodsForOthers) {
  const Mac a = mac("fa:16:3e:00:00:0a");
  EXPECT_EQ(one(send("a", arp(1, kBroadcast, a, ip("10.0.0.10"), Mac{}, ip("10.0.0.12"))), "a"),
            arp(2, a, mac("fa:16:3e:00:00:0c"), ip("10.0.0.12"), a, ip("10.0.0.10")));
  learn_vtep();
  EXPECT_EQ(send("a", arp(1, kBroadcast, a, ip("10.0.0.10"), Mac{}, ip("10.0.0.200"))).size(), 2U);
}

TEST_F(Switching, VlanSegmentIsTaggedOnTheWire) {
  StateDocument change;
  change.network["tagged"] = NetworkState{1500, {{"vlan", 0, "physnet1", 10}}, false, ""};
  change.subnet["tagged4"] = SubnetState{"tagged", "10.9.0.0/24", std::nullopt, false, {}, {}};
  change.port["t"] = port("tagged", "fa:16:3e:00:09:0a", "tagged4", "10.9.0.10");
  change.port["u"] = port("tagged", "fa:16:3e:00:09:0b", "tagged4", "10.9.0.11", "open", "node2");
  apply(change);
  Frame frame;
  frame.to = mac("fa:16:3e:00:09:0b");
  frame.from = mac("fa:16:3e:00:09:0a");
  frame.source = ip("10.9.0.10");
  frame.destination = ip("10.9.0.11");
  Frame tagged = frame;
  tagged.vlan = 10;
  EXPECT_EQ(one(send("t", frame), "under"), tagged.bytes());
  EXPECT_EQ(one(send("t", frame), "under"), tagged.bytes());
  std::swap(tagged.to, tagged.from);
  std::swap(tagged.source, tagged.destination);
  std::swap(tagged.source_port, tagged.destination_port);
  Frame bare = tagged;
  bare.vlan = 0;
  EXPECT_EQ(one(send("under", tagged), "t"), bare.bytes());
  EXPECT_EQ(one(send("under", tagged), "t"), bare.bytes());
  tagged.vlan = 11;
  send("under", tagged, {{"under unknown_segment", 1}});
  // A guest may not tag.
  frame.vlan = 10;
  send("t", frame, {{"t vlan_from_guest", 1}});
}

TEST_F(Switching, UnknownStationOnTheWireUntilItIsAPortOfThisHost) {
  StateDocument change;
  change.network["wire"] = NetworkState{1500, {{"vlan", 0, "physnet1", 20}}, false, ""};
  change.subnet["wire4"] = SubnetState{"wire", "10.8.0.0/24", std::nullopt, false, {}, {}};
  change.port["w"] = port("wire", "fa:16:3e:00:08:0a", "wire4", "10.8.0.10");
  apply(change);
  Frame frame;
  frame.to = mac("fa:16:3e:00:08:0b");
  frame.from = mac("fa:16:3e:00:08:0a");
  frame.source = ip("10.8.0.10");
  frame.destination = ip("10.8.0.11");
  EXPECT_EQ(device_name(send("w", frame).at(0).device), "under");
  StateDocument born;
  born.port["x"] = port("wire", "fa:16:3e:00:08:0b", "wire4", "10.8.0.11");
  apply(born);
  EXPECT_EQ(one(send("w", frame), "x"), frame.bytes());
}

TEST_F(Switching, PortThatIsDownSendsAndGetsNothing) {
  send("a", a_to_b());
  StateDocument change;
  PortState b = port("blue", "fa:16:3e:00:00:0b", "blue4", "10.0.0.11");
  b.admin_up = false;
  change.port["b"] = b;
  apply(change);
  send("a", a_to_b(), {{"a destination_down", 1}});
  send("b", b_to_a(), {{"b port_down", 1}});
}

TEST_F(Switching, PortThatMovesIsFollowed) {
  learn_vtep();
  EXPECT_EQ(device_name(send("a", a_to_b())[0].device), "b");
  StateDocument change;
  change.port["b"] = port("blue", "fa:16:3e:00:00:0b", "blue4", "10.0.0.11", "open", "node2");
  apply(change);
  EXPECT_EQ(out_of_vxlan(one(send("a", a_to_b()), "under"), 100), a_to_b().bytes());
}

TEST_F(Switching, RecordOutlivesAChangeElsewhere) {
  send("a", a_to_b());
  StateDocument change;
  change.port["c"] = port("blue", "fa:16:3e:00:00:0d", "blue4", "10.0.0.13");
  apply(change);
  send("a", a_to_b());
  EXPECT_EQ(engine->counters().flow_hits.read(), 1U);
  EXPECT_EQ(engine->counters().flows_recompiled.read(), 0U);
}

TEST_F(Switching, NoBufferForACopyIsCounted) {
  Frame frame = a_to_b();
  frame.to = kBroadcast;
  frame.destination = ip("10.0.0.255");
  learn_vtep();
  Packet* packet = pool.allocate(static_cast<std::uint16_t>(frame.bytes().size()));
  const Bytes bytes = frame.bytes();
  std::memcpy(packet->data, bytes.data(), bytes.size());
  pool.refuse = true;
  engine->process(&packet, 1, device("a"), now_us, *this);
  EXPECT_EQ(drops()["a no_buffer"], 2);
}

TEST_F(Switching, TraceNamesStagesAndObjects) {
  const auto steps = engine->trace(a_to_b().bytes(), device("a"), now_us);
  ASSERT_FALSE(steps.empty());
  EXPECT_EQ(steps.front().stage, "parse");
  EXPECT_EQ(steps.back().stage, "output");
  EXPECT_EQ(steps.back().verdict, "output b");
  bool egress = false;
  for (const TraceStep& step : steps) {
    if (step.stage == "egress_policy") egress = step.object == "security_group/open/rules/1";
  }
  EXPECT_TRUE(egress);
  EXPECT_EQ(engine->counters().connections.read(), 0U);
  Frame spoof = a_to_b();
  spoof.source = ip("10.0.0.11");
  const auto refused = engine->trace(spoof.bytes(), device("a"), now_us);
  EXPECT_EQ(refused.back().verdict, "drop spoofed_ip");
  EXPECT_EQ(refused.back().object, "port/a");
}

TEST_F(Switching, ListsFlows) {
  send("a", a_to_b());
  const auto flows = engine->flows(device("a"), 10, now_us);
  ASSERT_EQ(flows.size(), 1U);
  EXPECT_EQ(flows[0].source, "10.0.0.10:10000");
  EXPECT_EQ(flows[0].protocol, "udp");
  EXPECT_TRUE(engine->flows(device("far"), 10, now_us).size() <= 1U);
}

// A network on a wire and on VXLAN at once.
TEST_F(Switching, EachFrameComesOnceWhereANetworkHasSeveralSegments) {
  StateDocument change;
  change.network["blue"] = NetworkState{1450, {{"vlan", 0, "physnet1", 7}, {"vxlan", 100, "", 0}}, false, ""};
  apply(change);
  learn_vtep();
  // Unicast to another host goes by VXLAN; a broadcast goes to the wire's stations and to the other host.
  out_of_vxlan(one(send("a", a_to_far()), "under"), 100);
  const Bytes question =
      arp(1, kBroadcast, mac("fa:16:3e:00:00:0a"), ip("10.0.0.10"), Mac{}, ip("10.0.0.77"));
  std::vector<Sent> out = send("a", question);
  ASSERT_EQ(out.size(), 3U);
  int tagged = 0, wrapped = 0;
  for (const Sent& each : out) {
    tagged += load16(&each.bytes[12]) == ethertype::kVlan ? 1 : 0;
    wrapped += load16(&each.bytes[12]) == ethertype::kIpv4 ? 1 : 0;
  }
  EXPECT_EQ(tagged, 1);
  EXPECT_EQ(wrapped, 1);
  // In: the other host's broadcast by VXLAN counts, its copy on the wire does not; a station of the wire
  // does.
  Frame copy = a_to_b();
  copy.to = kBroadcast;
  copy.from = mac("fa:16:3e:00:00:0c");
  copy.source = ip("10.0.0.12");
  copy.destination = ip("10.0.0.255");
  EXPECT_EQ(send("under", in_vxlan(copy.bytes(), 100)).size(), 2U);
  copy.vlan = 7;
  send("under", copy, {{"under other_segment", 1}});
  copy.from = mac("02:00:00:00:00:77");
  EXPECT_EQ(send("under", copy).size(), 2U);
}

}  // namespace
}  // namespace hanok::dataplane::test

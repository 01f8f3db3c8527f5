// Rate limits and DSCP marks of ports and floating IPs.
#include "tests/dataplane/flow/test_bed.h"

namespace hanok::dataplane::test {
namespace {

class Qos : public TestBed {
 protected:
  void SetUp() override {
    StateDocument state = base();
    add_router(state);
    state.port["a"] = port("blue", "fa:16:3e:00:00:0a", "blue4", "10.0.0.10");
    state.port["b"] = port("blue", "fa:16:3e:00:00:0b", "blue4", "10.0.0.11");
    apply(state);
  }
  void set(const char* id, std::optional<QosState> qos) {
    StateDocument change;
    change.port[id] = tables->data().ports.named(id)->state;
    change.port[id]->qos = qos;
    apply(change);
  }
  static Frame a_to_b(std::size_t payload = 958) {  // 1,000 bytes as a frame
    Frame frame;
    frame.to = mac("fa:16:3e:00:00:0b");
    frame.from = mac("fa:16:3e:00:00:0a");
    frame.source = ip("10.0.0.10");
    frame.destination = ip("10.0.0.11");
    frame.payload.assign(payload, 'x');
    return frame;
  }
};

constexpr RateState kFiveFrames{8000, 40};

TEST_F(Qos, LimitsWhatAGuestSends) {
  set("a", QosState{{}, kFiveFrames, {}});
  for (int i = 0; i < 5; ++i) one(send("a", a_to_b()), "b");
  EXPECT_TRUE(send("a", a_to_b(), {{"a qos_limit", 1}}).empty());
  now_us += 1000;
  one(send("a", a_to_b()), "b");
  send("a", a_to_b(), {{"a qos_limit", 1}});
  // The other direction is free, and the limit may go again.
  Frame back = a_to_b();
  std::swap(back.to, back.from);
  std::swap(back.source, back.destination);
  std::swap(back.source_port, back.destination_port);
  for (int i = 0; i < 20; ++i) one(send("b", back), "a");
  set("a", std::nullopt);
  for (int i = 0; i < 20; ++i) one(send("a", a_to_b()), "b");
}

TEST_F(Qos, LimitsWhatAGuestGetsFromAll) {
  set("b", QosState{kFiveFrames, {}, {}});
  Frame other = a_to_b();
  other.source_port = 4242;  // another flow, the same meter
  for (int i = 0; i < 3; ++i) one(send("a", a_to_b()), "b");
  for (int i = 0; i < 2; ++i) one(send("a", other), "b");
  send("a", other, {{"a qos_limit", 1}});
  send("a", a_to_b(), {{"a qos_limit", 1}});
}

TEST_F(Qos, LimitsAFloatingIpBothWays) {
  StateDocument change;
  change.floating_ip["f"] = FloatingIpState{
      "r", "a", "10.0.0.10", "public", "203.0.113.20", {}, QosState{kFiveFrames, RateState{8000, 26}, {}}};
  apply(change);
  const Mac outside = mac("02:00:00:00:77:01"), gateway = mac(kGatewayMac);
  send("ext", arp(2, gateway, outside, ip("203.0.113.1"), gateway, ip("203.0.113.10")),
       {{"ext arp_consumed", 1}});
  Frame out = a_to_b();
  out.to = mac(kBlueMac);
  out.destination = ip("9.9.9.9");
  for (int i = 0; i < 3; ++i) one(send("a", out), "ext");
  send("a", out, {{"a qos_limit", 1}});
  Frame in = a_to_b();
  in.to = gateway;
  in.from = outside;
  in.source = ip("9.9.9.9");
  in.destination = ip("203.0.113.20");
  for (int i = 0; i < 5; ++i) one(send("ext", in), "a");
  send("ext", in, {{"ext qos_limit", 1}});
}

TEST_F(Qos, MarksWhatAGuestSends) {
  set("a", QosState{{}, {}, 46});
  for (int i = 0; i < 2; ++i) {  // by the stages, then by the record
    Bytes frame = a_to_b(5).bytes();
    frame[15] = 0x02;  // ECN stays
    store16(&frame[24], 0);
    store16(&frame[24], checksum(&frame[14], 20));
    const Bytes out = one(send("a", frame), "b");
    EXPECT_EQ(out[15], 46 << 2 | 2);
    EXPECT_EQ(fold(sum_bytes(&out[14], 20)), 0xffff);
  }
  StateDocument change;
  change.security_group["open"] = tables->data().groups.named("open")->state;
  change.security_group["open"]->rules.push_back(rule("egress", {}, {}, {}, {}, {}, "IPv6"));
  change.security_group["open"]->rules.push_back(rule("ingress", {}, {}, {}, {}, {}, "IPv6"));
  apply(change);
  Frame six = a_to_b(5);
  six.source = link_local_of(six.from);
  six.destination = link_local_of(six.to);
  Bytes bytes = six.bytes();
  bytes[15] = 0x2a;  // ECN 2, flow label a...
  const Bytes out = one(send("a", bytes), "b");
  EXPECT_EQ(out[14], 0x60 | 46 >> 2);
  EXPECT_EQ(out[15], (46 & 3) << 6 | 0x2a);
}

TEST_F(Qos, BroadcastIsLimitedToo) {
  set("a", QosState{{}, kFiveFrames, {}});
  Frame frame = a_to_b();
  frame.to = kBroadcast;
  frame.destination = ip("10.0.0.255");
  for (int i = 0; i < 5; ++i) send("a", frame);
  EXPECT_FALSE(sent.empty());
  EXPECT_TRUE(send("a", frame, {{"a qos_limit", 1}}).empty());
}

}  // namespace
}  // namespace hanok::dataplane::test

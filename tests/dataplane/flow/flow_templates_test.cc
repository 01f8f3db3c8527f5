// Connections that begin by a template of an earlier one: the same frames, the same judgement.
#include "dataplane/flow/flow_templates.h"

#include "tests/dataplane/flow/test_bed.h"

namespace hanok::dataplane::test {
namespace {

class Templates : public TestBed {
 protected:
  void SetUp() override {
    make_engine({}, 1);  // each worker would learn its own
    StateDocument state = base();
    add_router(state);
    state.security_group["web"] =
        SecurityGroupState{{rule("egress"), rule("ingress", "tcp", 80, 80), rule("ingress", "udp", 53, 60)}};
    state.port["a"] = port("blue", "fa:16:3e:00:00:0a", "blue4", "10.0.0.10");
    state.port["b"] = port("blue", "fa:16:3e:00:00:0b", "blue4", "10.0.0.11", "web");
    state.port["r"] = port("red", "fa:16:3e:00:01:0a", "red4", "10.1.0.10", "web");
    apply(state);
  }
  static Frame to_b(std::uint16_t source_port, std::uint16_t port_number = 53,
                    std::uint8_t protocol = protocol::kUdp) {
    Frame frame;
    frame.to = mac("fa:16:3e:00:00:0b");
    frame.from = mac("fa:16:3e:00:00:0a");
    frame.source = ip("10.0.0.10");
    frame.destination = ip("10.0.0.11");
    frame.protocol = protocol;
    frame.source_port = source_port;
    frame.destination_port = port_number;
    return frame;
  }
  static Frame routed(std::uint16_t source_port, const char* destination = "10.1.0.10") {
    Frame frame = to_b(source_port);
    frame.to = mac(kBlueMac);
    frame.destination = ip(destination);
    return frame;
  }
  static Frame back(Frame frame, std::uint8_t flags = 0) {
    std::swap(frame.to, frame.from);
    std::swap(frame.source, frame.destination);
    std::swap(frame.source_port, frame.destination_port);
    frame.flags = flags;
    return frame;
  }
  [[nodiscard]] std::uint64_t by_template() const { return engine->counters().flows_by_template.read(); }
};

TEST_F(Templates, TheNextConnectionNeedsNoStages) {
  for (std::uint16_t i = 0; i < 20; ++i) {
    Frame frame = routed(static_cast<std::uint16_t>(2000 + i));
    Frame expected = frame;
    expected.to = mac("fa:16:3e:00:01:0a");
    expected.from = mac(kRedMac);
    expected.ttl = 63;
    EXPECT_EQ(one(send("a", frame), "r"), expected.bytes());
    EXPECT_EQ(one(send("a", frame), "r"), expected.bytes());
  }
  EXPECT_EQ(by_template(), 19U);
  EXPECT_EQ(engine->counters().flows_created.read(), 20U);
  EXPECT_EQ(engine->counters().flow_misses.read(), 20U);
  EXPECT_EQ(engine->counters().flow_hits.read(), 20U);
  EXPECT_EQ(engine->counters().connections.read(), 20U);
}

TEST_F(Templates, AnswersFindTheConnection) {
  send("a", to_b(2000, 80, protocol::kTcp));
  const Frame syn = to_b(2001, 80, protocol::kTcp);
  EXPECT_EQ(send("a", syn).size(), 1U);
  EXPECT_EQ(by_template(), 1U);
  const auto state = [&] {
    for (const FlowInfo& flow : engine->flows(device("a"), 10, now_us)) {
      if (flow.source == "10.0.0.10:2001") return flow.state;
    }
    return std::string("none");
  };
  EXPECT_EQ(state(), "syn_seen");
  EXPECT_EQ(send("b", back(syn, tcp_flag::kSyn | tcp_flag::kAck)).size(), 1U);
  EXPECT_EQ(state(), "syn_ack_seen");
  Frame rest = syn;
  rest.flags = tcp_flag::kAck;
  EXPECT_EQ(send("a", rest).size(), 1U);
  EXPECT_EQ(state(), "established");
  EXPECT_EQ(engine->counters().connections.read(), 2U);
  // What is not a first segment is no connection, whatever was seen before.
  Frame stray = to_b(2002, 80, protocol::kTcp);
  stray.flags = tcp_flag::kSyn | tcp_flag::kAck;
  send("a", stray, {{"a tcp_no_connection", 1}});
}

TEST_F(Templates, RefusesWhatRulesRefuseSinceThen) {
  send("a", to_b(2000));
  send("a", to_b(2001));
  EXPECT_EQ(by_template(), 1U);
  send("a", to_b(2001, 61), {{"b security_group_ingress", 1}});
  StateDocument change;
  change.security_group["web"] = SecurityGroupState{{rule("egress")}};
  apply(change);
  send("a", to_b(2002), {{"b security_group_ingress", 1}});
  EXPECT_EQ(by_template(), 1U);
}

TEST_F(Templates, SurvivesChangesOfWhatItDoesNotDependOn) {
  send("a", to_b(2000));
  StateDocument change;
  change.port["x"] = port("red", "fa:16:3e:00:01:0e", "red4", "10.1.0.14");
  apply(change);
  EXPECT_EQ(send("a", to_b(2001)).size(), 1U);
  EXPECT_EQ(by_template(), 1U);
}

// B's answer to a connection of A's looks like a first frame of B's.
TEST_F(Templates, AnAnswerIsNoNewConnection) {
  send("b", back(to_b(3000, 53)));  // B begins from port 53... to A's 3000
  EXPECT_EQ(engine->counters().connections.read(), 1U);
  send("a", to_b(2000, 53));  // the template: A to B's 53
  EXPECT_EQ(send("a", to_b(3000, 53)).size(), 1U);
  EXPECT_EQ(engine->counters().connections.read(), 2U) << "the answer to B's connection";
  EXPECT_EQ(by_template(), 0U);
}

TEST_F(Templates, TimeToLiveIsLookedAt) {
  send("a", routed(2000));
  Frame frame = routed(2001);
  frame.ttl = 1;
  EXPECT_EQ(parsed(one(send("a", frame, {{"a ttl_exceeded", 1}}), "a")).icmp_type, icmp::kTimeExceeded);
  EXPECT_EQ(engine->counters().connections.read(), 1U);
}

// A guest that may send to B's port 68 still plays no DHCP server.
TEST_F(Templates, LowSourcePortsTakeTheStages) {
  StateDocument change;
  change.security_group["web"] = SecurityGroupState{{rule("egress"), rule("ingress")}};
  apply(change);
  send("a", to_b(2000, 68));
  send("a", to_b(2001, 68));
  EXPECT_EQ(by_template(), 1U);
  send("a", to_b(67, 68), {{"a dhcp_server_guard", 1}});
}

// Source NAT takes a port of its own for each.
TEST_F(Templates, TranslatedConnectionsTakeTheStages) {
  send("ext",
       arp(2, mac(kGatewayMac), mac("02:00:00:00:77:01"), ip("203.0.113.1"), mac(kGatewayMac),
           ip("203.0.113.10")),
       {{"ext arp_consumed", 1}});
  for (std::uint16_t i = 0; i < 3; ++i) {
    const Parsed out = parsed(one(send("a", routed(static_cast<std::uint16_t>(2000 + i), "9.9.9.9")), "ext"));
    EXPECT_EQ(to_string(out.ip_source), "203.0.113.10");
    EXPECT_EQ(out.source_port, 2000 + i);
  }
  EXPECT_EQ(by_template(), 0U);
}

TEST_F(Templates, FloatingIpsHaveTemplates) {
  send("ext",
       arp(2, mac(kGatewayMac), mac("02:00:00:00:77:01"), ip("203.0.113.1"), mac(kGatewayMac),
           ip("203.0.113.10")),
       {{"ext arp_consumed", 1}});
  StateDocument change;
  change.floating_ip["f"] = FloatingIpState{"r", "a", "10.0.0.10", "public", "203.0.113.20", {}};
  apply(change);
  for (std::uint16_t i = 0; i < 3; ++i) {
    const Frame frame = routed(static_cast<std::uint16_t>(2000 + i), "9.9.9.9");
    const Parsed out = parsed(one(send("a", frame), "ext"));
    EXPECT_EQ(to_string(out.ip_source), "203.0.113.20");
    EXPECT_EQ(out.source_port, 2000 + i);
    Frame answer;
    answer.to = mac(kGatewayMac);
    answer.from = mac("02:00:00:00:77:01");
    answer.source = ip("9.9.9.9");
    answer.destination = ip("203.0.113.20");
    answer.source_port = frame.destination_port;
    answer.destination_port = frame.source_port;
    EXPECT_EQ(to_string(parsed(one(send("ext", answer), "a")).ip_destination), "10.0.0.10");
  }
  EXPECT_EQ(by_template(), 2U);
  EXPECT_EQ(engine->counters().connections.read(), 3U);
}

// When the next hop falls silent, new connections ask for it again.
TEST_F(Templates, AForgottenNeighbourIsAskedForAgain) {
  const auto learn = [&] {
    send("ext",
         arp(2, mac(kGatewayMac), mac("02:00:00:00:77:01"), ip("203.0.113.1"), mac(kGatewayMac),
             ip("203.0.113.10")),
         {{"ext arp_consumed", 1}});
  };
  learn();
  StateDocument change;
  change.floating_ip["f"] = FloatingIpState{"r", "a", "10.0.0.10", "public", "203.0.113.20", {}};
  apply(change);
  send("a", routed(2000, "9.9.9.9"));
  send("a", routed(2001, "9.9.9.9"));
  EXPECT_EQ(by_template(), 1U);
  for (int i = 0; i < 200; ++i) {
    now_us += 1'000'000;
    poll();
  }
  const auto asked = send("a", routed(2002, "9.9.9.9"));
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(load16(&asked[0].bytes[12]), ethertype::kArp);
  EXPECT_EQ(by_template(), 1U);
  learn();
}

}  // namespace
}  // namespace hanok::dataplane::test

// Two workers: what they share, and what has to come to one of them. That all else is as with one is what the
// other tests of this folder and of ../stages say, run with HANOK_TEST_WORKERS=2.
#include <set>

#include "tests/dataplane/flow/test_bed.h"

namespace hanok::dataplane::test {
namespace {

constexpr const char* kOutsideMac = "02:00:00:00:77:01";

class Workers : public TestBed {
 protected:
  void SetUp() override {
    make_engine({}, 2);
    StateDocument state = base();
    add_router(state);
    state.port["a"] = port("blue", "fa:16:3e:00:00:0a", "blue4", "10.0.0.10");
    state.port["b"] = port("blue", "fa:16:3e:00:00:0b", "blue4", "10.0.0.11");
    apply(state);
    send("ext",
         arp(2, mac(kGatewayMac), mac(kOutsideMac), ip("203.0.113.1"), mac(kGatewayMac), ip("203.0.113.10")),
         {{"ext arp_consumed", 1}});
  }
  static Frame from(const char* source, std::uint16_t source_port, const char* destination = "9.9.9.9") {
    Frame frame;
    frame.to = mac(kBlueMac);
    frame.from = mac(std::string(source) == "10.0.0.10" ? "fa:16:3e:00:00:0a" : "fa:16:3e:00:00:0b");
    frame.source = ip(source);
    frame.destination = ip(destination);
    frame.source_port = source_port;
    return frame;
  }
  static Frame answer_to(const Bytes& request) {
    const Parsed got = parsed(request);
    Frame frame;
    frame.to = got.source;
    frame.from = got.destination;
    frame.source = got.ip_destination;
    frame.destination = got.ip_source;
    frame.protocol = got.protocol;
    frame.source_port = got.destination_port;
    frame.destination_port = got.source_port;
    return frame;
  }
  [[nodiscard]] std::uint64_t connections(std::size_t worker) {
    return engine->at(worker).counters().connections.read();
  }
};

// Two guests with the same ports to the same host: half of them get another port outside.
TEST_F(Workers, AnswersToTranslatedConnectionsComeBack) {
  unsigned moved = 0;
  for (std::uint16_t i = 0; i < 100; ++i) {
    for (const char* guest : {"10.0.0.10", "10.0.0.11"}) {
      const std::string device = std::string(guest) == "10.0.0.10" ? "a" : "b";
      const auto guest_port = static_cast<std::uint16_t>(30000 + i);
      const Bytes out = one(send(device, from(guest, guest_port)), "ext");
      moved += parsed(out).source_port != guest_port ? 1 : 0;
      const Bytes back = one(send("ext", answer_to(out)), device);
      EXPECT_EQ(to_string(parsed(back).ip_destination), guest);
      EXPECT_EQ(parsed(back).destination_port, guest_port);
    }
  }
  EXPECT_EQ(moved, 100U);
  EXPECT_GT(connections(0), 60U);
  EXPECT_GT(connections(1), 60U);
  EXPECT_EQ(connections(0) + connections(1), 200U);
}

// A forwarding to a port that connections go to already: the half of them that changes owners goes on, with
// its bindings, also back again when the forwarding ends. Of those translated to other ports only the ones
// whose own port is forwarded are lost.
TEST_F(Workers, ConnectionsFollowTheirOwnersWhenAForwardingChangesThem) {
  std::vector<Bytes> outside;
  for (std::uint16_t i = 0; i < 50; ++i) {
    for (const char* guest : {"10.0.0.10", "10.0.0.11"}) {
      Frame frame = from(guest, static_cast<std::uint16_t>(30000 + i));
      frame.destination_port = static_cast<std::uint16_t>(2000 + i % 5);
      outside.push_back(one(send(std::string(guest) == "10.0.0.10" ? "a" : "b", frame), "ext"));
    }
  }
  const auto owners = [&] {
    std::vector<unsigned> out;
    for (const Bytes& bytes : outside)
      out.push_back(
          engine->owner_of(bytes.data(), static_cast<std::uint16_t>(bytes.size()), device("ext"), now_us)
              .value());
    return out;
  };
  const std::vector<unsigned> before = owners();
  const auto all_are_answered = [&] {
    for (std::size_t i = 0; i < outside.size(); ++i)
      one(send("ext", answer_to(outside[i])), i % 2 == 0 ? "a" : "b");
    EXPECT_EQ(connections(0) + connections(1), outside.size());
  };
  StateDocument change;
  FloatingIpState forwarding{"r", std::nullopt, std::nullopt, "public", "203.0.113.20", {}};
  for (std::uint32_t port = 2000; port < 2005; ++port)
    forwarding.port_forwardings.push_back({"udp", port, "a", "10.0.0.10", port + 1000});
  change.floating_ip["f"] = forwarding;
  apply(change);
  EXPECT_NE(owners(), before) << "nothing is tested";
  // At once, before any frame.
  EXPECT_EQ(engine->counters().connections_torn.read(), 0U);
  EXPECT_EQ(connections(1), static_cast<std::uint64_t>(std::ranges::count(owners(), 1U)));
  all_are_answered();
  change.floating_ip["f"] = std::nullopt;
  apply(change);
  EXPECT_EQ(owners(), before);
  all_are_answered();
}

TEST_F(Workers, APortHasOneQuotaOfConnections) {
  EngineOptions options;
  options.sessions_per_port = 20;
  make_engine(options, 2);
  unsigned passed = 0;
  for (std::uint16_t i = 0; i < 40; ++i) {
    Frame frame = from("10.0.0.10", static_cast<std::uint16_t>(30000 + i), "10.0.0.11");
    frame.to = mac("fa:16:3e:00:00:0b");
    passed += send("a", frame,
                   i < 20 ? std::map<std::string, int>{} : std::map<std::string, int>{{"a session_quota", 1}})
                  .size();
  }
  EXPECT_EQ(passed, 20U);
  EXPECT_LT(connections(0), 20U);
  EXPECT_EQ(connections(0) + connections(1), 20U);
}

TEST_F(Workers, APortHasOneRateLimit) {
  StateDocument change;
  PortState limited = port("blue", "fa:16:3e:00:00:0a", "blue4", "10.0.0.10");
  limited.qos = QosState{};
  limited.qos->egress = RateState{8000, 80};  // 10,000 bytes of burst
  change.port["a"] = limited;
  apply(change);
  unsigned passed = 0;
  for (std::uint16_t i = 0; i < 40; ++i) {
    Frame frame = from("10.0.0.10", static_cast<std::uint16_t>(30000 + i), "10.0.0.11");
    frame.to = mac("fa:16:3e:00:00:0b");
    frame.payload.assign(958, 'x');  // 1,000 bytes with all headers
    passed += send("a", frame,
                   i < 10 ? std::map<std::string, int>{} : std::map<std::string, int>{{"a qos_limit", 1}})
                  .size();
  }
  EXPECT_EQ(passed, 10U);
}

// What one worker asked for and another one heard: both send on what waited with them, and it is asked for
// once.
TEST_F(Workers, WhatOneLearnsOfANeighbourAllKnow) {
  std::vector<Sent> out;
  for (std::uint16_t i = 0; i < 6; ++i) {
    const auto more = send("a", from("10.0.0.10", static_cast<std::uint16_t>(30000 + i), "203.0.113.77"));
    out.insert(out.end(), more.begin(), more.end());
  }
  ASSERT_EQ(out.size(), 1U) << "one question";
  const Bytes answer = arp(2, mac(kGatewayMac), mac("02:00:00:00:77:77"), ip("203.0.113.77"),
                           mac(kGatewayMac), ip("203.0.113.10"));
  std::set<std::uint16_t> ports;
  for (const Sent& sent_on : send("ext", answer, {{"ext arp_consumed", 1}}))
    ports.insert(parsed(sent_on.bytes).source_port);
  EXPECT_EQ(ports, (std::set<std::uint16_t>{30000, 30001, 30002, 30003, 30004, 30005}));
  EXPECT_GT(connections(0), 0U);
  EXPECT_GT(connections(1), 0U);
  // The station changes: records of both workers have the new address.
  const Bytes moved = arp(2, mac(kGatewayMac), mac("02:00:00:00:77:78"), ip("203.0.113.77"), mac(kGatewayMac),
                          ip("203.0.113.10"));
  send("ext", moved, {{"ext arp_consumed", 1}});
  for (std::uint16_t i = 0; i < 6; ++i) {
    const auto again = send("a", from("10.0.0.10", static_cast<std::uint16_t>(30000 + i), "203.0.113.77"));
    EXPECT_EQ(to_string(parsed(one(again, "ext")).destination), "02:00:00:00:77:78");
  }
}

TEST_F(Workers, FramesThatDidNotGetToTheEngineAreCountedAtTheirDevice) {
  Packet* packet = pool.allocate(60);
  engine->at(1).drop(&packet, 1, device("a"), DropReason::worker_queue_full);
  EXPECT_EQ(drops(), (std::map<std::string, int>{{"a worker_queue_full", 1}, {"ext arp_consumed", 1}}));
  EXPECT_EQ(engine->counters().device(device("a"))->rx_packets.read(), 1U);
}

}  // namespace
}  // namespace hanok::dataplane::test

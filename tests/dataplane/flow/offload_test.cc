// Frames that a guest left work on, through the engine: handed over as they are, or finished.
#include "dataplane/packet/offload.h"

#include "tests/dataplane/flow/test_bed.h"

namespace hanok::dataplane::test {
namespace {

constexpr std::uint8_t kLarge = kL4ChecksumPartial | kSegmentLater;
constexpr std::uint16_t kSegment = 1000;

class Offload : public TestBed {
 protected:
  void SetUp() override {
    StateDocument state = base();
    add_router(state);
    state.uplink["under"]->mtu = 1500;
    state.network["wired"] = NetworkState{1500, {{"vlan", 0, "physnet1", 77}}, false, ""};
    state.subnet["wired4"] = SubnetState{"wired", "10.7.0.0/24", {}, false, {}, {}};
    state.subnet["blue6"] = SubnetState{"blue", "2001:db8::/64", {}, false, {}, {}};
    for (const char* direction : {"ingress", "egress"})
      state.security_group["open"]->rules.push_back(rule(direction, {}, {}, {}, {}, {}, "IPv6"));
    state.port["a"] = port("blue", "fa:16:3e:00:00:0a", "blue4", "10.0.0.10");
    state.port["a"]->addresses.push_back({"blue6", "2001:db8::a"});
    state.port["b"] = port("blue", "fa:16:3e:00:00:0b", "blue4", "10.0.0.11");
    state.port["b"]->addresses.push_back({"blue6", "2001:db8::b"});
    state.port["far"] = port("blue", "fa:16:3e:00:00:0c", "blue4", "10.0.0.12", "open", "node2");
    state.port["far"]->addresses.push_back({"blue6", "2001:db8::c"});
    state.port["v"] = port("wired", "fa:16:3e:00:07:0a", "wired4", "10.7.0.10");
    apply(state);
    learn_vtep();
  }
  static Frame to(const char* destination, std::size_t payload = 4500) {
    Frame frame;
    const std::string address = destination;
    const bool v6 = address.find(':') != std::string::npos;
    frame.to = mac(address == "10.0.0.11" || address == "2001:db8::b" ? "fa:16:3e:00:00:0b"
                   : address.starts_with("10.0.") || v6               ? "fa:16:3e:00:00:0c"
                                                                      : kBlueMac);
    frame.from = mac("fa:16:3e:00:00:0a");
    frame.source = ip(v6 ? "2001:db8::a" : "10.0.0.10");
    frame.destination = ip(destination);
    frame.protocol = protocol::kTcp;
    frame.payload.resize(payload);
    for (std::size_t i = 0; i < payload; ++i) frame.payload[i] = static_cast<std::uint8_t>(i * 7);
    return frame;
  }
  // As a guest hands it over: nothing right in the checksum's field.
  static Bytes unsummed(Bytes bytes) {
    const auto place = find_l4(bytes.data(), static_cast<unsigned>(bytes.size()));
    store16(&bytes[place->l4 + (place->protocol == protocol::kTcp ? 16U : 6U)], 0x1234);
    return bytes;
  }
  // Opens the connection, so that data follows; then sends `frame` as it is left to us.
  void open(Frame frame, const std::string& in = "a") {
    frame.payload.clear();
    frame.flags = tcp_flag::kSyn;
    send(in, frame);
  }
  std::vector<Sent> leave(const Frame& frame, std::uint8_t offload,
                          const std::map<std::string, int>& expected_drops = {},
                          std::uint16_t segment = kSegment, const std::string& in = "a") {
    return leave(unsummed(frame.bytes()), offload, expected_drops, segment, in);
  }
  std::vector<Sent> leave(const Bytes& bytes, std::uint8_t offload,
                          const std::map<std::string, int>& expected_drops = {},
                          std::uint16_t segment = kSegment, const std::string& in = "a") {
    const auto before = drops();
    Packet* packet = pool.allocate(static_cast<std::uint16_t>(bytes.size()));
    std::memcpy(packet->data, bytes.data(), bytes.size());
    packet->offload = offload;
    packet->segment_bytes = (offload & kSegmentLater) != 0 ? segment : std::uint16_t{0};
    sent.clear();
    left_over.clear();
    engine->process(&packet, 1, device(in), now_us, *this);
    EXPECT_EQ(difference(before, drops()), expected_drops);
    return sent;
  }
  [[nodiscard]] std::uint8_t accepts(DeviceIndex out) const override {
    return out == device("b") ? b_accepts : std::uint8_t{0};
  }
  void transmit(DeviceIndex out, Packet* const* packets, unsigned count) override {
    for (unsigned i = 0; i < count; ++i) left_over.push_back(packets[i]->offload);
    TestBed::transmit(out, packets, count);
  }
  // Whole and right, together what was sent; none longer than `most`.
  static void expect_segments(const std::vector<Bytes>& pieces, const Frame& whole, std::size_t most) {
    Bytes payload;
    for (const Bytes& piece : pieces) {
      const Parsed head = parsed(piece);
      const auto l4 = static_cast<std::uint16_t>(head.l3_end - head.l4_offset);
      EXPECT_EQ(l4_checksum(head.ip_source, head.ip_destination, protocol::kTcp, &piece[head.l4_offset], l4),
                0);
      EXPECT_LE(piece.size(), most);
      EXPECT_EQ(load32(&piece[head.l4_offset + 4U]), payload.size());
      payload.insert(payload.end(), piece.begin() + head.l4_offset + kTcpBytes, piece.end());
    }
    EXPECT_EQ(payload, whole.payload);
  }
  std::vector<Bytes> inner(const std::vector<Sent>& all) {
    std::vector<Bytes> out;
    for (const Sent& one : all) {
      EXPECT_LE(one.bytes.size(), 1514U);
      out.push_back(out_of_vxlan(one.bytes, 100));
    }
    return out;
  }

  std::uint8_t b_accepts = kLarge;
  std::vector<std::uint8_t> left_over;
};

Frame data(Frame frame) {
  frame.flags = tcp_flag::kAck;
  return frame;
}

TEST_F(Offload, GuestToGuestGoesAsItIs) {
  for (const char* destination : {"10.0.0.11", "2001:db8::b"}) {
    const Frame frame = data(to(destination, 60000));
    open(frame);
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(one(leave(frame, kLarge), "b"), unsummed(frame.bytes()));
      EXPECT_EQ(left_over, std::vector<std::uint8_t>{kLarge});
    }
  }
  EXPECT_EQ(engine->counters().large_frames_cut.read(), 0U);
  EXPECT_EQ(engine->counters().checksums_made.read(), 0U);
}

TEST_F(Offload, GuestThatTakesNoneGetsSegments) {
  const Frame frame = data(to("10.0.0.11"));
  open(frame);
  for (const std::uint8_t accepted : {std::uint8_t{0}, kL4ChecksumPartial}) {
    b_accepts = accepted;
    std::vector<Bytes> pieces;
    for (const Sent& one : leave(frame, kLarge)) pieces.push_back(one.bytes);
    EXPECT_EQ(pieces.size(), 5U);
    expect_segments(pieces, frame, 54 + kSegment);
  }
  EXPECT_EQ(engine->counters().large_frames_cut.read(), 2U);
  EXPECT_EQ(engine->counters().segments_made.read(), 10U);
}

TEST_F(Offload, SmallFramesGetTheirChecksumOrKeepItLeft) {
  for (const std::uint8_t which : {protocol::kTcp, protocol::kUdp}) {
    Frame frame = data(to("10.0.0.11", 100));
    frame.protocol = which;
    open(frame);
    b_accepts = kL4ChecksumPartial;
    for (int i = 0; i < 2; ++i)
      EXPECT_EQ(one(leave(frame, kL4ChecksumPartial), "b"), unsummed(frame.bytes()));
    b_accepts = 0;
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(one(leave(frame, kL4ChecksumPartial), "b"), frame.bytes());
      EXPECT_EQ(left_over, std::vector<std::uint8_t>{0});
    }
  }
  EXPECT_EQ(engine->counters().checksums_made.read(), 4U);
}

TEST_F(Offload, IsFinishedBeforeItsOuterHeader) {
  for (const char* destination : {"10.0.0.12", "2001:db8::c"}) {
    const Frame frame = data(to(destination));
    open(frame);
    const auto pieces = inner(leave(frame, kLarge));
    EXPECT_EQ(pieces.size(), 5U);
    expect_segments(pieces, frame, 74 + kSegment);
    const Frame small = data(to(destination, 50));
    EXPECT_EQ(out_of_vxlan(one(leave(small, kL4ChecksumPartial), "under"), 100), small.bytes());
  }
}

TEST_F(Offload, IsFinishedBeforeItsTag) {
  Frame frame = data(to("10.0.0.12"));
  frame.to = mac("fa:16:3e:00:07:99");  // a station of the wire
  frame.from = mac("fa:16:3e:00:07:0a");
  frame.source = ip("10.7.0.10"), frame.destination = ip("10.7.0.99");
  open(frame, "v");
  std::vector<Bytes> pieces;
  for (const Sent& one : leave(frame, kLarge, {}, kSegment, "v")) {
    EXPECT_EQ(load16(&one.bytes[12]), ethertype::kVlan);
    pieces.push_back(one.bytes);
  }
  EXPECT_EQ(pieces.size(), 5U);
  expect_segments(pieces, frame, 58 + kSegment);
}

TEST_F(Offload, TranslatedFramesAreRight) {
  const Frame frame = data(to("198.51.100.7"));
  // The gateway's neighbour answers for what it was asked.
  open(frame);
  send("ext",
       arp(2, mac(kGatewayMac), mac("02:00:00:00:00:77"), ip("203.0.113.1"), mac(kGatewayMac),
           ip("203.0.113.10")),
       {{"ext arp_consumed", 1}});
  std::vector<Bytes> pieces;
  for (const Sent& one : leave(frame, kLarge)) pieces.push_back(one.bytes);
  ASSERT_EQ(pieces.size(), 5U);
  EXPECT_EQ(to_string(parsed(pieces[0]).ip_source), "203.0.113.10");
  expect_segments(pieces, frame, 54 + kSegment);
  const Frame small = data(to("198.51.100.7", 50));
  parsed(one(leave(small, kL4ChecksumPartial), "ext"));
}

TEST_F(Offload, WhatFitsGoesByTheSegment) {
  const Frame frame = data(to("10.0.0.12", 4200));
  open(frame);
  EXPECT_EQ(leave(frame, kLarge, {}, 1410).size(), 3U);
  // A byte more per segment, and its sender is told.
  const Parsed error = parsed(one(leave(frame, kLarge, {{"a mtu_exceeded", 1}}, 1411), "a"));
  EXPECT_EQ(error.icmp_code, icmp::kFragmentNeeded);
  // Without DF, in smaller segments instead.
  Bytes bytes = unsummed(frame.bytes());
  bytes[20] &= 0xbfU;
  store16(&bytes[24], 0), store16(&bytes[24], checksum(&bytes[14], 20));
  const auto pieces = inner(leave(bytes, kLarge, {}, 1460));
  EXPECT_EQ(pieces.size(), 3U);
  expect_segments(pieces, frame, 54 + 1410);
}

TEST_F(Offload, LimitsAreKeptByTheSegment) {
  StateDocument change;
  change.port["a"] = tables->data().ports.named("a")->state;
  change.port["a"]->qos = QosState{{}, RateState{8000, 40}, {}};  // 5,000 bytes
  apply(change);
  const Frame frame = data(to("10.0.0.11", 6000));
  open(frame);
  // 54 bytes went with the SYN.
  EXPECT_EQ(leave(frame, kLarge, {{"a qos_limit", 2}}).size(), 4U);
  EXPECT_EQ(engine->counters().segments_made.read(), 6U);
}

TEST_F(Offload, FloodedFramesAreWhole) {
  Frame frame = to("10.0.0.11", 40);
  frame.to = kBroadcast;
  frame.destination = ip("10.0.0.255");
  frame.protocol = protocol::kUdp;
  b_accepts = 0;
  const auto all = leave(frame, kL4ChecksumPartial);
  ASSERT_EQ(all.size(), 2U);  // to b, and to the other host
  for (const Sent& one : all) {
    EXPECT_EQ(device_name(one.device) == "b" ? one.bytes : out_of_vxlan(one.bytes, 100), frame.bytes());
  }
}

TEST_F(Offload, DatagramsAreCutWhole) {
  Frame frame = to("10.0.0.12", 1472);
  frame.protocol = protocol::kUdp;
  Bytes bytes = unsummed(frame.bytes());
  bytes[20] &= 0xbfU;
  store16(&bytes[24], 0), store16(&bytes[24], checksum(&bytes[14], 20));
  const auto pieces = inner(leave(bytes, kL4ChecksumPartial));
  ASSERT_EQ(pieces.size(), 2U);
  const Bytes good = frame.bytes();
  EXPECT_EQ(load16(&pieces[0][40]), load16(&good[40]));
}

TEST_F(Offload, NothingIsBelievedThatMakesNoSense) {
  const Frame frame = data(to("10.0.0.11"));
  open(frame);
  EXPECT_TRUE(leave(frame, kLarge, {{"a gso_bad_size", 1}}, 0).empty());
  EXPECT_TRUE(leave(frame, kLarge, {{"a gso_bad_size", 1}}, 17).empty());
  Frame syn = frame;
  syn.flags = tcp_flag::kSyn;
  EXPECT_TRUE(leave(syn, kLarge, {{"a gso_bad_flags", 1}}).empty());
  Frame udp = frame;
  udp.protocol = protocol::kUdp;
  EXPECT_TRUE(leave(udp, kLarge, {{"a gso_not_tcp", 1}}).empty());
  Frame echo = frame;
  echo.protocol = protocol::kIcmp;
  EXPECT_TRUE(leave(echo.bytes(), kL4ChecksumPartial, {{"a checksum_not_tcp_or_udp", 1}}).empty());
  EXPECT_EQ(engine->counters().segments_made.read(), 0U);
}

TEST_F(Offload, LargeFramesWaitForNobody) {
  const Frame frame = data(to("198.51.100.7"));
  leave(frame, kLarge, {{"a large_frame_unresolved", 1}});
}

TEST_F(Offload, WithoutBuffersTheRestIsDropped) {
  const Frame frame = data(to("10.0.0.12"));
  open(frame);
  Packet* packet = pool.allocate(static_cast<std::uint16_t>(frame.bytes().size()));
  const Bytes bytes = frame.bytes();
  std::memcpy(packet->data, bytes.data(), bytes.size());
  packet->offload = kLarge;
  packet->segment_bytes = kSegment;
  pool.refuse = true;
  const auto before = drops();
  engine->process(&packet, 1, device("a"), now_us, *this);
  EXPECT_EQ(difference(before, drops()), (std::map<std::string, int>{{"a no_buffer", 1}}));
}

}  // namespace
}  // namespace hanok::dataplane::test

// Large TCP frames cut into segments, segments joined again, checksums made; and what is refused.
#include "dataplane/packet/offload.h"

#include <gtest/gtest.h>

#include <numeric>
#include <random>

#include "dataplane/packet/coalesce.h"
#include "dataplane/packet/long_sum.h"
#include "dataplane/packet/segment.h"
#include "tests/dataplane/flow/test_bed.h"

namespace hanok::dataplane::test {
namespace {

constexpr std::uint8_t kAll = tcp_flag::kAck | tcp_flag::kPsh | tcp_flag::kFin | tcp_flag::kCwr;

Frame tcp_frame(bool v6, std::size_t payload, std::uint8_t flags = tcp_flag::kAck) {
  Frame frame;
  frame.to = mac("fa:16:3e:00:00:0b");
  frame.from = mac("fa:16:3e:00:00:0a");
  frame.source = ip(v6 ? "2001:db8::1" : "10.0.0.1");
  frame.destination = ip(v6 ? "2001:db8::2" : "10.0.0.2");
  frame.protocol = protocol::kTcp;
  frame.flags = flags;
  frame.payload.resize(payload);
  std::iota(frame.payload.begin(), frame.payload.end(), std::uint8_t{3});
  return frame;
}

// One of these owns its bytes.
struct Held {
  Bytes bytes;
  Packet packet;
  explicit Held(Bytes frame, std::uint8_t offload = 0, std::uint16_t segment = 0) : bytes(std::move(frame)) {
    packet.data = bytes.data();
    packet.length = static_cast<std::uint16_t>(bytes.size());
    packet.offload = offload;
    packet.segment_bytes = segment;
  }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  [[nodiscard]] HeaderPlace place() const { return *find_l4(packet.data, packet.length); }
};

// Checks every checksum, IPv6's too.
Parsed right(const Bytes& bytes) {
  const Parsed out = parsed(bytes);
  const Bytes l4(bytes.begin() + out.l4_offset, bytes.begin() + out.l3_end);
  EXPECT_EQ(l4_checksum(out.ip_source, out.ip_destination, out.protocol, l4.data(),
                        static_cast<std::uint16_t>(l4.size())) &
                (out.protocol == protocol::kUdp ? 0U : 0xffffU),
            0U);
  return out;
}

std::vector<Bytes> segments_of(const Held& large) {
  const Segments segments(large.packet, large.place());
  std::vector<Bytes> out;
  for (unsigned i = 0; i < segments.count(); ++i) {
    out.emplace_back(segments.bytes(i));
    segments.write(i, out.back().data());
  }
  return out;
}

// Joins as an edge would: payloads at the end of their heads.
std::vector<Bytes> joined(std::vector<std::unique_ptr<Held>>& frames) {
  std::vector<Packet*> packets;
  for (const auto& frame : frames) packets.push_back(&frame->packet);
  std::vector<std::uint8_t> joins(frames.size());
  const unsigned left = coalesce(packets.data(), static_cast<unsigned>(packets.size()), joins.data());
  std::vector<Bytes> all(frames.size());
  std::vector<Bytes> out;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const Packet& packet = *packets[i];
    Bytes& to = all[joins[i]];
    to.insert(to.end(), packet.data, packet.data + packet.length);
  }
  for (std::size_t i = 0; i < frames.size(); ++i) {
    if (joins[i] == i) out.push_back(all[i]);
  }
  EXPECT_EQ(out.size(), left);
  return out;
}

std::vector<std::unique_ptr<Held>> hold(const std::vector<Bytes>& frames) {
  std::vector<std::unique_ptr<Held>> out;
  for (const Bytes& bytes : frames) out.push_back(std::make_unique<Held>(bytes));
  return out;
}

TEST(LongSum, IsTheShortOne) {
  std::mt19937 random(7);
  Bytes bytes(5000);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
  for (const std::size_t length : {0U, 1U, 2U, 7U, 8U, 31U, 32U, 33U, 63U, 1447U, 4999U})
    EXPECT_EQ(long_sum(&bytes[1], length), fold(sum_bytes(&bytes[1], length))) << length;
  EXPECT_EQ(long_sum(Bytes(64, 0xff).data(), 64), 0xffff);
  EXPECT_EQ(long_sum(Bytes(64, 0).data(), 64), 0);
}

TEST(Segments, EachIsAFrameOfItsOwn) {
  for (const bool v6 : {false, true}) {
    const Frame whole = tcp_frame(v6, 60001, kAll);
    Bytes bytes = whole.bytes();
    const unsigned l4 = v6 ? 54 : 34;
    store32(&bytes[l4 + 4], 0xffffff00U);  // the sequence number passes zero
    if (!v6)
      store16(&bytes[18], 0xfffe), store16(&bytes[24], 0), store16(&bytes[24], checksum(&bytes[14], 20));
    const Held large(bytes, kL4ChecksumPartial | kSegmentLater, 1400);
    Bytes payload;
    const auto pieces = segments_of(large);
    ASSERT_EQ(pieces.size(), 43U);
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      right(pieces[i]);
      EXPECT_EQ(pieces[i].size(), l4 + 20 + (i < 42 ? 1400U : 60001U % 1400U));
      EXPECT_EQ(load32(&pieces[i][l4 + 4]), static_cast<std::uint32_t>(0xffffff00U + i * 1400));
      if (!v6) {
        EXPECT_EQ(load16(&pieces[i][18]), static_cast<std::uint16_t>(0xfffe + i));
      }
      unsigned flags = tcp_flag::kAck;
      if (i == 0) flags |= tcp_flag::kCwr;
      if (i == 42) flags |= tcp_flag::kPsh | tcp_flag::kFin;
      EXPECT_EQ(pieces[i][l4 + 13], flags);
      payload.insert(payload.end(), pieces[i].begin() + l4 + 20, pieces[i].end());
    }
    EXPECT_EQ(payload, whole.payload);
  }
}

TEST(Segments, JoinedAgainAreTheLargeFrame) {
  for (const bool v6 : {false, true}) {
    Bytes bytes = tcp_frame(v6, 30000, tcp_flag::kAck | tcp_flag::kPsh).bytes();
    bytes[6 + 5] = 0x0a;
    const Held large(bytes, kL4ChecksumPartial | kSegmentLater, 1400);
    auto frames = hold(segments_of(large));
    const auto whole = joined(frames);
    ASSERT_EQ(whole.size(), 1U);
    EXPECT_EQ(frames[0]->packet.offload, kL4ChecksumPartial | kSegmentLater);
    EXPECT_EQ(frames[0]->packet.segment_bytes, 1400);
    Bytes back = whole[0];
    complete_checksum(back.data(), large.place());
    EXPECT_EQ(back, bytes);
  }
}

// Three segments of which the second is spoiled.
class Spoiled : public testing::Test {
 protected:
  // How many frames are left of four, the third changed by `spoil` (and sealed again).
  template <typename Spoil>
  static std::size_t left(Spoil&& spoil, bool seal = true, bool v6 = false) {
    auto pieces =
        segments_of(Held(tcp_frame(v6, 4 * 1000).bytes(), kL4ChecksumPartial | kSegmentLater, 1000));
    spoil(pieces[2]);
    if (seal) {
      const Held one(pieces[2]);
      if (!v6) store16(&pieces[2][24], 0), store16(&pieces[2][24], checksum(&pieces[2][14], 20));
      complete_checksum(pieces[2].data(), one.place());
    }
    auto frames = hold(pieces);
    return joined(frames).size();
  }
};

TEST_F(Spoiled, IsNotJoined) {
  EXPECT_EQ(left([](Bytes&) {}), 1U);
  EXPECT_EQ(left([](Bytes&) {}, true, true), 1U);
  // Its place in the connection is kept: what follows it is not joined to what was before it.
  EXPECT_EQ(left([](Bytes& frame) { frame[60] ^= 1U; }, false), 3U) << "a wrong checksum";
  EXPECT_EQ(left([](Bytes& frame) { frame[41] += 1; }), 4U - 1U) << "a gap";
  EXPECT_EQ(left([](Bytes& frame) { frame[45] += 1; }), 3U) << "another acknowledgement";
  EXPECT_EQ(left([](Bytes& frame) { frame[49] += 1; }), 3U) << "another window";
  EXPECT_EQ(left([](Bytes& frame) { frame[47] |= tcp_flag::kUrg; }), 3U);
  EXPECT_EQ(left([](Bytes& frame) { frame[47] |= tcp_flag::kEce; }), 3U);
  EXPECT_EQ(left([](Bytes& frame) { frame[47] |= tcp_flag::kCwr; }), 3U);
  EXPECT_EQ(left([](Bytes& frame) { frame[47] |= tcp_flag::kRst; }), 3U);
  EXPECT_EQ(left([](Bytes& frame) { frame[15] = 3; }), 3U) << "congestion was met";
  EXPECT_EQ(left([](Bytes& frame) { frame[22] = 63; }), 3U) << "another TTL";
  EXPECT_EQ(left([](Bytes& frame) { frame[19] += 1; }), 3U) << "another identification";
  EXPECT_EQ(left([](Bytes& frame) { frame[20] = 0; }), 3U) << "may be cut";
  EXPECT_EQ(left([](Bytes& frame) { frame[0] ^= 2U; }), 3U) << "another station";
  EXPECT_EQ(left([](Bytes& frame) { frame[17] += 1, frame.push_back(0); }), 3U) << "longer than those before";
  EXPECT_EQ(left([](Bytes& frame) { frame.push_back(0); }), 3U) << "padded";
  EXPECT_EQ(left([](Bytes& frame) { frame[47] |= tcp_flag::kPsh; }), 2U) << "pushed: the last of its frame";
  EXPECT_EQ(left([](Bytes& frame) { frame[34] ^= 1U; }), 3U) << "of another connection";
}

TEST(Coalesce, KeepsConnectionsApartAndOthersWhereTheyAre) {
  Frame other = tcp_frame(false, 3000);
  other.source_port = 99;
  const auto a = segments_of(Held(tcp_frame(false, 3000).bytes(), kL4ChecksumPartial | kSegmentLater, 1000));
  const auto b = segments_of(Held(other.bytes(), kL4ChecksumPartial | kSegmentLater, 1000));
  Frame udp = tcp_frame(false, 20);
  udp.protocol = protocol::kUdp;
  const Bytes acknowledgement = tcp_frame(false, 0).bytes();
  auto frames = hold({a[0], b[0], udp.bytes(), b[1], a[1], acknowledgement, a[2], b[2]});
  const auto whole = joined(frames);
  ASSERT_EQ(whole.size(), 5U);
  EXPECT_EQ(whole[0].size(), 54U + 2000);  // a, until its acknowledgement
  EXPECT_EQ(whole[1].size(), 54U + 3000);  // b
  EXPECT_EQ(whole[2], udp.bytes());
  EXPECT_EQ(whole[3], acknowledgement);
  EXPECT_EQ(whole[4], a[2]);
}

TEST(Coalesce, StopsAtTheLongestDatagramAndAtMostConnections) {
  // 46 segments of 1448 are more than one datagram holds.
  auto first =
      segments_of(Held(tcp_frame(false, 23 * 1448).bytes(), kL4ChecksumPartial | kSegmentLater, 1448));
  Bytes second = tcp_frame(false, 23 * 1448).bytes();
  store32(&second[38], 23 * 1448);
  store16(&second[18], 23);
  store16(&second[24], 0), store16(&second[24], checksum(&second[14], 20));
  for (Bytes& piece : segments_of(Held(second, kL4ChecksumPartial | kSegmentLater, 1448)))
    first.push_back(piece);
  auto frames = hold(first);
  const auto whole = joined(frames);
  ASSERT_EQ(whole.size(), 2U);
  EXPECT_EQ(whole[0].size(), 54U + 45 * 1448);
  EXPECT_EQ(load16(&whole[0][16]), 40 + 45 * 1448);
  // Twelve connections, two segments each, in turn: none is lost or mixed.
  std::vector<Bytes> many;
  for (const std::size_t part : {0U, 1U}) {
    for (std::uint16_t port = 1; port <= 12; ++port) {
      Frame frame = tcp_frame(false, 2000);
      frame.source_port = port;
      many.push_back(segments_of(Held(frame.bytes(), kL4ChecksumPartial | kSegmentLater, 1000))[part]);
    }
  }
  auto held = hold(many);
  std::size_t bytes = 0;
  for (const Bytes& one : joined(held)) bytes += one.size() - 54;
  EXPECT_EQ(bytes, 24000U);
}

TEST(Offload, ChecksumsAreMadeFromTheStart) {
  for (const bool v6 : {false, true}) {
    for (const std::uint8_t which : {protocol::kTcp, protocol::kUdp}) {
      Frame frame = tcp_frame(v6, 1001);
      frame.protocol = which;
      const Bytes good = frame.bytes();
      Bytes bytes = good;
      const Held one(good);
      store16(&bytes[one.place().l4 + (which == protocol::kTcp ? 16U : 6U)], 0xbeef);
      complete_checksum(bytes.data(), one.place());
      EXPECT_EQ(bytes, good);
    }
  }
}

std::optional<DropReason> judged(const Bytes& bytes, std::uint8_t offload, std::uint16_t segment = 0) {
  Held one(bytes, offload, segment);
  Parsed parsed;
  EXPECT_FALSE(parse_frame(one.packet.data, one.packet.length, parsed));
  return check_offload(one.packet, parsed);
}

TEST(Offload, WhatMakesNoSenseIsRefusedByName) {
  constexpr std::uint8_t kLarge = kL4ChecksumPartial | kSegmentLater;
  const auto tcp = [](std::uint8_t flags, std::size_t payload = 3000) {
    return tcp_frame(false, payload, flags).bytes();
  };
  EXPECT_EQ(judged(tcp(tcp_flag::kAck), kLarge, 1000), std::nullopt);
  EXPECT_EQ(judged(tcp(tcp_flag::kSyn), kL4ChecksumPartial), std::nullopt);
  EXPECT_EQ(judged(tcp(tcp_flag::kSyn), kLarge, 1000), DropReason::gso_bad_flags);
  EXPECT_EQ(judged(tcp(tcp_flag::kAck | tcp_flag::kRst), kLarge, 1000), DropReason::gso_bad_flags);
  EXPECT_EQ(judged(tcp(tcp_flag::kAck), kLarge, 0), DropReason::gso_bad_size);
  EXPECT_EQ(judged(tcp(tcp_flag::kAck, 257), kLarge, 1), DropReason::gso_bad_size);
  EXPECT_EQ(judged(tcp(tcp_flag::kAck, 256), kLarge, 1), std::nullopt);
  Frame other = tcp_frame(false, 3000);
  other.protocol = protocol::kUdp;
  EXPECT_EQ(judged(other.bytes(), kL4ChecksumPartial), std::nullopt);
  EXPECT_EQ(judged(other.bytes(), kLarge, 1000), DropReason::gso_not_tcp);
  other.protocol = protocol::kIcmp;
  EXPECT_EQ(judged(other.bytes(), kL4ChecksumPartial), DropReason::checksum_not_tcp_or_udp);
  other.protocol = protocol::kTcp;
  other.flags = tcp_flag::kAck;
  other.to = kBroadcast;
  EXPECT_EQ(judged(other.bytes(), kLarge, 1000), DropReason::gso_not_tcp);
  Bytes fragment = tcp(tcp_flag::kAck);
  fragment[20] = 0x20;  // more follow
  store16(&fragment[24], 0), store16(&fragment[24], checksum(&fragment[14], 20));
  EXPECT_EQ(judged(fragment, kL4ChecksumPartial), DropReason::checksum_not_tcp_or_udp);
  EXPECT_EQ(judged(arp(1, kBroadcast, other.from, ip("10.0.0.1"), Mac{}, ip("10.0.0.2")), kL4ChecksumPartial),
            DropReason::checksum_not_tcp_or_udp);
}

TEST(Offload, OneSegmentIsAPlainFrame) {
  Held one(tcp_frame(false, 1000).bytes(), kL4ChecksumPartial | kSegmentLater, 1000);
  Parsed parsed;
  ASSERT_FALSE(parse_frame(one.packet.data, one.packet.length, parsed));
  EXPECT_EQ(check_offload(one.packet, parsed), std::nullopt);
  EXPECT_EQ(one.packet.offload, kL4ChecksumPartial);
}

}  // namespace
}  // namespace hanok::dataplane::test

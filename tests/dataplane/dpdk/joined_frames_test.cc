// Work left to do, between the engine's bits and DPDK's flags; chains that go to a guest, and what is left of
// them.
#include "dataplane/dpdk/joined_frames.h"

#include <gtest/gtest.h>

#include "dataplane/packet/segment.h"
#include "tests/dataplane/dpdk/test_eal.h"
#include "tests/dataplane/flow/test_bed.h"

namespace hanok::dataplane::dpdk {
namespace {

class JoinedFrames : public testing::Test {
 protected:
  ~JoinedFrames() override { EXPECT_EQ(rte_mempool_in_use_count(eal().pool()), in_use_); }

  static test::Bytes tcp(std::size_t payload) {
    test::Frame frame;
    frame.to = test::mac("fa:16:3e:00:00:0b");
    frame.from = test::mac("fa:16:3e:00:00:0a");
    frame.source = test::ip("10.0.0.1");
    frame.destination = test::ip("10.0.0.2");
    frame.protocol = protocol::kTcp;
    frame.flags = tcp_flag::kAck;
    frame.payload.assign(payload, 'x');
    return frame.bytes();
  }
  static rte_mbuf* buffer(const test::Bytes& bytes) {
    rte_mbuf* frame = rte_pktmbuf_alloc(eal().pool());
    std::memcpy(rte_pktmbuf_append(frame, static_cast<std::uint16_t>(bytes.size())), bytes.data(),
                bytes.size());
    return frame;
  }
  // Four segments of one connection, as the engine gives them out, and a datagram between them.
  static std::array<rte_mbuf*, 5> burst() {
    test::Bytes bytes = tcp(4000);
    Packet large;
    large.data = bytes.data();
    large.length = static_cast<std::uint16_t>(bytes.size());
    large.segment_bytes = 1000;
    const Segments segments(large, *find_l4(large.data, large.length));
    std::array<rte_mbuf*, 5> out{};
    unsigned number = 0;
    for (std::size_t i = 0; i < out.size(); ++i) {
      test::Bytes piece(segments.bytes(number));
      segments.write(number, piece.data());
      if (i != 2) ++number;
      if (i == 2) piece[23] = protocol::kUdp;
      out[i] = frame_of(*packet_of(buffer(piece)));
    }
    return out;
  }

  unsigned in_use_ = rte_mempool_in_use_count(eal().pool());
};

TEST_F(JoinedFrames, FlagsOfADeviceAreTheEnginesBitsAndBack) {
  rte_mbuf* frame = buffer(tcp(3));
  EXPECT_EQ(packet_of(frame)->offload, 0);
  frame->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_GOOD;
  EXPECT_EQ(packet_of(frame)->offload, 0);
  frame->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_NONE;
  EXPECT_EQ(packet_of(frame)->offload, kL4ChecksumPartial);
  frame->ol_flags = RTE_MBUF_F_RX_LRO | RTE_MBUF_F_RX_L4_CKSUM_NONE;
  frame->tso_segsz = 1448;
  const Packet& large = *packet_of(frame);
  EXPECT_EQ(large.offload, kL4ChecksumPartial | kSegmentLater);
  EXPECT_EQ(large.segment_bytes, 1448);
  EXPECT_EQ(frame_of(large)->ol_flags, RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_TCP_SEG);
  EXPECT_EQ(frame->l2_len, 14);
  EXPECT_EQ(frame->l3_len, 20);
  EXPECT_EQ(frame->l4_len, 20);
  EXPECT_EQ(frame->tso_segsz, 1448);
  rte_pktmbuf_free(frame);
}

TEST_F(JoinedFrames, AreOneChainWithItsWorkToDo) {
  auto frames = burst();
  std::array<rte_mbuf*, 5> whole{};
  ASSERT_EQ(join(frames.data(), 5, whole.data()), 2);
  rte_mbuf* const chain = whole[0];
  EXPECT_EQ(chain->nb_segs, 4);
  EXPECT_EQ(chain->pkt_len, 54U + 4000);
  EXPECT_EQ(chain->tso_segsz, 1000);
  EXPECT_NE(chain->ol_flags & RTE_MBUF_F_TX_TCP_SEG, 0U);
  EXPECT_EQ(rte_pktmbuf_linearize(chain), -1);  // more than a buffer holds
  EXPECT_EQ(whole[1]->nb_segs, 1);
  EXPECT_EQ(whole[1]->ol_flags, 0U);
  rte_pktmbuf_free_bulk(whole.data(), 2);
}

TEST_F(JoinedFrames, TakenApartAreAsManyAsBefore) {
  auto frames = burst();
  std::array<rte_mbuf*, 5> whole{};
  ASSERT_EQ(join(frames.data(), 5, whole.data()), 2);
  // The guest took none.
  std::uint16_t placed = split(whole[1], frames.data(), 5, 0);
  EXPECT_EQ(placed, 1);
  placed = split(whole[0], frames.data(), 5, placed);
  EXPECT_EQ(placed, 5);
  for (const rte_mbuf* frame : frames) EXPECT_EQ(frame->nb_segs, 1);
  rte_pktmbuf_free_bulk(frames.data(), 5);
}

TEST_F(JoinedFrames, NothingToJoinIsLeftAsItIs) {
  std::array<rte_mbuf*, 2> frames = {frame_of(*packet_of(buffer(tcp(0)))),
                                     frame_of(*packet_of(buffer(tcp(0))))};
  std::array<rte_mbuf*, 2> whole{};
  EXPECT_EQ(join(frames.data(), 2, whole.data()), 2);
  EXPECT_EQ(whole, frames);
  rte_pktmbuf_free_bulk(frames.data(), 2);
}

}  // namespace
}  // namespace hanok::dataplane::dpdk

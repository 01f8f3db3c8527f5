#include "dataplane/dpdk/packet_pool.h"

#include <algorithm>

#include "common/error.h"
#include "dataplane/packet/headers.h"
#include "dataplane/packet/offload.h"

namespace hanok::dataplane::dpdk {

void take_offload(const rte_mbuf& frame, Packet& packet) {
  if ((frame.ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_NONE)
    packet.offload = kL4ChecksumPartial;
  if ((frame.ol_flags & RTE_MBUF_F_RX_LRO) != 0) {
    packet.offload = kL4ChecksumPartial | kSegmentLater;
    packet.segment_bytes = frame.tso_segsz;
  }
}

void give_offload(const Packet& packet, rte_mbuf& frame) {
  const auto place = find_l4(packet.data, packet.length);
  HANOK_ASSERT(place.has_value());  // the engine saw to it
  frame.l2_len = place->l3;
  frame.l3_len = place->l4 - place->l3;
  frame.l4_len = place->payload - place->l4;
  frame.ol_flags |= place->ipv4 ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6;
  frame.ol_flags |= place->protocol == protocol::kTcp ? RTE_MBUF_F_TX_TCP_CKSUM : RTE_MBUF_F_TX_UDP_CKSUM;
  if ((packet.offload & kSegmentLater) == 0) return;
  frame.ol_flags |= RTE_MBUF_F_TX_TCP_SEG;
  frame.tso_segsz = packet.segment_bytes;
}

Packet* PacketPool::allocate(std::uint16_t length) {
  rte_mbuf* frame = rte_pktmbuf_alloc(pool_);
  if (frame == nullptr) return nullptr;
  if (rte_pktmbuf_append(frame, length) == nullptr) {  // longer than a buffer
    rte_pktmbuf_free(frame);
    return nullptr;
  }
  return packet_of(frame);
}

void PacketPool::release(Packet* const* packets, unsigned count) {
  constexpr unsigned kBatch = 64;
  rte_mbuf* frames[kBatch];
  while (count > 0) {
    const unsigned now = std::min(count, kBatch);
    for (unsigned i = 0; i < now; ++i) frames[i] = static_cast<rte_mbuf*>(packets[i]->buffer);
    rte_pktmbuf_free_bulk(frames, now);
    packets += now;
    count -= now;
  }
}

}  // namespace hanok::dataplane::dpdk

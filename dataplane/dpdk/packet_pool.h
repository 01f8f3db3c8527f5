#pragma once
// Frames between DPDK's buffers and the engine: a Packet lives in the private area of its mbuf, so that going
// from one to the other is arithmetic. Only files of this folder include this.

#include <rte_mbuf.h>

#include "dataplane/packet/packet.h"

namespace hanok::dataplane::dpdk {

inline constexpr std::uint16_t kPrivateBytes =
    (sizeof(Packet) + RTE_MBUF_PRIV_ALIGN - 1U) & ~static_cast<unsigned>(RTE_MBUF_PRIV_ALIGN - 1);

// Of a frame that was one of the engine's.
inline Packet& packet_in(rte_mbuf& frame) {
  return *static_cast<Packet*>(rte_mbuf_to_priv(&frame));
}

// What the device says is left to do: a checksum that is not in the frame (what there is of it was checked),
// or several segments in one frame.
void take_offload(const rte_mbuf& frame, Packet& packet);
// The same for a device that accepts such frames.
void give_offload(const Packet& packet, rte_mbuf& frame);

// Of a frame that a device received, in one segment.
inline Packet* packet_of(rte_mbuf* frame) {
  auto* packet = static_cast<Packet*>(rte_mbuf_to_priv(frame));
  packet->data = rte_pktmbuf_mtod(frame, std::uint8_t*);
  packet->length = frame->data_len;
  packet->headroom = frame->data_off;
  packet->tailroom = static_cast<std::uint16_t>(frame->buf_len - frame->data_off - frame->data_len);
  packet->offload = 0;
  packet->segment_bytes = 0;
  packet->buffer = frame;
  constexpr std::uint64_t kWork = RTE_MBUF_F_RX_LRO | RTE_MBUF_F_RX_L4_CKSUM_MASK;
  if ((frame->ol_flags & kWork) != 0) take_offload(*frame, *packet);
  return packet;
}

// With what the engine did to the frame's bounds.
inline rte_mbuf* frame_of(const Packet& packet) {
  auto* frame = static_cast<rte_mbuf*>(packet.buffer);
  frame->data_off = static_cast<std::uint16_t>(packet.data - static_cast<std::uint8_t*>(frame->buf_addr));
  frame->data_len = packet.length;
  frame->pkt_len = packet.length;
  frame->ol_flags &= RTE_MBUF_F_EXTERNAL;  // who owns the buffer, no more
  if (packet.offload != 0) give_offload(packet, *frame);
  return frame;
}

class PacketPool final : public BufferPool {
 public:
  explicit PacketPool(rte_mempool* pool) : pool_(pool) {}
  [[nodiscard]] Packet* allocate(std::uint16_t length) override;
  void release(Packet* const* packets, unsigned count) override;

 private:
  rte_mempool* pool_;
};

}  // namespace hanok::dataplane::dpdk

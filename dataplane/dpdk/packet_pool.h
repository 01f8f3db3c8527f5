#pragma once
// Frames between DPDK's buffers and the engine: a Packet lives in the private area of its mbuf, so that going
// from one to the other is arithmetic. Only files of this folder include this.

#include <rte_mbuf.h>

#include "dataplane/packet/packet.h"

namespace hanok::dataplane::dpdk {

inline constexpr std::uint16_t kPrivateBytes =
    (sizeof(Packet) + RTE_MBUF_PRIV_ALIGN - 1U) & ~static_cast<unsigned>(RTE_MBUF_PRIV_ALIGN - 1);

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
  return packet;
}

// With what the engine did to the frame's bounds.
inline rte_mbuf* frame_of(const Packet& packet) {
  auto* frame = static_cast<rte_mbuf*>(packet.buffer);
  frame->data_off = static_cast<std::uint16_t>(packet.data - static_cast<std::uint8_t*>(frame->buf_addr));
  frame->data_len = packet.length;
  frame->pkt_len = packet.length;
  frame->ol_flags = 0;
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

#include "dataplane/dpdk/packet_pool.h"

#include <algorithm>

namespace hanok::dataplane::dpdk {

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

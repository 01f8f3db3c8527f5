#include "dataplane/dpdk/handover.h"

#include <fmt/format.h>
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

namespace hanok::dataplane::dpdk {

Result<std::unique_ptr<Handover>> Handover::between(unsigned workers) {
  std::unique_ptr<Handover> made(new Handover(workers));
  for (unsigned i = 0; i < workers * workers; ++i) {
    if (i / workers == i % workers) {
      made->rings_.push_back(nullptr);
      continue;
    }
    const std::string name = fmt::format("handover_{}_{}", i / workers, i % workers);
    rte_ring* ring = rte_ring_create(name.c_str(), kRingFrames, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
    if (ring == nullptr)
      return unavailable(fmt::format("no memory for {} workers: {}", workers, rte_strerror(rte_errno)));
    made->rings_.push_back(ring);
  }
  return made;
}

Handover::~Handover() {
  for (rte_ring* ring : rings_) {
    if (ring == nullptr) continue;
    void* frame = nullptr;
    while (rte_ring_dequeue(ring, &frame) == 0) rte_pktmbuf_free(static_cast<rte_mbuf*>(frame));
    rte_ring_free(ring);
  }
}

unsigned Handover::send(unsigned from, unsigned to, rte_mbuf** frames, unsigned count) {
  return rte_ring_enqueue_burst(ring(from, to), reinterpret_cast<void**>(frames), count, nullptr);
}

unsigned Handover::receive(unsigned to, unsigned from, rte_mbuf** frames, unsigned count) {
  return rte_ring_dequeue_burst(ring(from, to), reinterpret_cast<void**>(frames), count, nullptr);
}

}  // namespace hanok::dataplane::dpdk

#pragma once
// Frames from the worker that received them to the worker whose they are: a bounded ring for each pair, so
// that frames of one flow stay in order. The device that a frame came in by stands in its mbuf's `port`.

#include <cstdint>
#include <memory>
#include <vector>

#include "common/result.h"

struct rte_mbuf;
struct rte_ring;

namespace hanok::dataplane::dpdk {

class Handover {
 public:
  static constexpr unsigned kRingFrames = 1024;  // one place stays free

  [[nodiscard]] static Result<std::unique_ptr<Handover>> between(unsigned workers);
  ~Handover();  // frees what is left in the rings
  Handover(const Handover&) = delete;
  Handover& operator=(const Handover&) = delete;

  [[nodiscard]] unsigned workers() const { return workers_; }
  // Worker `from` only. Takes the first N frames and says N.
  [[nodiscard]] unsigned send(unsigned from, unsigned to, rte_mbuf** frames, unsigned count);
  // Worker `to` only.
  [[nodiscard]] unsigned receive(unsigned to, unsigned from, rte_mbuf** frames, unsigned count);

 private:
  explicit Handover(unsigned workers) : workers_(workers) {}
  [[nodiscard]] rte_ring* ring(unsigned from, unsigned to) const { return rings_[from * workers_ + to]; }

  unsigned workers_;
  std::vector<rte_ring*> rings_;  // null: from a worker to itself
};

}  // namespace hanok::dataplane::dpdk

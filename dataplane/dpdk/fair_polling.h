#pragma once
// How often a guest's device is polled when what it sends is dear: frames that take the stages cost many
// times what those with a record cost, and a worker that serves all devices in turn would give most of its
// time to the guest that floods. While other devices have frames waiting, the stages may take 1/kShare of
// the worker's time for one guest; it waits for kShare - 1 times as long as its burst took, and the frames
// that it sends meanwhile wait, or are lost, in its own queue. Alone, a guest gets all.
//
// Uplinks are not held back: what comes by them is many guests'. Times are in cycles of the worker's clock.

#include <algorithm>
#include <cstdint>

namespace hanok::dataplane::dpdk {

class FairPolling {
 public:
  static constexpr unsigned kSmallBurst = 8;  // of one that is in debt
  static constexpr unsigned kShare = 32;

  // Frames to ask for now; 0: it is held back. `others_busy`: another device had frames a moment ago.
  [[nodiscard]] unsigned burst(unsigned whole, bool others_busy, std::uint64_t now) const {
    if (resume_ == 0) return whole;
    if (others_busy && now < resume_) return 0;
    return std::min(whole, kSmallBurst);
  }
  // `dear` of `count` frames took the stages; all took `cycles`. `most`: a longer time was not theirs (the
  // worker was interrupted).
  void charge(unsigned dear, unsigned count, std::uint64_t cycles, std::uint64_t now, std::uint64_t most) {
    if (dear == 0) {
      if (now >= resume_) resume_ = 0;
      return;
    }
    resume_ = now + std::min(cycles, most) * dear / std::max(1U, count) * (kShare - 1);
  }

 private:
  std::uint64_t resume_ = 0;
};

}  // namespace hanok::dataplane::dpdk

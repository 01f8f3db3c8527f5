#pragma once
// How often a guest's device is polled when what it sends is dear: frames that take the stages cost many
// times what those with a record cost, and a worker that serves all devices in turn would give most of its
// time to the guest that floods. While other devices have frames waiting, the stages may take 1/kShare of
// a worker's time for one guest; it waits for kShare - 1 times as long as its burst took, and the frames
// that it sends meanwhile wait, or are lost, in its own queue. Alone, a guest gets all.
//
// With several workers one may poll the guest and another do the work: whoever did it charges the guest, and
// a guest in debt is not polled before its last burst is done.
//
// Uplinks are not held back: what comes by them is many guests'. Times are in cycles of the worker's clock.

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace hanok::dataplane::dpdk {

class FairPolling {
 public:
  static constexpr unsigned kSmallBurst = 8;  // of one that is in debt
  static constexpr unsigned kShare = 32;
  static constexpr unsigned kUnderWay = 64;  // frames of a guest that wait at other workers

  // Frames to ask for now; 0: it is held back. `others_busy`: another device had frames a moment ago.
  [[nodiscard]] unsigned burst(unsigned whole, bool others_busy, std::uint64_t now) const {
    const std::uint64_t resume = resume_.load(std::memory_order_relaxed);
    if (resume == 0) return whole;
    if (others_busy && now < resume) return 0;
    return std::min(whole, kSmallBurst);
  }
  // `dear` of `count` frames took the stages; all took `cycles`. `most`: a longer time was not theirs (the
  // worker was interrupted).
  void charge(unsigned dear, unsigned count, std::uint64_t cycles, std::uint64_t now, std::uint64_t most) {
    std::uint64_t resume = resume_.load(std::memory_order_relaxed);
    if (dear == 0) {
      if (resume != 0 && now >= resume) resume_.compare_exchange_strong(resume, 0, std::memory_order_relaxed);
      return;
    }
    const std::uint64_t until = now + std::min(cycles, most) * dear / std::max(1U, count) * (kShare - 1);
    while (until > resume && !resume_.compare_exchange_weak(resume, until, std::memory_order_relaxed)) {
    }
  }

  // Frames that were handed to other workers, and those that these have done. The guest is not polled where
  // too many wait: they would fill the way of others.
  void hand_over(unsigned count) { under_way_.fetch_add(count, std::memory_order_relaxed); }
  void done(unsigned count) { under_way_.fetch_sub(count, std::memory_order_relaxed); }
  [[nodiscard]] bool waits() const {
    const unsigned count = under_way_.load(std::memory_order_relaxed);
    return count >= kUnderWay || (count > 0 && resume_.load(std::memory_order_relaxed) != 0);
  }

 private:
  std::atomic<std::uint64_t> resume_{0};
  std::atomic<unsigned> under_way_{0};
};

}  // namespace hanok::dataplane::dpdk

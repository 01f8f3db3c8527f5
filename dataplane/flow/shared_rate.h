#pragma once
// So many in each second, at all workers together.

#include <atomic>
#include <cstdint>

namespace hanok::dataplane {

class SharedRate {
 public:
  // False: `most` were taken in this second already. Any thread.
  [[nodiscard]] bool take(std::uint64_t now_us, std::uint32_t most) {
    const std::uint64_t second = now_us / 1'000'000;
    std::uint64_t now = state_.load(std::memory_order_relaxed);
    for (;;) {
      // Another worker's clock may be a moment ahead: its second counts.
      const std::uint64_t taken = now >> 32U >= second ? now & 0xffffffffU : 0;
      if (taken >= most) return false;
      const std::uint64_t next = (taken == 0 ? second << 32U : now & ~0xffffffffULL) | (taken + 1);
      if (state_.compare_exchange_weak(now, next, std::memory_order_relaxed)) return true;
    }
  }

 private:
  std::atomic<std::uint64_t> state_{0};  // the second, and how many in it
};

}  // namespace hanok::dataplane

#pragma once
// For a few instructions that workers on CPUs of their own seldom do at once. Whoever waits long gives up its
// CPU, since the holder may have lost its own.

#include <sched.h>

#include <atomic>

namespace hanok::dataplane {

class SpinLock {
 public:
  void lock() {
    constexpr unsigned kSpins = 1000;
    for (unsigned spins = 0; held_.exchange(true, std::memory_order_acquire);) {
      while (held_.load(std::memory_order_relaxed)) {
        if (++spins % kSpins == 0) sched_yield();
      }
    }
  }
  void unlock() { held_.store(false, std::memory_order_release); }

 private:
  std::atomic<bool> held_{false};
};

}  // namespace hanok::dataplane

#pragma once
// Waits for what other threads bring about; false when it does not come about within ten seconds.

#include <chrono>
#include <functional>
#include <thread>

namespace hanok::agent {

inline bool wait_until(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace hanok::agent

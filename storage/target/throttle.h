#pragma once
// Limits of a volume: requests and bytes per second, with a burst of a tenth of a second (generic cell rate
// algorithm, ITU-T I.371). One thread.

#include <algorithm>
#include <cstdint>

namespace hanok::storage::target {

struct Limits {
  std::uint64_t requests_per_s = 0;  // 0: none
  std::uint64_t bytes_per_s = 0;
};

class Throttle {
 public:
  void set(const Limits& limits) {
    limits_ = limits;
    requests_due_ns_ = bytes_due_ns_ = 0;
  }
  [[nodiscard]] const Limits& limits() const { return limits_; }

  // 0: taken, go on. Otherwise how long to wait before asking again; nothing was taken.
  [[nodiscard]] std::uint64_t take(std::uint64_t now_ns, std::uint64_t bytes) {
    const std::uint64_t wait_ns = std::max(wait(limits_.requests_per_s, requests_due_ns_, now_ns),
                                           wait(limits_.bytes_per_s, bytes_due_ns_, now_ns));
    if (wait_ns != 0) return wait_ns;
    charge(limits_.requests_per_s, requests_due_ns_, now_ns, 1);
    charge(limits_.bytes_per_s, bytes_due_ns_, now_ns, bytes);
    return 0;
  }

 private:
  static constexpr std::uint64_t kBurst_ns = 100'000'000;
  static constexpr std::uint64_t kSecond_ns = 1'000'000'000;

  static std::uint64_t wait(std::uint64_t rate, std::uint64_t due_ns, std::uint64_t now_ns) {
    return rate != 0 && due_ns > now_ns + kBurst_ns ? due_ns - now_ns - kBurst_ns : 0;
  }
  static void charge(std::uint64_t rate, std::uint64_t& due_ns, std::uint64_t now_ns, std::uint64_t units) {
    if (rate == 0) return;
    due_ns = std::max(due_ns, now_ns) + units * kSecond_ns / rate;  // units are at most 16 Mi: no overflow
  }

  Limits limits_;
  std::uint64_t requests_due_ns_ = 0;
  std::uint64_t bytes_due_ns_ = 0;
};

}  // namespace hanok::storage::target

#pragma once
// How long a volume's operations are at Ceph's OSDs (the network included). Of librbd's operations librados
// 16.2 says only how many are out now and how many were answered. The sum over time of how many are out is
// the time that they all took (Little's law): it is taken by samples, a few per second while there is work,
// at times that vary. So there is a mean, right to a few percent over some seconds of work. Reads that go to
// librados without librbd are timed one by one.

#include <atomic>
#include <cstdint>

namespace hanok::storage::target {

// One thread samples, any thread reads.
class OsdTimes {
 public:
  void sample(std::uint64_t now_us, std::uint64_t in_flight, std::uint64_t answered) {
    if (last_us_ != 0) bump(busy_us_, (in_flight + in_flight_.load()) * (now_us - last_us_) / 2);
    last_us_ = now_us;
    in_flight_.store(in_flight, std::memory_order_relaxed);
    operations_.store(answered, std::memory_order_relaxed);
  }
  // Nothing was heard: what comes next is no continuation.
  void lose() { last_us_ = 0; }

  // Reads by librados alone that ended without data (no object, an error), so that librbd was asked.
  std::atomic<std::uint64_t> not_read{0};

  [[nodiscard]] std::uint64_t operations() const { return operations_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t busy_us() const { return busy_us_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t in_flight() const { return in_flight_.load(std::memory_order_relaxed); }

 private:
  static void bump(std::atomic<std::uint64_t>& cell, std::uint64_t by) {
    cell.store(cell.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
  std::uint64_t last_us_ = 0;
  std::atomic<std::uint64_t> operations_{0}, busy_us_{0}, in_flight_{0};
};

}  // namespace hanok::storage::target

#pragma once
// Latencies in buckets of 1/8 of a power of two, from 1 us to 2^32 us: quantiles within 12.5 %. One thread
// writes, any thread reads.

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>

namespace hanok::storage::target {

class Histogram {
 public:
  static constexpr unsigned kSteps = 8;  // per power of two
  static constexpr unsigned kBuckets = kSteps * 30 + kSteps;

  void add(std::uint64_t ns) {
    const std::uint64_t us = ns / 1000;
    bump(counts_[bucket_of(us)], 1);
    bump(sum_us_, us);
    bump(count_, 1);
  }
  [[nodiscard]] std::uint64_t count() const { return count_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t sum_us() const { return sum_us_.load(std::memory_order_relaxed); }
  // How many were at most the upper bound of `bucket`'s range, which is upper_us(bucket).
  [[nodiscard]] std::uint64_t in_bucket(unsigned bucket) const {
    return counts_[bucket].load(std::memory_order_relaxed);
  }
  // Upper bound of the bucket that holds the quantile, 0 < q <= 1; 0 when empty.
  [[nodiscard]] std::uint64_t quantile_us(double q) const {
    const auto wanted = static_cast<std::uint64_t>(q * static_cast<double>(count()) + 0.999999);
    std::uint64_t seen = 0;
    for (unsigned bucket = 0; bucket < kBuckets; ++bucket) {
      seen += in_bucket(bucket);
      if (seen >= wanted && seen > 0) return upper_us(bucket);
    }
    return 0;
  }

  [[nodiscard]] static unsigned bucket_of(std::uint64_t us) {
    if (us < kSteps) return static_cast<unsigned>(us);
    const unsigned power = static_cast<unsigned>(std::bit_width(us)) - 1;  // 3 or more
    const unsigned bucket = (power - 2) * kSteps + static_cast<unsigned>((us >> (power - 3)) & (kSteps - 1));
    return bucket < kBuckets ? bucket : kBuckets - 1;
  }
  [[nodiscard]] static std::uint64_t upper_us(unsigned bucket) {
    if (bucket < kSteps) return bucket;
    const unsigned power = bucket / kSteps + 2;
    return ((kSteps + bucket % kSteps + 1ULL) << (power - 3)) - 1;
  }

 private:
  static void bump(std::atomic<std::uint64_t>& cell, std::uint64_t by) {  // one writer: no locked add
    cell.store(cell.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
  std::array<std::atomic<std::uint64_t>, kBuckets> counts_{};
  std::atomic<std::uint64_t> sum_us_{0};
  std::atomic<std::uint64_t> count_{0};
};

}  // namespace hanok::storage::target

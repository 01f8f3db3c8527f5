#include "dataplane/flow/meter_buckets.h"

#include <algorithm>

namespace hanok::dataplane {
namespace {

constexpr std::uint64_t kSmallestBurst = 3200;  // bytes: two full frames, or nothing would ever pass

}  // namespace

std::uint64_t MeterBucket::time_of(unsigned bytes) const {
  return std::uint64_t{bytes} * 1'000'000 * kUnitsPerUs / bytes_per_s_.load(std::memory_order_relaxed);
}

void MeterBucket::set_rate(const MeterUse& use) {
  const std::uint64_t bytes_per_s = std::max<std::uint64_t>(std::uint64_t{use.kbps} * 1000 / 8, 1);
  // Neutron: a burst of zero is 80 % of what the rate gives in a second.
  const std::uint64_t burst_kbits = use.burst_kbits != 0 ? use.burst_kbits : std::uint64_t{use.kbps} * 8 / 10;
  const std::uint64_t burst = std::max(burst_kbits * 1000 / 8, kSmallestBurst);
  bytes_per_s_.store(bytes_per_s, std::memory_order_relaxed);
  burst_.store(burst * 1'000'000 / bytes_per_s * kUnitsPerUs +
                   burst * 1'000'000 % bytes_per_s * kUnitsPerUs / bytes_per_s,
               std::memory_order_relaxed);
}

bool MeterBucket::take(unsigned bytes, std::uint64_t now_us) {
  const std::uint64_t now = now_us * kUnitsPerUs, price = time_of(bytes),
                      burst = burst_.load(std::memory_order_relaxed);
  std::uint64_t full_at = full_at_.load(std::memory_order_relaxed);
  for (;;) {
    const auto ahead = static_cast<std::int64_t>(full_at - now);
    // What was due at a slower rate, or with a longer burst, is no more than an empty bucket.
    const std::uint64_t owed = std::min(static_cast<std::uint64_t>(std::max<std::int64_t>(ahead, 0)), burst);
    const bool passes = owed + price <= burst;
    if (!passes && static_cast<std::uint64_t>(std::max<std::int64_t>(ahead, 0)) == owed) return false;
    const std::uint64_t next = now + owed + (passes ? price : 0);
    if (full_at_.compare_exchange_weak(full_at, next, std::memory_order_relaxed)) return passes;
  }
}

void MeterBucket::give_back(unsigned bytes) {
  full_at_.fetch_sub(time_of(bytes), std::memory_order_relaxed);
}

MeterBucket& MeterBuckets::bucket_of(const MeterUse& use) {
  const std::lock_guard<std::mutex> guard(mutex_);
  std::unique_ptr<MeterBucket>& bucket = by_owner_[{use.owner, use.egress}];
  if (!bucket) bucket = std::make_unique<MeterBucket>();
  bucket->set_rate(use);
  return *bucket;
}

}  // namespace hanok::dataplane

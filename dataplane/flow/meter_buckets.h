#pragma once
// Token buckets, one per port or floating IP and direction, for all workers (RFC 2697's committed rate
// alone). A bucket is one number, the time at which it will be full again: a frame passes if that is no
// further off than the burst lasts, and moves it on by what the frame takes at the rate. So workers share a
// bucket by compare-and-exchange, and no frame is counted twice or lost.

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <utility>

#include "dataplane/stages/context.h"

namespace hanok::dataplane {

class MeterBucket {
 public:
  void set_rate(const MeterUse& use);
  // Times in units of kUnitsPerUs. False: over the limit, and not charged.
  [[nodiscard]] bool take(unsigned bytes, std::uint64_t now_us);
  void give_back(unsigned bytes);

 private:
  static constexpr std::uint64_t kUnitsPerUs = 64'000;
  [[nodiscard]] std::uint64_t time_of(unsigned bytes) const;

  std::atomic<std::uint64_t> bytes_per_s_{1};
  std::atomic<std::uint64_t> burst_{0};    // how long a full bucket lasts
  std::atomic<std::uint64_t> full_at_{0};  // wraps after nine years; compared by its distance
};

class MeterBuckets {
 public:
  // The bucket of `use`, with its rate brought up to date; begins full. Good for the table's life. Any
  // thread.
  [[nodiscard]] MeterBucket& bucket_of(const MeterUse& use);

 private:
  std::mutex mutex_;
  std::map<std::pair<ObjectRef, bool>, std::unique_ptr<MeterBucket>> by_owner_;
};

}  // namespace hanok::dataplane

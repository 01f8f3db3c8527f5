#include "dataplane/flow/meter_table.h"

#include <algorithm>

namespace hanok::dataplane {
namespace {

constexpr std::uint64_t kMicro = 1'000'000;
constexpr std::uint64_t kSmallestBurst = 3200;       // bytes: two full frames, or nothing would ever pass
constexpr std::uint64_t kLongestGapUs = 10'000'000;  // keeps the product within 64 bits

}  // namespace

std::uint32_t MeterTable::bucket_of(const MeterUse& use) {
  const auto [found, made] =
      by_owner_.try_emplace({use.owner, use.egress}, static_cast<std::uint32_t>(buckets_.size()));
  if (made) buckets_.emplace_back();
  Bucket& bucket = buckets_[found->second];
  bucket.bytes_per_s = std::uint64_t{use.kbps} * 1000 / 8;
  // Neutron: a burst of zero is 80 % of what the rate gives in a second.
  const std::uint64_t burst_kbits = use.burst_kbits != 0 ? use.burst_kbits : std::uint64_t{use.kbps} * 8 / 10;
  bucket.most = std::max(burst_kbits * 1000 / 8, kSmallestBurst) * kMicro;
  bucket.credit = std::min(bucket.credit, bucket.most);
  return found->second;
}

std::optional<std::uint16_t> MeterTable::set_of(std::span<const MeterUse> uses) {
  Set set;
  set.fill(kNone);
  for (std::size_t i = 0; i < uses.size() && i < set.size(); ++i) set[i] = bucket_of(uses[i]);
  if (const auto known = by_set_.find(set); known != by_set_.end()) return known->second;
  if (sets_.size() >= kSets) return std::nullopt;
  sets_.push_back(set);
  const auto number = static_cast<std::uint16_t>(sets_.size());
  by_set_.emplace(set, number);
  return number;
}

void MeterTable::clear() {
  buckets_.clear();
  sets_.clear();
  by_owner_.clear();
  by_set_.clear();
}

bool MeterTable::take(std::uint16_t set, unsigned bytes, std::uint64_t now_us) {
  const Set& meters = sets_[set - 1U];
  const std::uint64_t price = std::uint64_t{bytes} * kMicro;
  for (const std::uint32_t number : meters) {
    if (number == kNone) break;
    Bucket& bucket = buckets_[number];
    const std::uint64_t gap_us =
        now_us > bucket.filled_us ? std::min(now_us - bucket.filled_us, kLongestGapUs) : 0;
    bucket.credit =
        bucket.fresh ? bucket.most : std::min(bucket.most, bucket.credit + gap_us * bucket.bytes_per_s);
    bucket.fresh = false;
    bucket.filled_us = std::max(bucket.filled_us, now_us);
    if (bucket.credit < price) return false;
  }
  for (const std::uint32_t number : meters) {
    if (number == kNone) break;
    buckets_[number].credit -= price;
  }
  return true;
}

}  // namespace hanok::dataplane

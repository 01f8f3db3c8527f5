#include "dataplane/flow/meter_table.h"

namespace hanok::dataplane {

std::optional<std::uint16_t> MeterTable::set_of(std::span<const MeterUse> uses) {
  Set set{};
  for (std::size_t i = 0; i < uses.size() && i < set.size(); ++i) set[i] = &buckets_.bucket_of(uses[i]);
  if (const auto known = by_set_.find(set); known != by_set_.end()) return known->second;
  if (sets_.size() >= kSets) return std::nullopt;
  sets_.push_back(set);
  const auto number = static_cast<std::uint16_t>(sets_.size());
  by_set_.emplace(set, number);
  return number;
}

void MeterTable::clear() {
  sets_.clear();
  by_set_.clear();
}

bool MeterTable::take(std::uint16_t set, unsigned bytes, std::uint64_t now_us) {
  const Set& meters = sets_[set - 1U];
  for (unsigned i = 0; i < meters.size() && meters[i] != nullptr; ++i) {
    if (meters[i]->take(bytes, now_us)) continue;
    while (i > 0) meters[--i]->give_back(bytes);
    return false;
  }
  return true;
}

}  // namespace hanok::dataplane

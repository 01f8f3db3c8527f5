#pragma once
// Rate limits of one worker's flows. A flow names the set of meters that it passes by a number; records keep
// that. The buckets are shared by the workers. What exceeds is dropped.

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "dataplane/flow/meter_buckets.h"
#include "dataplane/stages/context.h"

namespace hanok::dataplane {

class MeterTable {
 public:
  static constexpr unsigned kMetersOfAFlow = 4;  // sender, receiver, and a floating IP at each
  static constexpr std::size_t kSets = 65535;

  explicit MeterTable(MeterBuckets& buckets) : buckets_(buckets) {}

  // The number of this set (1 and up); rates are brought up to date. nullopt: there is none left, and clear()
  // is due.
  [[nodiscard]] std::optional<std::uint16_t> set_of(std::span<const MeterUse> uses);
  // All numbers are void afterwards.
  void clear();
  // True: the frame may pass, and all meters of the set are charged; else none is.
  [[nodiscard]] bool take(std::uint16_t set, unsigned bytes, std::uint64_t now_us);

 private:
  using Set = std::array<MeterBucket*, kMetersOfAFlow>;  // null: no more

  MeterBuckets& buckets_;
  std::vector<Set> sets_;
  std::map<Set, std::uint16_t> by_set_;
};

}  // namespace hanok::dataplane

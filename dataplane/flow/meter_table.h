#pragma once
// Rate limits: one token bucket per port or floating IP and direction (RFC 2697's committed rate alone). What
// exceeds is dropped. A flow names the set of meters that it passes by a number; records keep that.

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "dataplane/stages/context.h"

namespace hanok::dataplane {

class MeterTable {
 public:
  static constexpr unsigned kMetersOfAFlow = 4;  // sender, receiver, and a floating IP at each
  static constexpr std::size_t kSets = 65535;

  // The number of this set (1 and up); rates are brought up to date. nullopt: there is none left, and clear()
  // is due.
  [[nodiscard]] std::optional<std::uint16_t> set_of(std::span<const MeterUse> uses);
  // All numbers are void afterwards.
  void clear();
  // True: the frame may pass, and all meters of the set are charged; else none is.
  [[nodiscard]] bool take(std::uint16_t set, unsigned bytes, std::uint64_t now_us);

 private:
  struct Bucket {
    std::uint64_t bytes_per_s = 0, most = 0;  // `most` and `credit`: bytes * 10^6
    std::uint64_t credit = 0, filled_us = 0;
    bool fresh = true;  // begins full, whenever it is first asked
  };
  using Set = std::array<std::uint32_t, kMetersOfAFlow>;  // buckets; kNone: none

  [[nodiscard]] std::uint32_t bucket_of(const MeterUse& use);

  std::vector<Bucket> buckets_;
  std::vector<Set> sets_;
  std::map<std::pair<ObjectRef, bool>, std::uint32_t> by_owner_;
  std::map<Set, std::uint16_t> by_set_;
};

}  // namespace hanok::dataplane

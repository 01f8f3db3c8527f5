#include "dataplane/flow/hash_index.h"

#include <utility>

namespace hanok::dataplane {

bool HashIndex::place(std::uint32_t bucket, std::uint16_t sign, std::uint32_t slot) {
  Bucket& to = buckets_[bucket];
  for (unsigned way = 0; way < kWays; ++way) {
    if (to.signatures[way] == 0) {
      to.signatures[way] = sign;
      to.slots[way] = slot;
      return true;
    }
  }
  return false;
}

bool HashIndex::insert(std::uint64_t hash, std::uint32_t slot) {
  std::uint16_t sign = signature(hash);
  std::uint32_t bucket = bucket_of(hash);
  if (place(bucket, sign, slot) || place(other(bucket, sign), sign, slot)) return true;
  // Each move puts the newcomer in and takes an older one to its other bucket. The moves are kept, to be
  // undone.
  std::pair<std::uint32_t, unsigned> moves[kMaxMoves];
  for (unsigned move = 0; move < kMaxMoves; ++move) {
    const unsigned way = turn_++ % kWays;
    std::swap(buckets_[bucket].signatures[way], sign);
    std::swap(buckets_[bucket].slots[way], slot);
    moves[move] = {bucket, way};
    bucket = other(bucket, sign);
    if (place(bucket, sign, slot)) return true;
  }
  for (unsigned move = kMaxMoves; move-- > 0;) {
    const auto [at, way] = moves[move];
    std::swap(buckets_[at].signatures[way], sign);
    std::swap(buckets_[at].slots[way], slot);
  }
  if (stash_.size() >= kStash) return false;
  stash_.push_back({hash, slot});
  return true;
}

void HashIndex::erase(std::uint64_t hash, std::uint32_t slot) {
  const std::uint16_t sign = signature(hash);
  const std::uint32_t first = bucket_of(hash);
  for (const std::uint32_t at : {first, other(first, sign)}) {
    Bucket& bucket = buckets_[at];
    for (unsigned way = 0; way < kWays; ++way) {
      if (bucket.signatures[way] == sign && bucket.slots[way] == slot) {
        bucket.signatures[way] = 0;
        return;
      }
    }
  }
  for (Stashed& stashed : stash_) {
    if (stashed.slot == slot && stashed.hash == hash) {
      stashed = stash_.back();
      stash_.pop_back();
      return;
    }
  }
}

}  // namespace hanok::dataplane

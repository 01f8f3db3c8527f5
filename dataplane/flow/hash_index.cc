#include "dataplane/flow/hash_index.h"

#include <utility>

namespace hanok::dataplane {

bool HashIndex::place(std::uint32_t bucket, const Entry& entry) {
  Bucket& to = buckets_[bucket];
  for (unsigned way = 0; way < kWays; ++way) {
    if (to.signatures[way] == 0) {
      to.signatures[way] = entry.sign;
      to.slots[way] = entry.slot;
      to.away = static_cast<std::uint8_t>(to.away | unsigned{entry.away} << way);
      return true;
    }
  }
  return false;
}

void HashIndex::exchange(Bucket& bucket, unsigned way, Entry& entry) {
  const bool away = (bucket.away >> way & 1U) != 0;
  bucket.away = static_cast<std::uint8_t>((bucket.away & ~(1U << way)) | unsigned{entry.away} << way);
  entry.away = away;
  std::swap(bucket.signatures[way], entry.sign);
  std::swap(bucket.slots[way], entry.slot);
}

std::uint32_t HashIndex::leave(std::uint32_t from, Entry& entry) {
  const std::uint32_t to = other(from, entry.sign);
  if (entry.away) {
    --buckets_[to].elsewhere;
  } else {
    ++buckets_[from].elsewhere;
  }
  entry.away = !entry.away;
  return to;
}

void HashIndex::come_back(std::uint32_t from, Entry& entry) {
  entry.away = !entry.away;
  if (entry.away) {
    ++buckets_[other(from, entry.sign)].elsewhere;
  } else {
    --buckets_[from].elsewhere;
  }
}

bool HashIndex::insert(std::uint64_t hash, std::uint32_t slot) {
  Entry entry{signature(hash), false, slot};
  std::uint32_t bucket = bucket_of(hash);
  if (place(bucket, entry)) return true;
  if (place(other(bucket, entry.sign), {entry.sign, true, slot})) {
    ++buckets_[bucket].elsewhere;
    return true;
  }
  // Each move puts the newcomer in and takes an older one to its other bucket. The moves are kept, to be
  // undone.
  std::pair<std::uint32_t, unsigned> moves[kMaxMoves];
  for (unsigned move = 0; move < kMaxMoves; ++move) {
    const unsigned way = turn_++ % kWays;
    exchange(buckets_[bucket], way, entry);
    moves[move] = {bucket, way};
    bucket = leave(bucket, entry);
    if (place(bucket, entry)) return true;
  }
  for (unsigned move = kMaxMoves; move-- > 0;) {
    const auto [at, way] = moves[move];
    come_back(at, entry);
    exchange(buckets_[at], way, entry);
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
        if ((bucket.away >> way & 1U) != 0) --buckets_[first].elsewhere;
        bucket.away = static_cast<std::uint8_t>(bucket.away & ~(1U << way));
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

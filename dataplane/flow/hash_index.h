#pragma once
// Exact-match index: hash -> slot number of a record that the caller keeps. Buckets of eight with 16-bit
// signatures, two bucket choices and cuckoo moves (Pagh and Rodler, 2004; the second choice is made from the
// signature, as in Fan et al., "MemC3", 2013), and a small stash for what finds no place. Fixed size; no
// pointers into it are kept.

#include <cstdint>
#include <cstring>
#include <vector>

#include "dataplane/flow/huge_allocator.h"

namespace hanok::dataplane {

inline constexpr std::uint32_t kNoSlot = 0xffffffffU;

class HashIndex {
 public:
  explicit HashIndex(std::uint32_t entries) {
    std::uint32_t buckets = 2;
    while (buckets * 6ULL < entries) buckets *= 2;
    mask_ = buckets - 1;
    buckets_.resize(buckets);
  }

  void prefetch(std::uint64_t hash) const {
    // The second choice is seldom needed while the table is not nearly full; fetching it always costs more.
    __builtin_prefetch(&buckets_[bucket_of(hash)]);
  }
  // The first slot whose signature fits: what to prefetch before `find`. kNoSlot: certainly absent (but for
  // the stash).
  [[nodiscard]] std::uint32_t candidate(std::uint64_t hash) const {
    const std::uint16_t sign = signature(hash);
    const std::uint32_t first = bucket_of(hash);
    if (const std::uint32_t slot = candidate_in(first, sign); slot != kNoSlot) return slot;
    if (buckets_[first].elsewhere != 0) return candidate_in(other(first, sign), sign);
    return kNoSlot;
  }
  // `same(slot)` compares the whole key.
  template <typename Same>
  [[nodiscard]] std::uint32_t find(std::uint64_t hash, Same&& same) const {
    const std::uint16_t sign = signature(hash);
    const std::uint32_t first = bucket_of(hash);
    if (const std::uint32_t slot = find_in(first, sign, same); slot != kNoSlot) return slot;
    if (buckets_[first].elsewhere != 0) {
      if (const std::uint32_t slot = find_in(other(first, sign), sign, same); slot != kNoSlot) return slot;
    }
    for (const Stashed& stashed : stash_) {
      if (stashed.hash == hash && same(stashed.slot)) return stashed.slot;
    }
    return kNoSlot;
  }
  // False: no place. The key must not be there yet.
  [[nodiscard]] bool insert(std::uint64_t hash, std::uint32_t slot);
  void erase(std::uint64_t hash, std::uint32_t slot);
  [[nodiscard]] std::size_t stashed() const { return stash_.size(); }

 private:
  static constexpr unsigned kWays = 8;
  static constexpr unsigned kMaxMoves = 128;
  static constexpr std::size_t kStash = 64;
  struct alignas(64) Bucket {
    std::uint16_t signatures[kWays] = {};  // 0: free
    std::uint32_t slots[kWays] = {};
    // How many entries that would be here are in their other bucket: none, and that one need not be looked
    // at, which saves a cache miss for whatever is new.
    std::uint16_t elsewhere = 0;
    std::uint8_t away = 0;  // bit per way: the entry is here as in its other bucket
  };
  // On its way into a bucket.
  struct Entry {
    std::uint16_t sign;
    bool away;
    std::uint32_t slot;
  };
  struct Stashed {
    std::uint64_t hash;
    std::uint32_t slot;
  };

  static std::uint16_t signature(std::uint64_t hash) {
    const auto sign = static_cast<std::uint16_t>(hash >> 48U);
    return sign != 0 ? sign : 1;
  }
  [[nodiscard]] std::uint32_t bucket_of(std::uint64_t hash) const {
    return static_cast<std::uint32_t>(hash) & mask_;
  }
  [[nodiscard]] std::uint32_t other(std::uint32_t bucket, std::uint16_t sign) const {
    return (bucket ^ (sign * 0x5bd1e995U)) & mask_;
  }
  [[nodiscard]] std::uint32_t candidate_in(std::uint32_t bucket, std::uint16_t sign) const {
    const std::uint32_t hits = matches(buckets_[bucket], sign);
    return hits == 0 ? kNoSlot : buckets_[bucket].slots[static_cast<unsigned>(__builtin_ctz(hits)) / 2];
  }
  template <typename Same>
  [[nodiscard]] std::uint32_t find_in(std::uint32_t at, std::uint16_t sign, Same& same) const {
    const Bucket& bucket = buckets_[at];
    for (std::uint32_t hits = matches(bucket, sign); hits != 0; hits &= hits - 1, hits &= hits - 1) {
      const std::uint32_t slot = bucket.slots[static_cast<unsigned>(__builtin_ctz(hits)) / 2];
      if (same(slot)) return slot;
    }
    return kNoSlot;
  }
  // Two bits per way that fits.
  static std::uint32_t matches(const Bucket& bucket, std::uint16_t sign) {
    typedef std::uint16_t Vector __attribute__((vector_size(16)));
    Vector have;
    std::memcpy(&have, bucket.signatures, 16);
    const auto equal = have == (Vector{} + sign);
#ifdef __SSE2__
    typedef char Bytes __attribute__((vector_size(16)));
    Bytes bytes;
    std::memcpy(&bytes, &equal, 16);
    return static_cast<std::uint32_t>(__builtin_ia32_pmovmskb128(bytes));
#else
    std::uint32_t bits = 0;
    for (unsigned i = 0; i < kWays; ++i) bits |= equal[i] != 0 ? 3U << (2 * i) : 0;
    return bits;
#endif
  }
  [[nodiscard]] bool place(std::uint32_t bucket, const Entry& entry);
  static void exchange(Bucket& bucket, unsigned way, Entry& entry);
  // The entry goes from `from` to its other bucket, or is taken back there; gives the other bucket.
  std::uint32_t leave(std::uint32_t from, Entry& entry);
  void come_back(std::uint32_t from, Entry& entry);

  std::uint32_t mask_ = 0;
  std::uint32_t turn_ = 0;
  std::vector<Bucket, HugeAllocator<Bucket>> buckets_;
  std::vector<Stashed> stash_;
};

}  // namespace hanok::dataplane

#include "storage/target/split_ring.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>

namespace hanok::storage::target {
namespace {

// Words of the rings (virtio 1.2, 2.7.6 and 2.7.8): flags, index, then the entries, then the event index.
constexpr std::size_t kFlags = 0;
constexpr std::size_t kIndex = 1;
constexpr std::size_t kEntries = 2;
constexpr std::size_t kWordsOfUsedEntry = 4;
constexpr std::uint16_t kNoInterrupt = 1;
constexpr std::uint16_t kNoNotify = 1;

std::uint16_t load(std::uint16_t* word, std::memory_order order = std::memory_order_relaxed) {
  return std::atomic_ref<std::uint16_t>(*word).load(order);
}
void store(std::uint16_t* word, std::uint16_t value, std::memory_order order = std::memory_order_relaxed) {
  std::atomic_ref<std::uint16_t>(*word).store(value, order);
}
void full_fence() {
  std::atomic_thread_fence(std::memory_order_seq_cst);
}
bool aligned(const void* part, std::uintptr_t to) {
  return part != nullptr && reinterpret_cast<std::uintptr_t>(part) % to == 0;
}

}  // namespace

SplitRing::SplitRing(const SplitLayout& layout)
    : layout_(layout), mask_(static_cast<std::uint16_t>(layout.size - 1)), taken_(layout.size) {}

std::uint16_t* SplitRing::available_word(std::size_t number) const {
  return static_cast<std::uint16_t*>(layout_.available) + number;
}

std::uint16_t* SplitRing::used_word(std::size_t number) const {
  return static_cast<std::uint16_t*>(layout_.used) + number;
}

std::uint16_t SplitRing::available_index() const {
  return load(available_word(kIndex), std::memory_order_acquire);
}

SplitInflightEntry& SplitRing::entry(std::uint16_t head) const {
  return reinterpret_cast<SplitInflightEntry*>(layout_.inflight + 1)[head];
}

RingFault SplitRing::check_layout() const {
  const std::uint32_t size = layout_.size;
  if (size == 0 || size > kMaxQueueSize || (size & (size - 1)) != 0) return RingFault::kQueueSize;
  if (!aligned(layout_.descriptors, 16) || !aligned(layout_.available, 2) || !aligned(layout_.used, 4)) {
    return RingFault::kMisaligned;
  }
  if (layout_.inflight != nullptr && !aligned(layout_.inflight, 8)) return RingFault::kMisaligned;
  return RingFault::kNone;
}

// The predecessor may have died between any two steps of give_back(): when the guest's used index is ahead of
// the record's, the last one was given back and only its mark is stale.
RingFault SplitRing::recover(const GuestMemory& memory, std::vector<Chain>& oldest_first) {
  if (const RingFault wrong = check_layout(); wrong != RingFault::kNone) return fault_ = wrong;
  used_index_ = load(used_word(kIndex));
  told_index_ = used_index_;
  next_available_ = layout_.next_available;
  SplitInflightHeader* record = layout_.inflight;
  if (record == nullptr) return RingFault::kNone;
  if (record->version != 0 && record->used_index != used_index_) {
    const std::uint16_t last = record->last_given_back;
    if (last >= layout_.size) return fault_ = RingFault::kBadInflight;
    entry(last).in_flight = 0;
  }
  full_fence();
  record->version = 1;
  record->entries = static_cast<std::uint16_t>(layout_.size);
  // Also with a fresh record: the guest's index need not be 0, and a stale one here would lose an entry.
  record->used_index = used_index_;

  std::vector<std::pair<std::uint64_t, std::uint16_t>> found;
  for (std::uint32_t head = 0; head < layout_.size; ++head) {
    const SplitInflightEntry& state = entry(static_cast<std::uint16_t>(head));
    if (state.in_flight != 0) found.emplace_back(state.counter, static_cast<std::uint16_t>(head));
  }
  std::sort(found.begin(), found.end());
  for (const auto& [counter, head] : found) {
    counter_ = counter + 1;
    taken_[head] = true;
    Chain chain;
    if (const RingFault wrong = read_chain(memory, head, chain); wrong != RingFault::kNone) {
      return fault_ = wrong;
    }
    oldest_first.push_back(std::move(chain));
  }
  next_available_ = static_cast<std::uint16_t>(used_index_ + found.size());
  return RingFault::kNone;
}

Pop SplitRing::pop(const GuestMemory& memory, Chain& chain) {
  const auto waiting = static_cast<std::uint16_t>(available_index() - next_available_);
  if (waiting == 0) return Pop::kEmpty;
  const auto fail = [this](RingFault why) {
    fault_ = why;
    return Pop::kFault;
  };
  if (waiting > layout_.size) return fail(RingFault::kAvailIndexJumped);
  const std::uint16_t head = load(available_word(kEntries + (next_available_ & mask_)));
  if (head >= layout_.size) return fail(RingFault::kHeadOutOfRange);
  if (taken_[head]) return fail(RingFault::kHeadInFlight);
  if (const RingFault wrong = read_chain(memory, head, chain); wrong != RingFault::kNone) return fail(wrong);
  if (layout_.inflight != nullptr) {
    entry(head).counter = counter_++;
    std::atomic_thread_fence(std::memory_order_release);
    entry(head).in_flight = 1;
    std::atomic_thread_fence(std::memory_order_release);
  }
  taken_[head] = true;
  ++next_available_;
  return Pop::kTaken;
}

RingFault SplitRing::read_chain(const GuestMemory& memory, std::uint16_t head, Chain& chain) {
  chain.id = head;
  chain.descriptors = 1;
  chain.segments.clear();
  std::uint16_t number = head;
  for (std::uint32_t seen = 0; seen < layout_.size; ++seen) {
    SplitDescriptor descriptor;  // read once: the guest may change it meanwhile
    std::memcpy(&descriptor, static_cast<const SplitDescriptor*>(layout_.descriptors) + number,
                sizeof(descriptor));
    if ((descriptor.flags & kDescIndirect) != 0) {
      if (!layout_.indirect) return RingFault::kIndirectRefused;
      if ((descriptor.flags & kDescNext) != 0) return RingFault::kIndirectNested;
      return read_indirect(memory, descriptor, chain);
    }
    const RingFault wrong =
        append_segment(memory, descriptor.address, descriptor.length, descriptor.flags, chain.segments);
    if (wrong != RingFault::kNone) return wrong;
    if ((descriptor.flags & kDescNext) == 0) return RingFault::kNone;
    if (descriptor.next >= layout_.size) return RingFault::kNextOutOfRange;
    number = descriptor.next;
  }
  return RingFault::kChainTooLong;
}

RingFault SplitRing::read_indirect(const GuestMemory& memory, const SplitDescriptor& table, Chain& chain) {
  const std::size_t count = indirect_count(table.length);
  if (count == 0) return RingFault::kIndirectSize;
  table_.resize(count);
  if (!memory.read(table.address, table_.data(), count * sizeof(SplitDescriptor))) {
    return RingFault::kOutsideMemory;
  }
  std::size_t number = 0;
  for (std::size_t seen = 0; seen < count; ++seen) {
    const SplitDescriptor& descriptor = table_[number];
    if ((descriptor.flags & kDescIndirect) != 0) return RingFault::kIndirectNested;
    const RingFault wrong =
        append_segment(memory, descriptor.address, descriptor.length, descriptor.flags, chain.segments);
    if (wrong != RingFault::kNone) return wrong;
    if ((descriptor.flags & kDescNext) == 0) return RingFault::kNone;
    if (descriptor.next >= count) return RingFault::kNextOutOfRange;
    number = descriptor.next;
  }
  return RingFault::kChainTooLong;
}

// The order is what recover() relies on.
void SplitRing::give_back(const Chain& chain, std::uint32_t written) {
  SplitInflightHeader* record = layout_.inflight;
  if (record != nullptr) {
    record->last_given_back = chain.id;
    std::atomic_thread_fence(std::memory_order_release);
  }
  const std::uint32_t id = chain.id;
  std::uint16_t* slot = used_word(kEntries + kWordsOfUsedEntry * (used_index_ & mask_));
  std::memcpy(slot, &id, sizeof(id));
  std::memcpy(slot + 2, &written, sizeof(written));
  ++used_index_;
  store(used_word(kIndex), used_index_, std::memory_order_release);
  if (record != nullptr) {
    full_fence();
    entry(chain.id).in_flight = 0;
    std::atomic_thread_fence(std::memory_order_release);
    record->used_index = used_index_;
  }
  taken_[chain.id] = false;
}

bool SplitRing::wants_call() {
  full_fence();
  const std::uint16_t before = std::exchange(told_index_, used_index_);
  if (before == used_index_) return false;
  if (!layout_.event_index) return (load(available_word(kFlags)) & kNoInterrupt) == 0;
  const std::uint16_t event = load(available_word(kEntries + layout_.size));
  // virtio 1.2, 2.7.7.2: the index that the guest waits for lies in what is new.
  return static_cast<std::uint16_t>(used_index_ - event - 1) <
         static_cast<std::uint16_t>(used_index_ - before);
}

bool SplitRing::enable_kicks() {
  if (layout_.event_index) {
    store(used_word(kEntries + kWordsOfUsedEntry * layout_.size), next_available_);
  } else {
    store(used_word(kFlags), 0);
  }
  full_fence();
  return available_index() != next_available_;
}

void SplitRing::disable_kicks() {
  if (!layout_.event_index) store(used_word(kFlags), kNoNotify);
}

}  // namespace hanok::storage::target

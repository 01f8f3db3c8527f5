#include "storage/target/packed_ring.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>
#include <utility>

namespace hanok::storage::target {
namespace {

constexpr std::uint16_t kAvail = 1U << 7U;  // virtio 1.2, 2.8.1
constexpr std::uint16_t kUsed = 1U << 15U;
constexpr std::uint16_t kEnable = 0, kDisable = 1, kAtDescriptor = 2;  // 2.8.10
constexpr std::uint16_t kNobody = 0xffff;
constexpr std::uint16_t kIndexBits = 0x7fff;

struct Event {
  std::uint16_t place, flags;
};

std::uint16_t load(std::uint16_t* word, std::memory_order order = std::memory_order_relaxed) {
  return std::atomic_ref<std::uint16_t>(*word).load(order);
}
void store(std::uint16_t* word, std::uint16_t value, std::memory_order order = std::memory_order_relaxed) {
  std::atomic_ref<std::uint16_t>(*word).store(value, order);
}
void full_fence() {
  std::atomic_thread_fence(std::memory_order_seq_cst);
}
void release_fence() {
  std::atomic_thread_fence(std::memory_order_release);
}
bool aligned(const void* part, std::uintptr_t to) {
  return part != nullptr && reinterpret_cast<std::uintptr_t>(part) % to == 0;
}
Event* event_of(void* part) {
  return static_cast<Event*>(part);
}

}  // namespace

void PackedRing::Place::advance(std::uint32_t by, std::uint32_t size) {
  const std::uint32_t next = index + by;
  wrap = wrap != (next >= size);
  index = static_cast<std::uint16_t>(next >= size ? next - size : next);
}

PackedRing::PackedRing(const PackedLayout& layout)
    : layout_(layout), taken_(layout.size), next_of_(layout.size) {}

PackedDescriptor* PackedRing::descriptor(std::uint32_t index) const {
  return static_cast<PackedDescriptor*>(layout_.descriptors) + index;
}

PackedInflightEntry& PackedRing::entry(std::uint16_t number) const {
  return reinterpret_cast<PackedInflightEntry*>(layout_.inflight + 1)[number];
}

RingFault PackedRing::check_layout() const {
  if (layout_.size == 0 || layout_.size > kMaxQueueSize) return RingFault::kQueueSize;
  if ((layout_.next_available & kIndexBits) >= layout_.size) return RingFault::kHeadOutOfRange;
  if (!aligned(layout_.descriptors, 16) || !aligned(layout_.driver_event, 4) ||
      !aligned(layout_.device_event, 4)) {
    return RingFault::kMisaligned;
  }
  if (layout_.inflight != nullptr && !aligned(layout_.inflight, 8)) return RingFault::kMisaligned;
  return RingFault::kNone;
}

RingFault PackedRing::recover(const GuestMemory& memory, std::vector<Chain>& oldest_first) {
  if (const RingFault wrong = check_layout(); wrong != RingFault::kNone) return fault_ = wrong;
  used_.index = layout_.next_available & kIndexBits;
  used_.wrap = (layout_.next_available & ~kIndexBits) != 0;
  available_ = used_;
  if (layout_.inflight == nullptr) return RingFault::kNone;
  return fault_ = recover_record(memory, oldest_first);
}

RingFault PackedRing::recover_record(const GuestMemory& memory, std::vector<Chain>& oldest_first) {
  PackedInflightHeader& header = *layout_.inflight;
  if (header.position.started == 0) {
    header.version = 1;
    header.entries = static_cast<std::uint16_t>(layout_.size);
    header.giving_back = kNobody;
    for (std::uint32_t i = 0; i < layout_.size; ++i) entry(static_cast<std::uint16_t>(i)).in_flight = 0;
    release_fence();
    store_position();
  }
  used_ = {header.position.used, header.position.wrap != 0};
  if (used_.index >= layout_.size) return RingFault::kBadInflight;
  if (const RingFault wrong = finish_giving_back(); wrong != RingFault::kNone) return wrong;

  std::vector<std::pair<std::uint64_t, std::uint16_t>> found;
  for (std::uint32_t i = 0; i < layout_.size; ++i) {
    const auto number = static_cast<std::uint16_t>(i);
    if (entry(number).in_flight != 0) found.emplace_back(entry(number).counter, number);
  }
  std::sort(found.begin(), found.end());
  std::vector<bool> busy(layout_.size);
  available_ = used_;
  for (const auto& [counter, first] : found) {
    counter_ = counter + 1;
    Chain chain;
    if (const RingFault wrong = recover_chain(memory, first, chain); wrong != RingFault::kNone) return wrong;
    std::uint16_t number = first;
    for (std::uint16_t i = 0; i < chain.descriptors; ++i, number = next_of_[number]) {
      if (busy[number]) return RingFault::kBadInflight;
      busy[number] = true;
    }
    in_flight_ += chain.descriptors;
    available_.advance(chain.descriptors, layout_.size);
    oldest_first.push_back(std::move(chain));
  }
  for (std::uint32_t i = layout_.size; i-- > 0;) {
    if (!busy[i]) free_.push_back(static_cast<std::uint16_t>(i));
  }
  return RingFault::kNone;
}

// The predecessor may have died between any two steps of give_back(). As long as the position has not moved
// on, the place held a descriptor of this round, so its used bit says whether the guest was told: it has our
// wrap counter from then on, also when the guest has taken the place again.
RingFault PackedRing::finish_giving_back() {
  PackedInflightHeader& header = *layout_.inflight;
  const std::uint16_t number = header.giving_back;
  if (number == kNobody) return RingFault::kNone;
  if (number >= layout_.size) return RingFault::kBadInflight;
  const std::uint16_t count = entry(number).count;
  if (count == 0 || count > layout_.size) return RingFault::kBadInflight;
  const bool told = header.giving_at == used_.word() &&
                    ((load(&descriptor(used_.index)->flags) & kUsed) != 0) == used_.wrap;
  if (told) {
    entry(number).in_flight = 0;
    release_fence();
    used_.advance(count, layout_.size);
    store_position();
  }
  release_fence();
  header.giving_back = kNobody;
  return RingFault::kNone;
}

// Out of the record: the ring's own places may hold used descriptors by now.
RingFault PackedRing::recover_chain(const GuestMemory& memory, std::uint16_t first, Chain& chain) {
  const std::uint16_t count = entry(first).count;
  if (count == 0 || count > layout_.size - in_flight_) return RingFault::kBadInflight;
  chain_.clear();
  std::uint16_t number = first;
  for (std::uint16_t i = 0; i < count; ++i) {
    if (number >= layout_.size) return RingFault::kBadInflight;
    const PackedInflightEntry& part = entry(number);
    chain_.push_back({part.address, part.length, part.id, part.flags});
    next_of_[number] = part.next;
    number = next_of_[number];
  }
  chain.record = first;
  return build(memory, chain);
}

bool PackedRing::is_available() const {
  const std::uint16_t flags = load(&descriptor(available_.index)->flags, std::memory_order_acquire);
  return ((flags & kAvail) != 0) == available_.wrap && ((flags & kUsed) != 0) != available_.wrap;
}

Pop PackedRing::pop(const GuestMemory& memory, Chain& chain) {
  if (in_flight_ >= layout_.size || !is_available()) return Pop::kEmpty;
  RingFault wrong = read_ring();
  if (wrong == RingFault::kNone) wrong = build(memory, chain);
  if (wrong != RingFault::kNone) {
    fault_ = wrong;
    return Pop::kFault;
  }
  if (layout_.inflight != nullptr) record(chain);
  in_flight_ += chain.descriptors;
  available_.advance(chain.descriptors, layout_.size);
  return Pop::kTaken;
}

// Copies one chain's descriptors: the guest may change them meanwhile.
RingFault PackedRing::read_ring() {
  chain_.clear();
  Place place = available_;
  while (chain_.size() < layout_.size - in_flight_) {
    PackedDescriptor copy;
    std::memcpy(&copy, descriptor(place.index), sizeof(copy));
    chain_.push_back(copy);
    if ((copy.flags & kDescNext) == 0) return RingFault::kNone;
    if ((copy.flags & kDescIndirect) != 0) return RingFault::kIndirectNested;
    place.advance(1, layout_.size);
  }
  return RingFault::kChainTooLong;
}

// Segments of what is in chain_; the buffer id is the last descriptor's (2.8.6).
RingFault PackedRing::build(const GuestMemory& memory, Chain& chain) {
  chain.id = chain_.back().id;
  chain.descriptors = static_cast<std::uint16_t>(chain_.size());
  chain.segments.clear();
  if (chain.id >= layout_.size) return RingFault::kHeadOutOfRange;
  if (taken_[chain.id]) return RingFault::kHeadInFlight;
  for (const PackedDescriptor& part : chain_) {
    RingFault wrong = RingFault::kNone;
    if ((part.flags & kDescIndirect) == 0) {
      wrong = append_segment(memory, part.address, part.length, part.flags, chain.segments);
    } else if (!layout_.indirect) {
      wrong = RingFault::kIndirectRefused;
    } else if (chain_.size() != 1) {
      wrong = RingFault::kIndirectNested;
    } else {
      wrong = read_indirect(memory, part, chain);
    }
    if (wrong != RingFault::kNone) return wrong;
  }
  taken_[chain.id] = true;
  return RingFault::kNone;
}

// All entries of the table are the chain, in order (2.8.7).
RingFault PackedRing::read_indirect(const GuestMemory& memory, const PackedDescriptor& table, Chain& chain) {
  const std::size_t count = indirect_count(table.length);
  if (count == 0) return RingFault::kIndirectSize;
  indirect_.resize(count);
  if (!memory.read(table.address, indirect_.data(), count * sizeof(PackedDescriptor))) {
    return RingFault::kOutsideMemory;
  }
  for (const PackedDescriptor& part : indirect_) {
    if ((part.flags & kDescIndirect) != 0) return RingFault::kIndirectNested;
    const RingFault wrong = append_segment(memory, part.address, part.length, part.flags, chain.segments);
    if (wrong != RingFault::kNone) return wrong;
  }
  return RingFault::kNone;
}

void PackedRing::record(Chain& chain) {
  std::uint16_t first = 0;
  std::uint16_t last = 0;
  for (std::size_t i = chain_.size(); i-- > 0;) {
    const std::uint16_t number = free_.back();  // as many as descriptors, and so many are free
    free_.pop_back();
    PackedInflightEntry& part = entry(number);
    part.next = next_of_[number] = first;
    part.id = chain_[i].id;
    part.flags = chain_[i].flags;
    part.length = chain_[i].length;
    part.address = chain_[i].address;
    if (i + 1 == chain_.size()) last = number;
    first = number;
  }
  PackedInflightEntry& head = entry(first);
  head.last = last;
  head.count = chain.descriptors;
  head.counter = counter_++;
  release_fence();
  head.in_flight = 1;
  release_fence();
  chain.record = first;
}

void PackedRing::store_position() {
  const PackedPosition position{used_.index, used_.index, used_.wrap, used_.wrap, 1};
  auto* word = reinterpret_cast<std::uint64_t*>(&layout_.inflight->position);
  std::atomic_ref<std::uint64_t>(*word).store(std::bit_cast<std::uint64_t>(position),
                                              std::memory_order_release);
}

// The order is what finish_giving_back() relies on.
void PackedRing::give_back(const Chain& chain, std::uint32_t written) {
  PackedInflightHeader* header = layout_.inflight;
  if (header != nullptr) {
    store(&header->giving_at, used_.word());
    store(&header->giving_back, chain.record, std::memory_order_release);
    release_fence();
  }
  PackedDescriptor* place = descriptor(used_.index);
  place->id = chain.id;
  place->length = written;
  const unsigned flags = (used_.wrap ? kAvail | kUsed : 0U) | (written != 0 ? kDescWrite : 0U);
  store(&place->flags, static_cast<std::uint16_t>(flags), std::memory_order_release);
  used_.advance(chain.descriptors, layout_.size);
  if (header != nullptr) {
    full_fence();
    entry(chain.record).in_flight = 0;
    release_fence();
    store_position();
    release_fence();
    store(&header->giving_back, kNobody);
    std::uint16_t number = chain.record;
    for (std::uint16_t i = 0; i < chain.descriptors; ++i) {
      free_.push_back(number);
      number = next_of_[number];
    }
  }
  in_flight_ -= chain.descriptors;
  since_call_ += chain.descriptors;
  taken_[chain.id] = false;
}

bool PackedRing::wants_call() {
  full_fence();
  const std::uint32_t given = std::exchange(since_call_, 0);
  if (given == 0) return false;
  Event* event = event_of(layout_.driver_event);
  const std::uint16_t flags = load(&event->flags, std::memory_order_acquire);
  if (!layout_.event_index || flags != kAtDescriptor) return flags != kDisable;
  const std::uint16_t wanted = load(&event->place);
  std::uint32_t index = wanted & kIndexBits;
  // Counted back from here; a place of the other wrap lies a round behind.
  if (((wanted & ~kIndexBits) != 0) != used_.wrap) index -= layout_.size;
  return static_cast<std::uint16_t>(used_.index - index - 1) < std::min<std::uint32_t>(given, 0xffff);
}

bool PackedRing::enable_kicks() {
  Event* event = event_of(layout_.device_event);
  if (layout_.event_index) store(&event->place, available_.word());
  store(&event->flags, layout_.event_index ? kAtDescriptor : kEnable, std::memory_order_release);
  full_fence();
  return in_flight_ < layout_.size && is_available();
}

void PackedRing::disable_kicks() {
  store(&event_of(layout_.device_event)->flags, kDisable);
}

}  // namespace hanok::storage::target

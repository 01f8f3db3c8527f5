#include <atomic>
#include <cstring>
#include <utility>

#include "tests/storage/target/ring_driver.h"

namespace hanok::storage::target::testing {
namespace {

constexpr unsigned kAvail = 1U << 7U;
constexpr unsigned kUsed = 1U << 15U;

struct Event {
  std::uint16_t place, flags;
};

class PackedDriver final : public RingDriver {
 public:
  explicit PackedDriver(const RingPlace& place)
      : place_(place), token_of_(place.size), count_of_(place.size) {
    for (std::uint16_t i = 0; i < place.size; ++i) {
      free_.push_back(static_cast<std::uint16_t>(place.size - 1 - i));
    }
    room_ = place.size;
  }

  bool add(const std::vector<Segment>& segments, std::uint16_t token, std::uint64_t table) override {
    const std::size_t needed = table != 0 ? 1 : segments.size();
    if (room_ < needed || free_.empty()) return false;
    const std::uint16_t id = free_.back();
    free_.pop_back();
    token_of_[id] = token;
    count_of_[id] = static_cast<std::uint16_t>(needed);
    const std::uint16_t head = next_;
    const bool head_wrap = wrap_;
    std::uint16_t head_flags = 0;
    if (table != 0) {
      auto* entries = reinterpret_cast<PackedDescriptor*>(place_.memory + (table - kGuestBase));
      for (std::size_t i = 0; i < segments.size(); ++i) {
        entries[i] = {segments[i].address, segments[i].length, 0, direction(segments[i])};
      }
      head_flags = kDescIndirect;
      put(head, table, static_cast<std::uint32_t>(16 * segments.size()), id);
      advance(next_, wrap_, 1);
    } else {
      for (std::size_t i = 0; i < needed; ++i) {
        const auto flags =
            static_cast<std::uint16_t>(direction(segments[i]) | (i + 1 < needed ? kDescNext : 0));
        put(next_, segments[i].address, segments[i].length, id);
        if (i == 0) {
          head_flags = flags;
        } else {
          flags_of(next_).store(with_marks(flags, wrap_), std::memory_order_relaxed);
        }
        advance(next_, wrap_, 1);
      }
    }
    flags_of(head).store(with_marks(head_flags, head_wrap), std::memory_order_release);
    room_ -= needed;
    added_ += static_cast<std::uint16_t>(needed);
    return true;
  }

  std::optional<Used> take_used() override {
    const std::uint16_t flags = flags_of(seen_).load(std::memory_order_acquire);
    const bool used = (flags & kUsed) != 0;
    if (used != seen_wrap_ || ((flags & kAvail) != 0) != used) return std::nullopt;
    const PackedDescriptor& slot = descriptors()[seen_];
    const std::uint16_t id = slot.id;
    const Used out{token_of_.at(id), slot.length};
    const std::uint16_t count = std::exchange(count_of_[id], 0);
    if (count == 0) __builtin_trap();  // given back twice
    advance(seen_, seen_wrap_, count);
    room_ += count;
    free_.push_back(id);
    return out;
  }

  bool needs_kick() override {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    const std::uint16_t added = std::exchange(added_, 0);
    if (added == 0) return false;
    const Event event = *event_at(place_.used);
    if (event.flags != 2) return event.flags == 0;
    std::uint32_t wanted = event.place & 0x7fffU;
    if (((event.place & 0x8000U) != 0) != wrap_) wanted -= place_.size;
    return static_cast<std::uint16_t>(next_ - wanted - 1) < added;
  }

  bool enable_calls() override {
    Event* event = event_at(place_.available);
    event->place = word();
    std::atomic_ref<std::uint16_t>(event->flags).store(place_.event_index ? 2 : 0, std::memory_order_release);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    const std::uint16_t flags = flags_of(seen_).load(std::memory_order_acquire);
    return ((flags & kUsed) != 0) == seen_wrap_ && ((flags & kAvail) != 0) == seen_wrap_;
  }
  void disable_calls() override { event_at(place_.available)->flags = 1; }
  std::uint16_t base() const override { return word(); }

 private:
  static std::uint16_t direction(const Segment& segment) {
    return segment.device_writes ? kDescWrite : std::uint16_t{0};
  }
  static std::uint16_t with_marks(std::uint16_t flags, bool wrap) {
    return static_cast<std::uint16_t>(flags | (wrap ? kAvail : kUsed));
  }
  void advance(std::uint16_t& index, bool& wrap, std::uint16_t by) const {
    index = static_cast<std::uint16_t>(index + by);
    if (index < place_.size) return;
    index = static_cast<std::uint16_t>(index - place_.size);
    wrap = !wrap;
  }
  void put(std::uint16_t index, std::uint64_t address, std::uint32_t length, std::uint16_t id) {
    PackedDescriptor& slot = descriptors()[index];
    slot.address = address;
    slot.length = length;
    slot.id = id;
  }
  [[nodiscard]] std::uint16_t word() const {
    return static_cast<std::uint16_t>(seen_ | (seen_wrap_ ? 0x8000U : 0U));
  }
  [[nodiscard]] PackedDescriptor* descriptors() const {
    return reinterpret_cast<PackedDescriptor*>(place_.memory + place_.descriptors);
  }
  [[nodiscard]] std::atomic_ref<std::uint16_t> flags_of(std::uint16_t index) const {
    return std::atomic_ref<std::uint16_t>(descriptors()[index].flags);
  }
  [[nodiscard]] Event* event_at(std::uint64_t offset) const {
    return reinterpret_cast<Event*>(place_.memory + offset);
  }

  RingPlace place_;
  std::vector<std::uint16_t> free_, token_of_, count_of_;  // by buffer id
  std::size_t room_ = 0;
  std::uint16_t next_ = 0, seen_ = 0, added_ = 0;
  bool wrap_ = true, seen_wrap_ = true;
};

}  // namespace

std::unique_ptr<RingDriver> packed_driver(const RingPlace& place) {
  return std::make_unique<PackedDriver>(place);
}

}  // namespace hanok::storage::target::testing

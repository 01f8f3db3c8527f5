#include "tests/storage/target/ring_driver.h"

#include <atomic>
#include <cstring>
#include <utility>

namespace hanok::storage::target::testing {
namespace {

std::uint16_t load(std::uint16_t* word) {
  return std::atomic_ref<std::uint16_t>(*word).load(std::memory_order_acquire);
}
void store(std::uint16_t* word, std::uint16_t value) {
  std::atomic_ref<std::uint16_t>(*word).store(value, std::memory_order_release);
}
void full_fence() {
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

class SplitDriver final : public RingDriver {
 public:
  explicit SplitDriver(const RingPlace& place) : place_(place) {
    for (std::uint16_t i = 0; i < place.size; ++i)
      free_.push_back(static_cast<std::uint16_t>(place.size - 1 - i));
    token_of_.resize(place.size);
    chain_of_.resize(place.size);
  }

  bool add(const std::vector<Segment>& segments, std::uint16_t token, std::uint64_t table) override {
    const std::size_t needed = table != 0 ? 1 : segments.size();
    if (free_.size() < needed) return false;
    std::vector<std::uint16_t> taken;
    for (std::size_t i = 0; i < needed; ++i) {
      taken.push_back(free_.back());
      free_.pop_back();
    }
    if (table != 0) {
      auto* entries = reinterpret_cast<SplitDescriptor*>(place_.memory + (table - kGuestBase));
      for (std::size_t i = 0; i < segments.size(); ++i) {
        entries[i] = describe(segments[i], i + 1 < segments.size(), static_cast<std::uint16_t>(i + 1));
      }
      descriptors()[taken[0]] = {table, static_cast<std::uint32_t>(16 * segments.size()), kDescIndirect, 0};
    } else {
      for (std::size_t i = 0; i < needed; ++i) {
        const bool more = i + 1 < needed;
        descriptors()[taken[i]] = describe(segments[i], more, more ? taken[i + 1] : std::uint16_t{0});
      }
    }
    const std::uint16_t head = taken[0];
    token_of_[head] = token;
    chain_of_[head] = std::move(taken);
    available()[2 + added_ % place_.size] = head;
    ++added_;
    store(&available()[1], added_);
    return true;
  }

  std::optional<Used> take_used() override {
    if (load(&used()[1]) == seen_) return std::nullopt;
    const std::uint16_t* slot = &used()[2 + 4 * (seen_ % place_.size)];
    std::uint32_t id = 0;
    std::uint32_t written = 0;
    std::memcpy(&id, slot, sizeof(id));
    std::memcpy(&written, slot + 2, sizeof(written));
    ++seen_;
    const auto head = static_cast<std::uint16_t>(id);
    for (const std::uint16_t number : chain_of_.at(head)) free_.push_back(number);
    chain_of_[head].clear();
    return Used{token_of_[head], written};
  }

  bool needs_kick() override {
    full_fence();
    const std::uint16_t before = std::exchange(kicked_, added_);
    if (before == added_) return false;
    if (!place_.event_index) return (load(&used()[0]) & 1) == 0;
    const std::uint16_t event = load(&used()[2 + 4 * place_.size]);
    return static_cast<std::uint16_t>(added_ - event - 1) < static_cast<std::uint16_t>(added_ - before);
  }

  bool enable_calls() override {
    store(&available()[0], 0);
    if (place_.event_index) store(&available()[2 + place_.size], seen_);
    full_fence();
    return load(&used()[1]) != seen_;
  }
  void disable_calls() override { store(&available()[0], 1); }
  std::uint16_t base() const override { return load(&used()[1]); }

 private:
  static SplitDescriptor describe(const Segment& segment, bool more, std::uint16_t next) {
    const auto flags =
        static_cast<std::uint16_t>((segment.device_writes ? kDescWrite : 0) | (more ? kDescNext : 0));
    return {segment.address, segment.length, flags, next};
  }
  [[nodiscard]] SplitDescriptor* descriptors() const {
    return reinterpret_cast<SplitDescriptor*>(place_.memory + place_.descriptors);
  }
  [[nodiscard]] std::uint16_t* available() const {
    return reinterpret_cast<std::uint16_t*>(place_.memory + place_.available);
  }
  [[nodiscard]] std::uint16_t* used() const {
    return reinterpret_cast<std::uint16_t*>(place_.memory + place_.used);
  }

  RingPlace place_;
  std::vector<std::uint16_t> free_;
  std::vector<std::uint16_t> token_of_;
  std::vector<std::vector<std::uint16_t>> chain_of_;  // by head
  std::uint16_t added_ = 0, seen_ = 0, kicked_ = 0;
};

}  // namespace

RingPlace RingPlace::at(std::byte* memory, std::uint64_t offset, std::uint16_t size, bool event_index) {
  const auto page = [](std::uint64_t value) { return (value + 4095) & ~4095ULL; };
  RingPlace place;
  place.memory = memory;
  place.descriptors = page(offset);
  place.available = page(place.descriptors + 16ULL * size);
  place.used = page(place.available + 2ULL * size + 6);
  place.size = size;
  place.event_index = event_index;
  return place;
}

std::unique_ptr<RingDriver> split_driver(const RingPlace& place) {
  return std::make_unique<SplitDriver>(place);
}

}  // namespace hanok::storage::target::testing

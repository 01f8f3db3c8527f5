#pragma once
// A guest in this process: memory, a ring, and an inflight record, as a test wants them.

#include <cstdlib>
#include <cstring>
#include <string>

#include "storage/target/packed_ring.h"
#include "storage/target/split_ring.h"
#include "tests/storage/target/ring_driver.h"

namespace hanok::storage::target::testing {

class Guest {
 public:
  static constexpr std::size_t kMemory_bytes = 4U << 20U;
  static constexpr std::uint64_t kData = 0x100000;  // offset of the first slot
  static constexpr std::uint64_t kSlot_bytes = 0x10000;

  explicit Guest(std::uint16_t size = 8, bool event_index = false, bool packed = false)
      : memory_(static_cast<std::byte*>(std::aligned_alloc(4096, kMemory_bytes))),
        inflight_(packed ? 32 + 32ULL * size : 16 + 16ULL * size, std::byte{0}),
        place(RingPlace::at(memory_.get(), 0, size, event_index)) {
    std::memset(memory_.get(), 0, kMemory_bytes);
    table = GuestMemory({{kGuestBase, kMemory_bytes, memory_.get()}});
    driver = packed ? packed_driver(place) : split_driver(place);
  }

  [[nodiscard]] SplitLayout layout(bool with_record = true) {
    SplitLayout out;
    out.descriptors = memory_.get() + place.descriptors;
    out.available = memory_.get() + place.available;
    out.used = memory_.get() + place.used;
    out.inflight = with_record ? reinterpret_cast<SplitInflightHeader*>(inflight_.data()) : nullptr;
    out.size = place.size;
    out.event_index = place.event_index;
    return out;
  }
  [[nodiscard]] PackedLayout packed_layout(bool with_record = true) {
    PackedLayout out;
    out.descriptors = at(place.descriptors);
    out.driver_event = at(place.available);
    out.device_event = at(place.used);
    out.inflight = with_record ? reinterpret_cast<PackedInflightHeader*>(inflight_.data()) : nullptr;
    out.size = place.size;
    out.next_available = 0x8000;
    out.event_index = place.event_index;
    return out;
  }
  [[nodiscard]] std::vector<std::byte>& record_bytes() { return inflight_; }
  [[nodiscard]] SplitInflightHeader& record() {
    return *reinterpret_cast<SplitInflightHeader*>(inflight_.data());
  }
  [[nodiscard]] SplitInflightEntry& entry(std::size_t head) {
    return reinterpret_cast<SplitInflightEntry*>(inflight_.data() + 16)[head];
  }
  [[nodiscard]] SplitDescriptor* descriptors() {
    return reinterpret_cast<SplitDescriptor*>(at(place.descriptors));
  }
  [[nodiscard]] std::uint16_t* available() { return reinterpret_cast<std::uint16_t*>(at(place.available)); }
  [[nodiscard]] std::uint16_t* used() { return reinterpret_cast<std::uint16_t*>(at(place.used)); }
  [[nodiscard]] std::byte* at(std::uint64_t offset) { return memory_.get() + offset; }

  // A request of slot `token`: header, data of `length` bytes, status. Data and status are where the slot is.
  bool request(std::uint16_t token, std::uint32_t type, std::uint64_t sector, std::uint32_t length,
               bool indirect = false) {
    const std::uint64_t slot = kData + token * kSlot_bytes;
    const std::uint32_t reserved = 0;
    std::memcpy(at(slot), &type, 4);
    std::memcpy(at(slot + 4), &reserved, 4);
    std::memcpy(at(slot + 8), &sector, 8);
    *at(slot + 16) = std::byte{0xff};
    std::vector<Segment> segments = {{kGuestBase + slot, 16, false}};
    const bool device_writes = type == 0 || type == 8;
    if (length > 0) segments.push_back({kGuestBase + slot + 4096, length, device_writes});
    segments.push_back({kGuestBase + slot + 16, 1, true});
    return driver->add(segments, token, indirect ? kGuestBase + slot + 512 : 0);
  }
  [[nodiscard]] std::byte* data(std::uint16_t token) { return at(kData + token * kSlot_bytes + 4096); }
  [[nodiscard]] int status(std::uint16_t token) {
    return static_cast<int>(*at(kData + token * kSlot_bytes + 16));
  }

 private:
  struct Free {
    void operator()(std::byte* memory) const { std::free(memory); }
  };
  std::unique_ptr<std::byte, Free> memory_;
  alignas(8) std::vector<std::byte> inflight_;

 public:
  RingPlace place;
  GuestMemory table;
  std::unique_ptr<RingDriver> driver;
};

}  // namespace hanok::storage::target::testing

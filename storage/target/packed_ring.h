#pragma once
// The packed virtqueue (virtio 1.2, 2.8) with its inflight record (vhost-user, "Inflight I/O tracking",
// packed). Used descriptors overwrite what lies in the ring, so the record holds the chains themselves.

#include <memory>

#include "storage/target/descriptor.h"
#include "storage/target/ring.h"

namespace hanok::storage::target {

// The position changes by one store: no death can fall between its parts.
struct alignas(8) PackedPosition {
  std::uint16_t used, old_used;  // the same, always: the library repairs nothing then
  std::uint8_t wrap, old_wrap;
  std::uint16_t started;  // in the layout's padding; 0: never used, the front end's base counts
};
struct PackedInflightHeader {
  std::uint64_t features;
  std::uint16_t version, entries;
  std::uint16_t giving_back;  // entry, or 0xffff; in the place of the head of the free list
  std::uint16_t giving_at;    // where in the ring, with the wrap counter; in that of the old head
  PackedPosition position;
  std::uint64_t padding;
};
struct PackedInflightEntry {
  std::uint8_t in_flight;  // of a chain's first entry, as are `last`, `count` and `counter`
  std::uint8_t padding;
  std::uint16_t next, last, count;
  std::uint64_t counter;  // order in which they were taken
  std::uint16_t id, flags;
  std::uint32_t length;
  std::uint64_t address;
};
static_assert(sizeof(PackedPosition) == 8 && sizeof(PackedInflightHeader) == 32 &&
              sizeof(PackedInflightEntry) == 32);

struct PackedLayout {
  void* descriptors = nullptr;               // all mapped in full and not owned
  void* driver_event = nullptr;              // the guest's wish for interrupts
  void* device_event = nullptr;              // ours for kicks
  PackedInflightHeader* inflight = nullptr;  // with `size` entries behind it; nullptr: none
  std::uint32_t size = 0;
  std::uint16_t next_available = 0;  // with the wrap counter in bit 15; where to go on without a record
  bool event_index = false;          // VIRTIO_F_EVENT_IDX
  bool indirect = true;              // VIRTIO_F_INDIRECT_DESC
};

class PackedRing final : public Ring {
 public:
  explicit PackedRing(const PackedLayout& layout);

  [[nodiscard]] RingFault recover(const GuestMemory& memory, std::vector<Chain>& oldest_first) override;
  [[nodiscard]] Pop pop(const GuestMemory& memory, Chain& chain) override;
  [[nodiscard]] RingFault fault() const override { return fault_; }
  void give_back(const Chain& chain, std::uint32_t written) override;
  [[nodiscard]] bool wants_call() override;
  bool enable_kicks() override;
  void disable_kicks() override;
  [[nodiscard]] std::uint16_t next_available() const override { return available_.word(); }
  [[nodiscard]] std::uint16_t next_used() const override { return used_.word(); }
  [[nodiscard]] std::uint16_t size() const override { return static_cast<std::uint16_t>(layout_.size); }

 private:
  struct Place {
    std::uint16_t index = 0;
    bool wrap = true;
    void advance(std::uint32_t by, std::uint32_t size);
    [[nodiscard]] std::uint16_t word() const {
      return static_cast<std::uint16_t>(index | (wrap ? 0x8000U : 0U));
    }
  };

  [[nodiscard]] RingFault check_layout() const;
  [[nodiscard]] RingFault recover_record(const GuestMemory& memory, std::vector<Chain>& oldest_first);
  [[nodiscard]] RingFault finish_giving_back();
  [[nodiscard]] RingFault recover_chain(const GuestMemory& memory, std::uint16_t first, Chain& chain);
  [[nodiscard]] RingFault read_ring();
  [[nodiscard]] RingFault build(const GuestMemory& memory, Chain& chain);
  [[nodiscard]] RingFault read_indirect(const GuestMemory& memory, const PackedDescriptor& table,
                                        Chain& chain);
  void record(Chain& chain);
  void store_position();
  [[nodiscard]] bool is_available() const;
  [[nodiscard]] PackedDescriptor* descriptor(std::uint32_t index) const;
  [[nodiscard]] PackedInflightEntry& entry(std::uint16_t number) const;

  PackedLayout layout_;
  Place available_, used_;
  std::uint32_t in_flight_ = 0;   // descriptors
  std::uint32_t since_call_ = 0;  // descriptors given back
  std::uint64_t counter_ = 0;
  RingFault fault_ = RingFault::kNone;
  std::vector<bool> taken_;                 // by buffer id
  std::vector<std::uint16_t> free_;         // entries of the record
  std::vector<std::uint16_t> next_of_;      // our copy of their links: the record is not ours alone
  std::vector<PackedDescriptor> chain_;     // scratch: the ring's descriptors of one chain
  std::vector<PackedDescriptor> indirect_;  // scratch
};

}  // namespace hanok::storage::target

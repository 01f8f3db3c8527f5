#pragma once
// The split virtqueue (virtio 1.2, 2.7) with its inflight record (vhost-user, "Inflight I/O tracking",
// split).

#include <memory>

#include "storage/target/descriptor.h"
#include "storage/target/ring.h"

namespace hanok::storage::target {

// The record of one queue, in memory that the front end keeps over our death.
struct SplitInflightHeader {
  std::uint64_t features;
  std::uint16_t version;  // 0: never used
  std::uint16_t entries;
  std::uint16_t last_given_back;
  std::uint16_t used_index;
};
struct SplitInflightEntry {
  std::uint8_t in_flight;
  std::array<std::uint8_t, 5> padding;
  std::uint16_t next;
  std::uint64_t counter;  // order in which they were taken
};
static_assert(sizeof(SplitInflightHeader) == 16 && sizeof(SplitInflightEntry) == 16);

struct SplitLayout {
  void* descriptors = nullptr;  // all mapped in full and not owned
  void* available = nullptr;
  void* used = nullptr;
  SplitInflightHeader* inflight = nullptr;  // with `size` entries behind it; nullptr: none
  std::uint32_t size = 0;
  std::uint16_t next_available = 0;  // where to go on when there is no record
  bool event_index = false;          // VIRTIO_F_EVENT_IDX
  bool indirect = true;              // VIRTIO_F_INDIRECT_DESC
};

class SplitRing final : public Ring {
 public:
  explicit SplitRing(const SplitLayout& layout);

  [[nodiscard]] RingFault recover(const GuestMemory& memory, std::vector<Chain>& oldest_first) override;
  [[nodiscard]] Pop pop(const GuestMemory& memory, Chain& chain) override;
  [[nodiscard]] RingFault fault() const override { return fault_; }
  void give_back(const Chain& chain, std::uint32_t written) override;
  [[nodiscard]] bool wants_call() override;
  bool enable_kicks() override;
  void disable_kicks() override;
  [[nodiscard]] std::uint16_t next_available() const override { return next_available_; }
  [[nodiscard]] std::uint16_t next_used() const override { return used_index_; }
  [[nodiscard]] std::uint16_t size() const override { return static_cast<std::uint16_t>(layout_.size); }

 private:
  [[nodiscard]] RingFault check_layout() const;
  [[nodiscard]] RingFault read_chain(const GuestMemory& memory, std::uint16_t head, Chain& chain);
  [[nodiscard]] RingFault read_indirect(const GuestMemory& memory, const SplitDescriptor& table,
                                        Chain& chain);
  [[nodiscard]] std::uint16_t available_index() const;
  [[nodiscard]] SplitInflightEntry& entry(std::uint16_t head) const;
  [[nodiscard]] std::uint16_t* available_word(std::size_t number) const;
  [[nodiscard]] std::uint16_t* used_word(std::size_t number) const;

  SplitLayout layout_;
  std::uint16_t mask_;
  std::uint16_t next_available_ = 0;
  std::uint16_t used_index_ = 0;
  std::uint16_t told_index_ = 0;  // used index of the last call
  std::uint64_t counter_ = 0;
  RingFault fault_ = RingFault::kNone;
  std::vector<bool> taken_;
  std::vector<SplitDescriptor> table_;  // scratch for indirect tables
};

}  // namespace hanok::storage::target

#pragma once
// The guest's side of a virtqueue, for tests and measurements: a driver of virtio-blk over memory that it
// shares with the device. One thread.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "storage/target/descriptor.h"

namespace hanok::storage::target::testing {

// Memory of the guest; guest address = kGuestBase + offset.
inline constexpr std::uint64_t kGuestBase = 0x100000;

class RingDriver {
 public:
  virtual ~RingDriver() = default;
  // Makes a chain available under `token` (below the ring's size); `table` is where an indirect table may be
  // put, 0: use the ring's own descriptors. False when the ring is full.
  virtual bool add(const std::vector<Segment>& segments, std::uint16_t token, std::uint64_t table) = 0;
  struct Used {
    std::uint16_t token;
    std::uint32_t written;
  };
  [[nodiscard]] virtual std::optional<Used> take_used() = 0;
  // Whether the device wants a kick for what was added since the last call.
  [[nodiscard]] virtual bool needs_kick() = 0;
  // Asks for an interrupt; true when there is something already.
  virtual bool enable_calls() = 0;
  virtual void disable_calls() = 0;
  // Where a device that starts now goes on, as SET_VRING_BASE wants it.
  [[nodiscard]] virtual std::uint16_t base() const = 0;
};

struct RingPlace {  // offsets in the guest's memory, of `memory`
  std::byte* memory = nullptr;
  std::uint64_t descriptors = 0, available = 0, used = 0;  // packed: the driver's and the device's events
  std::uint16_t size = 0;
  bool event_index = false;
  static std::uint64_t bytes(std::uint16_t size) {
    return 16ULL * size + 4096 + 2ULL * size + 4096 + 8ULL * size + 4096;
  }
  static RingPlace at(std::byte* memory, std::uint64_t offset, std::uint16_t size, bool event_index);
};

[[nodiscard]] std::unique_ptr<RingDriver> split_driver(const RingPlace& place);
[[nodiscard]] std::unique_ptr<RingDriver> packed_driver(const RingPlace& place);

}  // namespace hanok::storage::target::testing

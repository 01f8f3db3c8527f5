#pragma once
// A virtqueue as the device sees it (virtio 1.2, 2.7 split and 2.8 packed), with the crash-safe record of
// what is in flight (vhost-user, "Inflight I/O tracking"). Everything in guest memory is hostile: it is read
// once, checked, and a wrong value is a RingFault, never an access elsewhere. One owner thread.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "storage/target/guest_memory.h"

namespace hanok::storage::target {

enum class RingFault : std::uint8_t {
  kNone,
  kMisaligned,        // the ring's parts
  kQueueSize,         // 0, over 32768, or (split) no power of two
  kAvailIndexJumped,  // more made available than the ring holds
  kHeadOutOfRange,    // a descriptor number beyond the ring
  kHeadInFlight,      // a buffer made available again before it was given back
  kNextOutOfRange,    // as kHeadOutOfRange, within a chain
  kChainTooLong,      // a loop, or more descriptors than kMaxChain
  kIndirectNested,    // an indirect table in an indirect table, or followed by more
  kIndirectSize,      // no whole number of descriptors, none, or too many
  kIndirectRefused,   // not negotiated
  kReadableAfterWritable,
  kOutsideMemory,  // a buffer or table that is not in the guest's memory
  kBadInflight,    // the record of what is in flight contradicts itself
  kCount
};
inline constexpr std::size_t kRingFaults = static_cast<std::size_t>(RingFault::kCount);
[[nodiscard]] std::string_view to_string(RingFault fault);  // as the counter is called, e.g. chain_too_long

inline constexpr std::uint32_t kMaxQueueSize = 32768;
inline constexpr std::size_t kMaxChain = 1024;  // descriptors of one request; Linux uses at most 256

struct Segment {
  std::uint64_t address = 0;  // guest physical
  std::uint32_t length = 0;
  bool device_writes = false;
};

struct Chain {
  std::uint16_t id = 0;           // split: head descriptor; packed: buffer id
  std::uint16_t descriptors = 0;  // ring entries that it takes
  std::uint16_t record = 0;       // packed: its entry in the inflight record
  std::vector<Segment> segments;
};

enum class Pop : std::uint8_t { kEmpty, kTaken, kFault };

class Ring {
 public:
  virtual ~Ring() = default;
  // First call, before any other. Gives what was in flight when the predecessor died, oldest first.
  [[nodiscard]] virtual RingFault recover(const GuestMemory& memory, std::vector<Chain>& oldest_first) = 0;
  // Takes the next chain and records it as in flight.
  [[nodiscard]] virtual Pop pop(const GuestMemory& memory, Chain& chain) = 0;
  [[nodiscard]] virtual RingFault fault() const = 0;  // why pop() gave kFault
  // Gives the buffer back, `written` bytes of it filled; crash-safe.
  virtual void give_back(const Chain& chain, std::uint32_t written) = 0;
  // Whether the guest wants to be told of what was given back since the last call.
  [[nodiscard]] virtual bool wants_call() = 0;
  // The guest shall (not) kick. After enabling: true when there is work already, for which no kick may come.
  virtual bool enable_kicks() = 0;
  virtual void disable_kicks() = 0;
  // For GET_VRING_BASE: the next entry to take, as vhost-user wants it (packed: wrap counter in bit 15).
  [[nodiscard]] virtual std::uint16_t next_available() const = 0;
  [[nodiscard]] virtual std::uint16_t next_used() const = 0;
  [[nodiscard]] virtual std::uint16_t size() const = 0;
};

}  // namespace hanok::storage::target

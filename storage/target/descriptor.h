#pragma once
// Descriptors as they lie in guest memory, and what both ring layouts share in reading them. Little-endian,
// as the machines this runs on.

#include <cstdint>
#include <vector>

#include "storage/target/ring.h"

namespace hanok::storage::target {

inline constexpr std::uint16_t kDescNext = 1;
inline constexpr std::uint16_t kDescWrite = 2;
inline constexpr std::uint16_t kDescIndirect = 4;

struct SplitDescriptor {
  std::uint64_t address;
  std::uint32_t length;
  std::uint16_t flags;
  std::uint16_t next;
};
static_assert(sizeof(SplitDescriptor) == 16);

struct PackedDescriptor {
  std::uint64_t address;
  std::uint32_t length;
  std::uint16_t id;
  std::uint16_t flags;
};
static_assert(sizeof(PackedDescriptor) == 16);

// Appends a buffer after the checks that hold in both layouts. An empty one is left out.
[[nodiscard]] RingFault append_segment(const GuestMemory& memory, std::uint64_t address, std::uint32_t length,
                                       std::uint16_t flags, std::vector<Segment>& segments);

// How many descriptors an indirect table of `length` bytes has; 0 when the length is wrong.
[[nodiscard]] std::size_t indirect_count(std::uint32_t length);

}  // namespace hanok::storage::target

#include "storage/target/descriptor.h"

namespace hanok::storage::target {

RingFault append_segment(const GuestMemory& memory, std::uint64_t address, std::uint32_t length,
                         std::uint16_t flags, std::vector<Segment>& segments) {
  const bool device_writes = (flags & kDescWrite) != 0;
  if (!device_writes && !segments.empty() && segments.back().device_writes) {
    return RingFault::kReadableAfterWritable;
  }
  if (segments.size() >= kMaxChain) return RingFault::kChainTooLong;
  if (length == 0) return RingFault::kNone;
  if (!memory.contains(address, length)) return RingFault::kOutsideMemory;
  segments.push_back({address, length, device_writes});
  return RingFault::kNone;
}

std::size_t indirect_count(std::uint32_t length) {
  const std::size_t count = length / sizeof(SplitDescriptor);
  return length % sizeof(SplitDescriptor) == 0 && count <= kMaxChain ? count : 0;
}

}  // namespace hanok::storage::target

#pragma once
// The device's features and configuration space (virtio 1.2, 5.2.3 and 5.2.4). Pure.

#include <array>
#include <cstddef>
#include <cstdint>

#include "storage/target/request.h"

namespace hanok::storage::target {

inline constexpr std::uint16_t kMaxQueues = 16;
inline constexpr std::uint32_t kMaxSegments = 254;  // data buffers of one request; header and status beside

constexpr std::uint64_t feature(unsigned number) {
  return 1ULL << number;
}
inline constexpr std::uint64_t kFeatureReadOnly = feature(5);
inline constexpr std::uint64_t kFeatureConfigWce = feature(11);
inline constexpr std::uint64_t kFeatureMultiQueue = feature(12);
inline constexpr std::uint64_t kFeatureIndirect = feature(28);
inline constexpr std::uint64_t kFeatureEventIndex = feature(29);
inline constexpr std::uint64_t kFeatureProtocol = feature(30);  // of vhost-user, not of virtio
inline constexpr std::uint64_t kFeatureVersion1 = feature(32);
inline constexpr std::uint64_t kFeaturePacked = feature(34);

// Every write is on the OSDs' disks when it is answered, so the cache is announced as write-through (WCE 0)
// until the guest itself asks for write-back, which changes nothing here.
[[nodiscard]] constexpr std::uint64_t features_of(bool read_only, std::uint16_t queues) {
  std::uint64_t out = feature(2) /* SEG_MAX */ | feature(6) /* BLK_SIZE */ | feature(9) /* FLUSH */ |
                      feature(10) /* TOPOLOGY */ | kFeatureConfigWce | kFeatureIndirect | kFeatureEventIndex |
                      kFeatureProtocol | kFeatureVersion1 | kFeaturePacked;
  if (queues > 1) out |= kFeatureMultiQueue;
  return out | (read_only ? kFeatureReadOnly : feature(13) /* DISCARD */ | feature(14) /* WRITE_ZEROES */);
}

struct __attribute__((packed)) BlkConfig {
  std::uint64_t capacity_sectors;
  std::uint32_t size_max;
  std::uint32_t seg_max;
  std::uint16_t cylinders;
  std::uint8_t heads, sectors;
  std::uint32_t block_bytes;
  std::uint8_t physical_block_exponent;
  std::uint8_t alignment_offset;
  std::uint16_t min_io_blocks;
  std::uint32_t optimal_io_blocks;
  std::uint8_t writeback;
  std::uint8_t unused;
  std::uint16_t queues;
  std::uint32_t max_discard_sectors, max_discard_segments, discard_alignment_sectors;
  std::uint32_t max_write_zeroes_sectors, max_write_zeroes_segments;
  std::uint8_t write_zeroes_may_unmap;
  std::array<std::uint8_t, 3> unused_too;
};
static_assert(sizeof(BlkConfig) == 60 && offsetof(BlkConfig, writeback) == 32);

[[nodiscard]] inline BlkConfig config_of(std::uint64_t size_bytes, std::uint16_t queues, bool writeback) {
  BlkConfig out{};
  out.capacity_sectors = size_bytes / kSectorBytes;
  out.seg_max = kMaxSegments;
  out.block_bytes = kSectorBytes;
  out.physical_block_exponent = 3;  // 4 KiB
  out.min_io_blocks = 8;
  out.writeback = writeback ? 1 : 0;
  out.queues = queues;
  out.max_discard_sectors = kMaxDiscardSectors;
  out.max_discard_segments = 1;
  out.discard_alignment_sectors = 128;  // 64 KiB, below which librbd keeps what is there
  out.max_write_zeroes_sectors = kMaxWriteZeroesSectors;
  out.max_write_zeroes_segments = 1;
  out.write_zeroes_may_unmap = 1;
  return out;
}

}  // namespace hanok::storage::target

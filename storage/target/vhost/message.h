#pragma once
// The vhost-user messages that are looked at here, as they lie in the library's buffer.

#include <array>
#include <cstdint>

namespace hanok::storage::target {

enum VhostRequest : std::uint32_t {
  kSetMemTable = 5,
  kSetVringNum = 8,
  kSetVringAddr = 9,
  kSetVringBase = 10,
  kGetVringBase = 11,
  kSetVringKick = 12,
  kSetVringCall = 13,
  kSetVringErr = 14,
  kGetQueueNum = 17,
  kSetVringEnable = 18,
  kGetConfig = 24,
  kSetConfig = 25,
  kGetInflightFd = 31,
  kSetInflightFd = 32,
};

struct __attribute__((packed)) VhostMessage {
  std::uint32_t request, flags, size;
  union {
    std::uint64_t number;
    struct __attribute__((packed)) {
      std::uint32_t index, value;
    } state;
    struct __attribute__((packed)) {
      std::uint64_t mmap_size, mmap_offset;
      std::uint16_t queues, queue_size;
      std::uint32_t padding;  // as QEMU and the library have it
    } inflight;
    struct __attribute__((packed)) {
      std::uint32_t offset, size, flags;
      std::array<std::uint8_t, 256> region;
    } config;
  };
};
inline constexpr std::uint32_t kConfigHeader_bytes = 12;
inline constexpr std::uint64_t kIndexMask = 0xff;  // of the number in messages that carry a descriptor

}  // namespace hanok::storage::target

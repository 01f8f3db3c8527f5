#pragma once
// A frame as the packet engine sees it: one contiguous run of bytes in a buffer that an edge owns.

#include <cstdint>

namespace hanok::dataplane {

// Dense number of a device: a port of this host or an uplink. Given out by Tables, stable while the object
// lives.
using DeviceIndex = std::uint16_t;
inline constexpr DeviceIndex kNoDevice = 0xffff;
inline constexpr unsigned kMaxDevices = 32768;

// Bits of Packet::offload.
inline constexpr std::uint8_t kL4ChecksumPartial = 1;  // the L4 checksum is still to be made (offload.h)
inline constexpr std::uint8_t kSegmentLater = 2;  // longer than the MTU, to be cut to `segment_bytes` (TSO)

// The edge may place it in the buffer's private area. Whoever holds the pointer owns the packet.
struct Packet {
  std::uint8_t* data = nullptr;
  std::uint16_t length = 0;    // bytes of the frame
  std::uint16_t headroom = 0;  // free bytes before `data`; the engine wants 64 for an encapsulation
  std::uint16_t tailroom = 0;  // free bytes after the frame
  std::uint8_t offload = 0;
  std::uint8_t reserved = 0;
  std::uint16_t segment_bytes = 0;
  void* buffer = nullptr;  // the edge's own (an rte_mbuf)

  void push(std::uint16_t bytes) { data -= bytes, length += bytes, headroom -= bytes; }
  void pull(std::uint16_t bytes) { data += bytes, length -= bytes, headroom += bytes; }
};

// Where the engine gets and leaves buffers. Called on the worker's thread only.
class BufferPool {
 public:
  virtual ~BufferPool() = default;
  // A packet of `length` bytes, headroom at least 128, contents undefined; null when there is none.
  [[nodiscard]] virtual Packet* allocate(std::uint16_t length) = 0;
  virtual void release(Packet* const* packets, unsigned count) = 0;
};

// Where the engine puts frames, in batches per device. Takes ownership; what the device does not take, the
// edge releases and counts. Called on the worker's thread only.
class Output {
 public:
  virtual ~Output() = default;
  // Bits of Packet::offload that frames to this device may have: work that is left to who is behind it.
  [[nodiscard]] virtual std::uint8_t accepts(DeviceIndex /*device*/) const { return 0; }
  virtual void transmit(DeviceIndex device, Packet* const* packets, unsigned count) = 0;
};

}  // namespace hanok::dataplane

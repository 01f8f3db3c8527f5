#pragma once
// Frames of one device, copied as they come in and go out, until someone fetches them. Memory is taken once,
// where it begins; what finds no room is counted, not kept. The workers add; the control thread takes, at a
// quiescent point of all.

#include <cstdint>
#include <vector>

#include "dataplane/flow/spin_lock.h"
#include "dataplane/packet/packet.h"

struct rte_mbuf;

namespace hanok::dataplane::dpdk {

class Capture {
 public:
  static constexpr unsigned kMostFrames = 4096;        // that wait to be fetched
  static constexpr unsigned kMostBytes = 4U << 20U;    // of them
  static constexpr unsigned kLongestSnapshot = 65535;  // bytes of a frame

  struct Entry {
    std::uint64_t time_us = 0;   // the worker's clock
    std::uint32_t offset = 0;    // of its bytes
    std::uint32_t captured = 0;  // bytes kept
    std::uint32_t length = 0;    // bytes that the frame had
    bool outward = false;        // to the device; else from it
  };
  struct Frames {
    std::vector<Entry> entries;
    std::vector<std::uint8_t> bytes;
    std::uint64_t missed = 0;  // found no room
  };

  // Control thread. `frames`: how many are wanted in all.
  Capture(DeviceIndex device, std::uint64_t frames, std::uint32_t snapshot);

  // Workers.
  void add(rte_mbuf* const* frames, unsigned count, bool outward, std::uint64_t now_us);

  [[nodiscard]] DeviceIndex device() const { return device_; }
  [[nodiscard]] bool complete() const { return wanted_ == 0; }
  // What came since the last time. At a quiescent point; `empty` (made by room()) takes its place.
  [[nodiscard]] Frames take(Frames empty);
  [[nodiscard]] static Frames room();

 private:
  SpinLock lock_;
  DeviceIndex device_;
  std::uint64_t wanted_;
  std::uint32_t snapshot_;
  Frames frames_ = room();
};

}  // namespace hanok::dataplane::dpdk

#pragma once
// Counters of one worker: per device, frames and bytes each way and one counter per named drop. Only the
// worker writes; any thread may read (relaxed: a reader sees each number, not a cut through all).

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/packet/drop_reason.h"
#include "dataplane/packet/packet.h"

namespace hanok::dataplane {

// One writer, so no locked instruction.
class Counter {
 public:
  void add(std::uint64_t by) {
    value_.store(value_.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
  void reset() { value_.store(0, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t read() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

struct DeviceCounters {
  Counter rx_packets, rx_bytes;  // as they came in
  Counter tx_packets, tx_bytes;  // handed to Output
  std::array<Counter, kDropReasons> drops;
};

class Counters {
 public:
  // Null where the device never existed. The pointer stays good for the engine's life.
  [[nodiscard]] const DeviceCounters* device(DeviceIndex index) const;
  // Worker only: makes it if need be.
  [[nodiscard]] DeviceCounters& at(DeviceIndex index);

  // Of the worker as a whole.
  Counter flow_hits, flow_misses, flows_created, flows_expired, flows_recompiled;
  Counter slow_frames;                      // took the stages
  Counter flows_by_template;                // of those created
  Counter connections_torn;                 // translated to another port, and one of the two is forwarded now
  Counter large_frames_cut, segments_made;  // of guests' large frames, for what takes none
  Counter checksums_made;                   // that guests left to us
  Counter flow_records;                     // a gauge: records now in the table
  Counter connections;                      // a gauge

 private:
  std::array<std::atomic<DeviceCounters*>, kMaxDevices> devices_{};
  std::vector<std::unique_ptr<DeviceCounters>> owned_;
};

}  // namespace hanok::dataplane

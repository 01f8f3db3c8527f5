#pragma once
// What a volume counts. Written by the owner of its rings, read by any thread.

#include "storage/target/histogram.h"
#include "storage/target/osd_times.h"
#include "storage/target/request.h"

namespace hanok::storage::target {

class Counter {  // one writer
 public:
  void add(std::uint64_t by = 1) { value_.store(get() + by, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

struct VolumeStats {
  std::array<Counter, kBlkTypes> requests;       // by type; refused ones are not in here
  std::array<Counter, kBlkTypes> bytes;          // of read, write, discard, write zeroes
  std::array<Counter, kBlkTypes> errors;         // answered with an I/O error of the device
  std::array<Counter, kBlkRefusals> refusals;    // answered without being done
  std::array<Counter, kRingFaults> ring_faults;  // the client was disconnected
  Counter no_status;                             // so too: a request without a place for its status
  Counter vanished;                              // so too: memory was gone when the answer came
  Counter replayed;                              // in flight when a predecessor or a client died
  Counter orphaned;                              // ended after their client was gone: nobody was told
  Counter calls;                                 // interrupts sent
  // Where a request's time goes. Ring wait and throttle are upper bounds: from when the ring was last seen
  // without it, or its number was given back.
  // What `device` takes includes the OSDs' time.
  std::array<Histogram, kBlkTypes> ring_wait, throttle, device;
  Histogram osd_reads;            // of reads that the device timed one by one
  const OsdTimes* osd = nullptr;  // of the device; null where it has none
};

}  // namespace hanok::storage::target

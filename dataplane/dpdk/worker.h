#pragma once
// One worker: a thread on its own CPU that moves frames from its devices through its engine to its devices,
// run to completion, without locks. The control thread changes it only through call(), between two bursts.

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <semaphore>
#include <vector>

#include "common/result.h"
#include "dataplane/dpdk/capture.h"
#include "dataplane/dpdk/device.h"
#include "dataplane/dpdk/fair_polling.h"
#include "dataplane/flow/engine.h"

namespace hanok::dataplane::dpdk {

struct WorkerOptions {
  // Longest sleep of a worker whose devices stay empty; 0: never sleeps, burns its CPU.
  std::uint32_t idle_sleep_us = 500;
  EngineOptions engine;
};

// Written by the worker, read by any thread.
struct WorkerCounters {
  Counter loops, empty_loops, sleeps;
  Counter held_back;         // times that a guest's device was not polled, see FairPolling
  Counter segmented_frames;  // dropped: received in several buffers
};

struct DeviceTransmitCounters {
  Counter sent, refused;  // refused: the device's queue was full or its link is down; dropped
};

class Worker {
 public:
  Worker(rte_mempool* pool, const WorkerOptions& options);
  ~Worker();  // stops
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  [[nodiscard]] Status start(unsigned lcore);
  void stop();

  // Control thread. Runs `task` on the worker's thread between bursts and waits for it (at most about the
  // idle sleep). All that `task` replaced may be destroyed after. Before start() and after stop() it runs
  // here.
  void call(const std::function<void()>& task);

  // Inside call() only.
  [[nodiscard]] Engine& engine() { return *engine_; }
  // `guest`: held back when it takes more than its share; else never (an uplink).
  void attach(DeviceIndex index, Device* device, bool guest);
  void detach(DeviceIndex index);      // a capture of it ends
  void set_capture(Capture* capture);  // null: none
  [[nodiscard]] Capture* capture() const { return capture_; }
  [[nodiscard]] static std::uint64_t now_us();  // the engine's clock: monotonic

  // Any thread.
  [[nodiscard]] const Counters& counters() const { return engine_->counters(); }
  [[nodiscard]] const WorkerCounters& worker_counters() const { return counters_; }
  [[nodiscard]] const DeviceTransmitCounters* transmit_counters(DeviceIndex index) const;

 private:
  class DeviceOutput;
  struct Slot;
  static int run_on_lcore(void* worker);
  void run();
  unsigned receive_all(std::uint64_t now);
  void process(rte_mbuf** frames, unsigned count, DeviceIndex index, std::uint64_t now);
  void run_task();
  void rest(unsigned empty_loops, std::uint64_t idle_us);

  WorkerOptions options_;
  std::unique_ptr<BufferPool> pool_;
  std::unique_ptr<DeviceOutput> output_;
  std::unique_ptr<Engine> engine_;
  WorkerCounters counters_;
  Capture* capture_ = nullptr;
  struct Polled {
    DeviceIndex index = kNoDevice;
    bool guest = false;
    bool busy = false;  // had frames in the last round
    FairPolling share{};
  };
  std::vector<Polled> attached_;
  unsigned busy_ = 0;                // of those
  std::uint64_t longest_burst_ = 0;  // cycles
  std::atomic<const std::function<void()>*> task_{nullptr};
  std::binary_semaphore task_done_{0};
  std::atomic<bool> stopping_{false};
  bool running_ = false;
  unsigned lcore_ = 0;
};

}  // namespace hanok::dataplane::dpdk

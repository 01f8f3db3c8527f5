#pragma once
// One worker: a thread on its own CPU that moves frames from its queues through its engine to the devices,
// run to completion, without locks. With several workers it hands what it receives of others' connections to
// them. The control thread changes it only between two bursts, through call() or WorkerGroup.

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <semaphore>
#include <vector>

#include "common/result.h"
#include "dataplane/dpdk/busy_devices.h"
#include "dataplane/dpdk/capture.h"
#include "dataplane/dpdk/handover.h"
#include "dataplane/dpdk/shared_device.h"
#include "dataplane/flow/engine.h"

namespace hanok::dataplane::dpdk {

inline constexpr unsigned kMostWorkers = 16;

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
  Counter processed;         // frames that went through the engine
  Counter handed_over;       // received here, given to their owners
  Counter hand_over_drops;   // the owner's ring was full (worker_queue_full at the device)
};

struct DeviceTransmitCounters {
  Counter sent, refused;  // refused: the device's queue was full or its link is down; dropped
};

// What the workers of a group have together.
struct WorkerTeam {
  explicit WorkerTeam(unsigned workers) : busy(workers) {}

  std::shared_ptr<EngineShared> engines;
  std::unique_ptr<Handover> handover;  // null where there is one worker
  struct alignas(64) Busy {
    std::atomic<BusyDevices> devices{};
  };
  std::vector<Busy> busy;  // of each worker's last round, for the others
};

class Worker {
 public:
  // Number `number` of `team`, which outlives it.
  Worker(rte_mempool* pool, const WorkerOptions& options, WorkerTeam& team, unsigned number);
  ~Worker();  // stops
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  [[nodiscard]] Status start(unsigned lcore);
  void stop();

  // Control thread. Runs `task` on the worker's thread between bursts and waits for it (at most about the
  // idle sleep). All that `task` replaced may be destroyed after. Before start() and after stop() it runs
  // here.
  void call(const std::function<void()>& task);
  // The same in two halves; `task` stays until wait() returns. Only while it runs.
  void post(const std::function<void()>& task);
  void wait();

  // Inside a task only. Takes all that other workers have handed over; they must have stopped.
  void drain();
  // Inside a task, or while all workers stand still, only.
  [[nodiscard]] Engine& engine() { return *engine_; }
  // `guest`: held back when it takes more than its share; else never (an uplink).
  void attach(DeviceIndex index, SharedDevice* device, bool guest);
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
  // A receive queue of a device.
  struct Polled {
    DeviceIndex index = kNoDevice;
    unsigned queue = 0;
    bool guest = false;
    SharedDevice* device = nullptr;
  };
  static int run_on_lcore(void* worker);
  void run();
  unsigned receive_all(std::uint64_t now);
  [[nodiscard]] unsigned wanted(const Polled& one, BusyDevices busy_before);
  unsigned receive_handed_over(std::uint64_t now);
  // Gives away what is others'; the rest is moved to the front, and how many these are is returned.
  unsigned hand_over(rte_mbuf** frames, unsigned count, const Polled& from, std::uint64_t now);
  void send_over(unsigned to, rte_mbuf** frames, unsigned count, const Polled& from);
  void process(rte_mbuf** frames, unsigned count, DeviceIndex index, std::uint64_t now);
  void process_charged(rte_mbuf** frames, unsigned count, DeviceIndex index, SharedDevice& device,
                       std::uint64_t now, std::uint64_t begin);
  [[nodiscard]] bool make_whole(rte_mbuf* frame);
  void run_task();
  void rest(unsigned empty_loops, std::uint64_t idle_us);

  WorkerOptions options_;
  WorkerTeam& team_;
  unsigned number_;
  std::unique_ptr<BufferPool> pool_;
  std::unique_ptr<DeviceOutput> output_;
  std::unique_ptr<Engine> engine_;
  WorkerCounters counters_;
  Capture* capture_ = nullptr;
  std::vector<Polled> attached_;
  BusyDevices busy_;                 // in this round, so far
  std::uint64_t longest_burst_ = 0;  // cycles
  std::atomic<const std::function<void()>*> task_{nullptr};
  std::binary_semaphore task_done_{0};
  std::atomic<bool> stopping_{false};
  bool running_ = false;
  unsigned lcore_ = 0;
};

}  // namespace hanok::dataplane::dpdk

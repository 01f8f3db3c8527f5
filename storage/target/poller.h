#pragma once
// The owner of rings: one thread that polls the queues of its volumes, empties the completion list, and
// sleeps when nothing was to do for a while (then guests kick and devices wake it). While many requests are
// at a device nobody wakes it: it naps for a small part of what they take, and finds several answers at once.

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "common/result.h"
#include "storage/target/blk_queue.h"

namespace hanok::storage::target {

[[nodiscard]] std::uint64_t monotonic_ns();

struct PollerOptions {
  std::uint32_t spin_us = 20;  // polls at most so long after the last work before it sleeps
};

// The queues of a volume, as their owner has them. Used on the poller's thread only.
class QueueSet {
 public:
  explicit QueueSet(VolumeCore& core) : core_(core), collected_(&core.device) {}
  // True when started. What the former client left at the device is waited for before anything is taken.
  bool start(std::size_t index, std::unique_ptr<BlkQueue> queue);
  // Takes the queue away; what it has at the device ends without telling anyone.
  void stop(std::size_t index);
  [[nodiscard]] BlkQueue* find(std::size_t index) const {
    return index < queues_.size() ? queues_[index].get() : nullptr;
  }
  template <typename Visit>
  void for_each(Visit&& visit) {
    for (const auto& queue : queues_) {
      if (queue) visit(*queue);
    }
  }
  bool poll(std::uint64_t now_ns);
  [[nodiscard]] const VolumeCore& core() const { return core_; }
  [[nodiscard]] std::size_t untold() const { return untold_; }
  void collect() { untold_ = collected_ == nullptr ? 0 : collected_->collect(); }
  // The device is going away; it gives back itself what it has.
  void leave_device() { collected_ = nullptr; }
  [[nodiscard]] std::size_t left_behind() const { return left_behind_.size(); }
  // Called once for each queue whose ring turned out to be broken; must not block.
  std::function<void(const char* why)> on_fault;

 private:
  VolumeCore& core_;
  BlockDevice* collected_;
  std::size_t untold_ = 0;  // requests at the device of which only collect() tells
  std::vector<std::unique_ptr<BlkQueue>> queues_;
  std::vector<std::unique_ptr<BlkQueue>> left_behind_;
  std::vector<bool> fault_told_;
};

// Polling after the last work pays when work comes soon after work. Where it did not, it is tried seldom.
class SpinJudge {
 public:
  void worked() {
    if (std::exchange(spinning_, false)) credit_ = std::min(credit_ + 2, kMost);
  }
  // Nothing was to do for `idle_ns`: whether to look once more at once. False: sleep.
  [[nodiscard]] bool go_on(std::uint64_t idle_ns, std::uint64_t longest_ns) {
    if (!spinning_) return spinning_ = credit_ > 0 || ++passed_ % kTry == 0;
    if (idle_ns < longest_ns) return true;
    credit_ = std::max(credit_ - 1, 0);
    return spinning_ = false;
  }

 private:
  static constexpr int kMost = 8;
  static constexpr unsigned kTry = 32;
  int credit_ = kMost;
  unsigned passed_ = 0;
  bool spinning_ = false;
};

class Poller {
 public:
  explicit Poller(PollerOptions options);
  ~Poller();  // all sets must have been removed
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  [[nodiscard]] Status start();
  [[nodiscard]] CompletionList& completions() { return completions_; }
  // Runs `work` on the poller's thread between two rounds, and waits for it. Not from the poller itself.
  void run(const std::function<void()>& work);
  void add(QueueSet& set);
  void remove(QueueSet& set);
  // A kick of this eventfd wakes it; the descriptor is not owned. On its own thread.
  void watch(int kick_fd);
  void unwatch(int kick_fd);

  struct Counters {
    Counter rounds, naps, sleeps, bus_errors;
  };
  [[nodiscard]] const Counters& counters() const { return counters_; }

 private:
  void loop();
  bool round(std::uint64_t now_ns);
  bool complete_all(std::uint64_t now_ns);
  void run_commands();
  bool nap(std::uint64_t idle_ns);
  void sleep();
  void wake();
  [[nodiscard]] int longest_sleep_ms() const;

  PollerOptions options_;
  CompletionList completions_;
  int epoll_fd_ = -1;
  int wake_fd_ = -1;
  std::atomic<bool> asleep_{false};
  std::atomic<bool> stopping_{false};
  std::atomic<bool> has_commands_{false};
  std::mutex mutex_;
  std::vector<std::function<void()>> commands_;
  std::vector<QueueSet*> sets_;
  Counters counters_;
  SpinJudge spin_;
  std::thread thread_;
};

}  // namespace hanok::storage::target

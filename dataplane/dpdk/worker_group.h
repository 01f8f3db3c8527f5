#pragma once
// All workers. Control thread only, but for what its methods give.

#include <functional>
#include <memory>
#include <vector>

#include "dataplane/dpdk/worker.h"

namespace hanok::dataplane::dpdk {

class WorkerGroup {
 public:
  // `workers`: 1 to kMostWorkers. The flow capacity of `options` is of all of them.
  [[nodiscard]] static Result<std::unique_ptr<WorkerGroup>> make(rte_mempool* pool, WorkerOptions options,
                                                                 unsigned workers);
  ~WorkerGroup();  // stops
  WorkerGroup(const WorkerGroup&) = delete;
  WorkerGroup& operator=(const WorkerGroup&) = delete;

  // One lcore for each worker.
  [[nodiscard]] Status start(const std::vector<unsigned>& lcores);
  void stop();

  // Runs `task` while all workers stand still between bursts, and no frame is on its way from one to another:
  // none meets new tables with old devices, or comes to a worker that was its owner. Waits for it.
  void call(const std::function<void()>& task);

  [[nodiscard]] unsigned size() const { return static_cast<unsigned>(workers_.size()); }
  [[nodiscard]] Worker& at(unsigned number) const { return *workers_[number]; }
  [[nodiscard]] const std::vector<std::unique_ptr<Worker>>& all() const { return workers_; }

 private:
  explicit WorkerGroup(unsigned workers) : team_(workers) {}

  WorkerTeam team_;
  std::vector<std::unique_ptr<Worker>> workers_;
  bool running_ = false;
};

}  // namespace hanok::dataplane::dpdk

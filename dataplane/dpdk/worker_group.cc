#include "dataplane/dpdk/worker_group.h"

#include <barrier>
#include <semaphore>

#include "common/error.h"

namespace hanok::dataplane::dpdk {

Result<std::unique_ptr<WorkerGroup>> WorkerGroup::make(rte_mempool* pool, WorkerOptions options,
                                                       unsigned workers) {
  if (workers == 0 || workers > kMostWorkers)
    return bad_request("lcores: 1 to " + std::to_string(kMostWorkers) + " CPUs");
  std::unique_ptr<WorkerGroup> group(new WorkerGroup(workers));
  group->team_.engines = share_between(workers, options.engine);
  if (workers > 1) {
    HANOK_TRY(handover, Handover::between(workers));
    group->team_.handover = std::move(handover);
  }
  for (unsigned number = 0; number < workers; ++number)
    group->workers_.push_back(std::make_unique<Worker>(pool, options, group->team_, number));
  return group;
}

WorkerGroup::~WorkerGroup() {
  stop();
}

Status WorkerGroup::start(const std::vector<unsigned>& lcores) {
  HANOK_ASSERT(lcores.size() == workers_.size());
  for (unsigned number = 0; number < size(); ++number) HANOK_CHECK(at(number).start(lcores[number]));
  running_ = true;
  return {};
}

void WorkerGroup::stop() {
  for (const auto& worker : workers_) worker->stop();
  running_ = false;
}

void WorkerGroup::call(const std::function<void()>& task) {
  if (!running_) {
    task();
    return;
  }
  if (size() == 1) {
    at(0).call(task);
    return;
  }
  std::barrier nobody_receives(static_cast<std::ptrdiff_t>(size()));
  std::counting_semaphore<> parked(0), resume(0);
  std::vector<std::function<void()>> stops;
  for (const auto& worker : workers_) {
    stops.emplace_back([&nobody_receives, &parked, &resume, one = worker.get()] {
      nobody_receives.arrive_and_wait();
      one->drain();
      parked.release();
      resume.acquire();
    });
  }
  for (unsigned number = 0; number < size(); ++number) at(number).post(stops[number]);
  for (unsigned number = 0; number < size(); ++number) parked.acquire();
  task();
  resume.release(static_cast<std::ptrdiff_t>(size()));
  for (unsigned number = 0; number < size(); ++number) at(number).wait();
}

}  // namespace hanok::dataplane::dpdk

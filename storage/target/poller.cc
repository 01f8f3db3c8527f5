#include "storage/target/poller.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <ctime>
#include <future>

#include "storage/target/bus_error.h"

namespace hanok::storage::target {
namespace {

constexpr std::uint64_t kUnkickedPause_ns = 200'000;
constexpr std::uint64_t kStalled_ns = 20'000'000;    // without an answer: the device shall wake us
constexpr std::uint64_t kStalledNap_ns = 5'000'000;  // unless it does not tell
constexpr unsigned long kTimerSlack_ns = 1000;

}  // namespace

std::uint64_t monotonic_ns() {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                        std::chrono::steady_clock::now().time_since_epoch())
                                        .count());
}

bool QueueSet::start(std::size_t index, std::unique_ptr<BlkQueue> queue) {
  stop(index);
  if (index >= queues_.size()) {
    queues_.resize(index + 1);
    fault_told_.resize(index + 1);
  }
  fault_told_[index] = false;
  queues_[index] = std::move(queue);
  return queues_[index]->start();
}

void QueueSet::stop(std::size_t index) {
  if (find(index) == nullptr) return;
  std::unique_ptr<BlkQueue> queue = std::move(queues_[index]);
  queue->abandon();
  if (queue->at_device() != 0) left_behind_.push_back(std::move(queue));
}

bool QueueSet::poll(std::uint64_t now_ns) {
  std::erase_if(left_behind_, [](const auto& queue) { return queue->at_device() == 0; });
  bool worked = false;
  for (std::size_t index = 0; index < queues_.size(); ++index) {
    BlkQueue* queue = queues_[index].get();
    if (queue == nullptr) continue;
    // A write of the former client must not land after a replayed or a new one.
    const std::uint64_t bus_errors = bus_errors_of_thread();
    if (left_behind_.empty() && queue->poll(now_ns)) worked = true;
    if (bus_errors_of_thread() != bus_errors) queue->lose_memory();
    if (queue->faulted() && !fault_told_[index]) {
      fault_told_[index] = true;
      if (on_fault) on_fault(queue->fault());
    }
  }
  return worked;
}

Poller::Poller(PollerOptions options)
    : options_(options), completions_([this] {
        if (asleep_.load(std::memory_order_seq_cst)) wake();
      }) {}

Poller::~Poller() {
  if (thread_.joinable()) {
    stopping_ = true;
    wake();
    thread_.join();
  }
  if (epoll_fd_ >= 0) close(epoll_fd_);
  if (wake_fd_ >= 0) close(wake_fd_);
}

Status Poller::start() {
  epoll_fd_ = epoll_create1(EPOLL_CLOEXEC);
  wake_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (epoll_fd_ < 0 || wake_fd_ < 0) return unavailable(std::string("poller: ") + std::strerror(errno));
  watch(wake_fd_);
  thread_ = std::thread([this] { loop(); });
  return {};
}

void Poller::wake() {
  const std::uint64_t one = 1;
  static_cast<void>(!write(wake_fd_, &one, sizeof(one)));  // full: it is awake
}

void Poller::watch(int kick_fd) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;  // edges: each kick is one, and the counter need not be read
  event.data.fd = kick_fd;
  static_cast<void>(epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, kick_fd, &event));
}

void Poller::unwatch(int kick_fd) {
  static_cast<void>(epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, kick_fd, nullptr));
}

void Poller::run(const std::function<void()>& work) {
  std::promise<void> done;
  {
    const std::lock_guard lock(mutex_);
    commands_.push_back([&] {
      work();
      done.set_value();
    });
    has_commands_ = true;
  }
  wake();
  done.get_future().wait();
}

void Poller::add(QueueSet& set) {
  run([&] { sets_.push_back(&set); });
}

void Poller::remove(QueueSet& set) {
  run([&] { std::erase(sets_, &set); });
}

void Poller::run_commands() {
  std::vector<std::function<void()>> commands;
  {
    const std::lock_guard lock(mutex_);
    commands.swap(commands_);
    has_commands_ = false;
  }
  for (const auto& command : commands) command();
}

void Poller::loop() {
  const BusErrorGuard guard;
  prctl(PR_SET_TIMERSLACK, kTimerSlack_ns);  // of this thread: naps are short
  std::uint64_t seen_bus_errors = 0;
  std::uint64_t worked_ns = monotonic_ns();
  while (!stopping_) {
    if (has_commands_) run_commands();
    const std::uint64_t now_ns = monotonic_ns();
    counters_.rounds.add();
    const bool worked = round(now_ns);
    if (guard.count() != seen_bus_errors) {
      counters_.bus_errors.add(guard.count() - seen_bus_errors);
      seen_bus_errors = guard.count();
    }
    if (worked) {
      worked_ns = now_ns;
      spin_.worked();
    } else if (nap(now_ns - worked_ns)) {
      counters_.naps.add();
    } else if (!spin_.go_on(now_ns - worked_ns, std::uint64_t{options_.spin_us} * 1000)) {
      sleep();
      worked_ns = monotonic_ns();
    }
  }
  run_commands();
}

bool Poller::round(std::uint64_t now_ns) {
  for (QueueSet* set : sets_) set->collect();
  bool worked = complete_all(now_ns);
  for (QueueSet* set : sets_) worked |= set->poll(now_ns);
  return worked;
}

bool Poller::complete_all(std::uint64_t now_ns) {
  IoRequest* io = completions_.take();
  if (io == nullptr) return false;
  BlkQueue* last = nullptr;
  while (io != nullptr) {
    IoRequest* next = io->next;  // completing may submit it anew
    const std::uint64_t bus_errors = bus_errors_of_thread();
    BlkQueue& queue = BlkQueue::complete(*io, now_ns);
    if (bus_errors_of_thread() != bus_errors) queue.lose_memory();
    if (last != nullptr && last != &queue) last->call_guest();
    last = &queue;
    io = next;
  }
  last->call_guest();
  return true;
}

int Poller::longest_sleep_ms() const {
  std::uint64_t ns = UINT64_MAX;
  for (QueueSet* set : sets_) {
    set->for_each([&](const BlkQueue& queue) {
      if (queue.wait_ns() != 0) ns = std::min(ns, queue.wait_ns());
      if (!queue.kicked()) ns = std::min(ns, kUnkickedPause_ns);
    });
  }
  return ns == UINT64_MAX ? -1 : static_cast<int>(ns / 1'000'000 + 1);
}

// False: not now. A volume beside a busy one waits no longer than by a nap of its own.
bool Poller::nap(std::uint64_t idle_ns) {
  const bool stalled = idle_ns > kStalled_ns;
  bool wanted = false;
  std::uint64_t ns = stalled ? kStalledNap_ns : UINT64_MAX;
  for (const QueueSet* set : sets_) {
    if (set->core().at_device == 0) continue;
    wanted |= set->untold() != 0 || (set->core().busy() && !stalled);
    if (!stalled) ns = std::min(ns, set->core().nap_ns());
  }
  if (!wanted) return false;
  const timespec pause{.tv_sec = 0, .tv_nsec = static_cast<long>(ns)};
  nanosleep(&pause, nullptr);
  return true;
}

// Whoever brings work looks at asleep_ (devices, commands) or sees that kicks are wanted (guests). Both are
// set before the last look for work, so none is missed.
void Poller::sleep() {
  asleep_.store(true, std::memory_order_seq_cst);
  bool work = has_commands_ || stopping_ || !completions_.empty();
  for (QueueSet* set : sets_) {
    if (set->left_behind() != 0) continue;  // a completion comes first
    set->for_each([&](BlkQueue& queue) { work |= queue.enable_kicks(); });
  }
  if (!work) {
    counters_.sleeps.add();
    std::array<epoll_event, 16> events;
    const int ready = epoll_wait(epoll_fd_, events.data(), events.size(), longest_sleep_ms());
    for (int i = 0; i < ready; ++i) {
      std::uint64_t ignored = 0;
      if (events[static_cast<std::size_t>(i)].data.fd == wake_fd_) {
        static_cast<void>(!read(wake_fd_, &ignored, sizeof(ignored)));
      }
    }
  }
  asleep_.store(false, std::memory_order_seq_cst);
  const std::uint64_t now_ns = monotonic_ns();
  for (QueueSet* set : sets_) {
    set->for_each([&](BlkQueue& queue) {
      queue.disable_kicks();
      queue.woke(now_ns);
    });
  }
}

}  // namespace hanok::storage::target

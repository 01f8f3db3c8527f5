#include "dataplane/dpdk/worker.h"

#include <rte_cycles.h>
#include <rte_launch.h>
#include <rte_mbuf.h>
#include <sys/prctl.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <utility>

#include "dataplane/dpdk/packet_pool.h"

namespace hanok::dataplane::dpdk {
namespace {

// So many empty rounds are spun through before the first sleep: a gap between two bursts is no idleness.
constexpr unsigned kSpins = 256;

}  // namespace

class Worker::DeviceOutput final : public Output {
 public:
  // `worker` of `workers`: transmits by its own queue where a device has so many.
  DeviceOutput(unsigned worker, unsigned workers)
      : worker_(worker), workers_(workers), devices_(kMaxDevices), counters_(kMaxDevices) {}

  void transmit(DeviceIndex index, Packet* const* packets, unsigned count) override {
    std::array<rte_mbuf*, kBurst> frames;
    while (count > 0) {
      const unsigned now = std::min<unsigned>(count, frames.size());
      for (unsigned i = 0; i < now; ++i) frames[i] = frame_of(*packets[i]);
      transmit_frames(index, frames.data(), static_cast<std::uint16_t>(now));
      packets += now;
      count -= now;
    }
  }

  [[nodiscard]] std::uint8_t accepts(DeviceIndex index) const override {
    const Device* device = index < kMaxDevices ? devices_[index].device : nullptr;
    return device == nullptr ? std::uint8_t{0} : device->accepts();
  }

  void set_capture(Capture* capture) { capture_ = capture; }
  void set(DeviceIndex index, SharedDevice* device) {
    Way way;
    if (device != nullptr) {
      way.shared = device;
      way.device = device->device.get();
      const auto queues = static_cast<unsigned>(device->transmit_locks.size());
      way.queue = worker_ % queues;
      if (queues < workers_) way.lock = &device->transmit_locks[way.queue];
    }
    devices_[index] = way;
    if (device == nullptr || counters_[index].load() != nullptr) return;
    owned_.push_back(std::make_unique<DeviceTransmitCounters>());
    counters_[index].store(owned_.back().get());
  }
  [[nodiscard]] SharedDevice* device(DeviceIndex index) const { return devices_[index].shared; }
  [[nodiscard]] const DeviceTransmitCounters* counters(DeviceIndex index) const {
    return index < kMaxDevices ? counters_[index].load() : nullptr;
  }

 private:
  void transmit_frames(DeviceIndex index, rte_mbuf** frames, std::uint16_t count) {
    const Way way = index < kMaxDevices ? devices_[index] : Way{};
    if (capture_ != nullptr && capture_->device() == index)
      capture_->add(frames, count, true, Worker::now_us());
    const std::uint16_t sent = way.device == nullptr ? std::uint16_t{0} : transmit_by(way, frames, count);
    if (sent < count) rte_pktmbuf_free_bulk(frames + sent, count - sent);
    if (way.device == nullptr) return;
    DeviceTransmitCounters& counters = *counters_[index].load(std::memory_order_relaxed);
    counters.sent.add(sent);
    if (sent < count) counters.refused.add(count - sent);
  }

  struct Way {
    Device* device = nullptr;
    SharedDevice* shared = nullptr;
    unsigned queue = 0;
    SpinLock* lock = nullptr;  // where the queue is others' too
  };
  static std::uint16_t transmit_by(const Way& way, rte_mbuf** frames, std::uint16_t count) {
    if (way.lock == nullptr) return way.device->transmit(way.queue, frames, count);
    const std::lock_guard<SpinLock> guard(*way.lock);
    return way.device->transmit(way.queue, frames, count);
  }

  unsigned worker_, workers_;
  std::vector<Way> devices_;
  Capture* capture_ = nullptr;
  // Read by other threads: what was once there stays.
  std::vector<std::atomic<DeviceTransmitCounters*>> counters_;
  std::vector<std::unique_ptr<DeviceTransmitCounters>> owned_;
};

Worker::Worker(rte_mempool* pool, const WorkerOptions& options, WorkerTeam& team, unsigned number)
    : options_(options),
      team_(team),
      number_(number),
      pool_(std::make_unique<PacketPool>(pool)),
      output_(std::make_unique<DeviceOutput>(number, static_cast<unsigned>(team.busy.size()))),
      engine_(std::make_unique<Engine>(*pool_, options.engine, team.engines, number)) {}

Worker::~Worker() {
  stop();
}

Status Worker::start(unsigned lcore) {
  lcore_ = lcore;
  stopping_ = false;
  if (rte_eal_remote_launch(run_on_lcore, this, lcore) != 0)
    return internal_error("the worker's lcore is busy");
  running_ = true;
  return {};
}

void Worker::stop() {
  if (!running_) return;
  stopping_ = true;
  rte_eal_wait_lcore(lcore_);
  running_ = false;
}

void Worker::call(const std::function<void()>& task) {
  if (!running_) {
    task();
    return;
  }
  post(task);
  wait();
}

void Worker::post(const std::function<void()>& task) {
  task_.store(&task, std::memory_order_release);
}

void Worker::wait() {
  task_done_.acquire();
}

void Worker::drain() {
  const std::uint64_t now = now_us();
  while (team_.handover != nullptr && receive_handed_over(now) > 0) {
  }
}

void Worker::run_task() {
  const auto* task = task_.exchange(nullptr, std::memory_order_acquire);
  if (task == nullptr) return;
  (*task)();
  task_done_.release();
}

// Queues go round the workers, beginning with another one for each device: many guests have one queue.
void Worker::attach(DeviceIndex index, SharedDevice* device, bool guest) {
  detach(index);
  output_->set(index, device);
  for (unsigned queue = 0; queue < device->device->receive_queues(); ++queue) {
    if ((index + queue) % team_.busy.size() == number_) attached_.push_back({index, queue, guest, device});
  }
}

void Worker::set_capture(Capture* capture) {
  capture_ = capture;
  output_->set_capture(capture);
}

void Worker::detach(DeviceIndex index) {
  if (capture_ != nullptr && capture_->device() == index) set_capture(nullptr);
  output_->set(index, nullptr);
  std::erase_if(attached_, [&](const Polled& one) { return one.index == index; });
}

const DeviceTransmitCounters* Worker::transmit_counters(DeviceIndex index) const {
  return output_->counters(index);
}

std::uint64_t Worker::now_us() {
  // Without the overflow of cycles times a million.
  static const std::uint64_t hz = rte_get_tsc_hz();
  const std::uint64_t cycles = rte_rdtsc();
  return cycles / hz * 1'000'000U + cycles % hz * 1'000'000U / hz;
}

int Worker::run_on_lcore(void* worker) {
  static_cast<Worker*>(worker)->run();
  return 0;
}

void Worker::run() {
  prctl(PR_SET_TIMERSLACK, 1000UL);  // ns; the default of 50 us would double short sleeps
  longest_burst_ = rte_get_tsc_hz() / 1000;
  unsigned empty_loops = 0;
  std::uint64_t last_frame_us = now_us();
  while (!stopping_.load(std::memory_order_relaxed)) {
    if (task_.load(std::memory_order_relaxed) != nullptr) run_task();
    const std::uint64_t now = now_us();
    const unsigned received = receive_all(now) + receive_handed_over(now);
    engine_->poll(now, *output_);
    counters_.loops.add(1);
    if (received > 0) {
      empty_loops = 0;
      last_frame_us = now;
      continue;
    }
    counters_.empty_loops.add(1);
    rest(++empty_loops, now - last_frame_us);
  }
}

unsigned Worker::receive_all(std::uint64_t now) {
  std::array<rte_mbuf*, kBurst> frames;
  unsigned all = 0;
  BusyDevices busy_before = std::exchange(busy_, BusyDevices{});
  const bool alone = team_.handover == nullptr;
  if (!alone) {
    team_.busy[number_].devices.store(busy_before, std::memory_order_relaxed);
    for (const auto& other : team_.busy) busy_before.add(other.devices.load(std::memory_order_relaxed));
  }
  for (const Polled& one : attached_) {
    const unsigned most = wanted(one, busy_before);
    if (most == 0) continue;
    const std::uint64_t begin = rte_rdtsc();
    unsigned count = one.device->device->receive(one.queue, frames.data(), static_cast<std::uint16_t>(most));
    if (count == 0) continue;
    busy_.add(one.index);
    all += count;
    if (capture_ != nullptr && capture_->device() == one.index)
      capture_->add(frames.data(), count, false, now);
    if (!alone) count = hand_over(frames.data(), count, one, now);
    if (count > 0) process_charged(frames.data(), count, one.index, *one.device, now, begin);
  }
  return all;
}

// `busy_before`: in the last rounds of all workers.
unsigned Worker::wanted(const Polled& one, BusyDevices busy_before) {
  if (!one.guest) return kBurst;
  const FairPolling& share = one.device->share;
  if (share.waits()) {
    busy_.add(one.index);  // its frames wait at other workers
    return 0;
  }
  const bool others_busy = busy_before.other_than(one.index) || busy_.other_than(one.index);
  const unsigned most = share.burst(kBurst, others_busy, rte_rdtsc());
  if (most == 0) counters_.held_back.add(1);
  return most;
}

unsigned Worker::hand_over(rte_mbuf** frames, unsigned count, const Polled& from, std::uint64_t now) {
  std::array<std::array<rte_mbuf*, kBurst>, kMostWorkers> theirs;
  std::array<unsigned, kMostWorkers> counts{};
  unsigned own = 0;
  for (unsigned i = 0; i < count; ++i) {
    if (i + 4 < count) rte_prefetch0(rte_pktmbuf_mtod(frames[i + 4], void*));
    if (!make_whole(frames[i])) continue;
    const unsigned owner = engine_
                               ->owner_of(rte_pktmbuf_mtod(frames[i], const std::uint8_t*),
                                          frames[i]->data_len, from.index, !from.guest, now)
                               .value_or(number_);
    if (owner == number_) {
      frames[own++] = frames[i];
    } else {
      theirs[owner][counts[owner]++] = frames[i];
    }
  }
  for (unsigned to = 0; to < team_.busy.size(); ++to) {
    if (counts[to] > 0) send_over(to, theirs[to].data(), counts[to], from);
  }
  return own;
}

void Worker::send_over(unsigned to, rte_mbuf** frames, unsigned count, const Polled& from) {
  for (unsigned i = 0; i < count; ++i) frames[i]->port = from.index;
  from.device->share.hand_over(count);
  const unsigned sent = team_.handover->send(number_, to, frames, count);
  counters_.handed_over.add(sent);
  if (sent == count) return;
  from.device->share.done(count - sent);
  counters_.hand_over_drops.add(count - sent);
  std::array<Packet*, kBurst> packets;
  for (unsigned i = sent; i < count; ++i) packets[i - sent] = packet_of(frames[i]);
  engine_->drop(packets.data(), count - sent, from.index, DropReason::worker_queue_full);
}

// One burst from each other worker, cut where the frames came in by different devices.
unsigned Worker::receive_handed_over(std::uint64_t now) {
  if (team_.handover == nullptr) return 0;
  std::array<rte_mbuf*, kBurst> frames;
  unsigned all = 0;
  for (unsigned from = 0; from < team_.busy.size(); ++from) {
    if (from == number_) continue;
    const unsigned count = team_.handover->receive(number_, from, frames.data(), kBurst);
    all += count;
    for (unsigned begin = 0, end = 0; begin < count; begin = end) {
      const DeviceIndex index = frames[begin]->port;
      while (end < count && frames[end]->port == index) ++end;
      SharedDevice& device = *output_->device(index);  // there: no frame outlives a change of devices here
      busy_.add(index);
      process_charged(frames.data() + begin, end - begin, index, device, now, rte_rdtsc());
      device.share.done(end - begin);
    }
  }
  return all;
}

// From `begin` on; what was handed over of the same burst is taken to be as dear as these.
void Worker::process_charged(rte_mbuf** frames, unsigned count, DeviceIndex index, SharedDevice& device,
                             std::uint64_t now, std::uint64_t begin) {
  const std::uint64_t dear = engine_->counters().slow_frames.read();
  process(frames, count, index, now);
  const std::uint64_t end = rte_rdtsc();
  device.share.charge(static_cast<unsigned>(engine_->counters().slow_frames.read() - dear), count,
                      end - begin, end, longest_burst_);
}

void Worker::process(rte_mbuf** frames, unsigned count, DeviceIndex index, std::uint64_t now) {
  std::array<Packet*, kBurst> packets;
  unsigned whole = 0;
  for (unsigned i = 0; i < count; ++i) {
    if (i + 4 < count) rte_prefetch0(rte_pktmbuf_mtod(frames[i + 4], void*));
    if (make_whole(frames[i])) packets[whole++] = packet_of(frames[i]);
  }
  if (whole == 0) return;
  counters_.processed.add(whole);
  engine_->process(packets.data(), whole, index, now, *output_);
}

// One buffer of several. False: dropped.
bool Worker::make_whole(rte_mbuf* frame) {
  if (frame->nb_segs == 1 || rte_pktmbuf_linearize(frame) == 0) return true;
  counters_.segmented_frames.add(1);
  rte_pktmbuf_free(frame);
  return false;
}

// Sleeps an eighth of the time that nothing came, up to the bound: a pause of traffic gets at most that much
// longer by it, and a CPU of an idle node is left to its guests.
void Worker::rest(unsigned empty_loops, std::uint64_t idle_us) {
  if (options_.idle_sleep_us == 0 || empty_loops < kSpins) return;
  const auto sleep_us = std::clamp<std::uint64_t>(idle_us / 8, 1, options_.idle_sleep_us);
  const timespec time = {static_cast<time_t>(sleep_us / 1'000'000),
                         static_cast<long>(sleep_us % 1'000'000) * 1000};
  nanosleep(&time, nullptr);
  counters_.sleeps.add(1);
}

}  // namespace hanok::dataplane::dpdk

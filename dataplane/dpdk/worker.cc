#include "dataplane/dpdk/worker.h"

#include <rte_cycles.h>
#include <rte_launch.h>
#include <rte_mbuf.h>
#include <sys/prctl.h>
#include <time.h>

#include <algorithm>
#include <array>

#include "dataplane/dpdk/packet_pool.h"

namespace hanok::dataplane::dpdk {
namespace {

// So many empty rounds are spun through before the first sleep: a gap between two bursts is no idleness.
constexpr unsigned kSpins = 256;

}  // namespace

class Worker::DeviceOutput final : public Output {
 public:
  DeviceOutput() : devices_(kMaxDevices, nullptr), counters_(kMaxDevices) {}

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
    const Device* device = index < kMaxDevices ? devices_[index] : nullptr;
    return device == nullptr ? std::uint8_t{0} : device->accepts();
  }

  void set_capture(Capture* capture) { capture_ = capture; }
  void set(DeviceIndex index, Device* device) {
    devices_[index] = device;
    if (device == nullptr || counters_[index].load() != nullptr) return;
    owned_.push_back(std::make_unique<DeviceTransmitCounters>());
    counters_[index].store(owned_.back().get());
  }
  [[nodiscard]] Device* device(DeviceIndex index) const { return devices_[index]; }
  [[nodiscard]] const DeviceTransmitCounters* counters(DeviceIndex index) const {
    return index < kMaxDevices ? counters_[index].load() : nullptr;
  }

 private:
  void transmit_frames(DeviceIndex index, rte_mbuf** frames, std::uint16_t count) {
    Device* device = index < kMaxDevices ? devices_[index] : nullptr;
    if (capture_ != nullptr && capture_->device() == index)
      capture_->add(frames, count, true, Worker::now_us());
    const std::uint16_t sent = device == nullptr ? std::uint16_t{0} : device->transmit(frames, count);
    if (sent < count) rte_pktmbuf_free_bulk(frames + sent, count - sent);
    if (device == nullptr) return;
    DeviceTransmitCounters& counters = *counters_[index].load(std::memory_order_relaxed);
    counters.sent.add(sent);
    if (sent < count) counters.refused.add(count - sent);
  }

  std::vector<Device*> devices_;
  Capture* capture_ = nullptr;
  // Read by other threads: what was once there stays.
  std::vector<std::atomic<DeviceTransmitCounters*>> counters_;
  std::vector<std::unique_ptr<DeviceTransmitCounters>> owned_;
};

Worker::Worker(rte_mempool* pool, const WorkerOptions& options)
    : options_(options),
      pool_(std::make_unique<PacketPool>(pool)),
      output_(std::make_unique<DeviceOutput>()),
      engine_(std::make_unique<Engine>(*pool_, options.engine)) {}

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
  task_.store(&task, std::memory_order_release);
  task_done_.acquire();
}

void Worker::run_task() {
  const auto* task = task_.exchange(nullptr, std::memory_order_acquire);
  if (task == nullptr) return;
  (*task)();
  task_done_.release();
}

void Worker::attach(DeviceIndex index, Device* device, bool guest) {
  detach(index);
  output_->set(index, device);
  attached_.push_back({index, guest});
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
    const unsigned received = receive_all(now);
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
  unsigned busy = 0;
  for (Polled& one : attached_) {
    const bool others_busy = busy_ > (one.busy ? 1U : 0U) || busy > 0;
    const unsigned wanted = one.guest ? one.share.burst(kBurst, others_busy, rte_rdtsc()) : kBurst;
    if (wanted == 0) counters_.held_back.add(1);
    const std::uint16_t count =
        wanted == 0 ? std::uint16_t{0}
                    : output_->device(one.index)->receive(frames.data(), static_cast<std::uint16_t>(wanted));
    one.busy = count > 0;
    if (count == 0) continue;
    ++busy;
    const std::uint64_t dear = engine_->counters().slow_frames.read(), begin = rte_rdtsc();
    process(frames.data(), count, one.index, now);
    const std::uint64_t end = rte_rdtsc();
    one.share.charge(static_cast<unsigned>(engine_->counters().slow_frames.read() - dear), count, end - begin,
                     end, longest_burst_);
    all += count;
  }
  busy_ = busy;
  return all;
}

void Worker::process(rte_mbuf** frames, unsigned count, DeviceIndex index, std::uint64_t now) {
  if (capture_ != nullptr && capture_->device() == index) capture_->add(frames, count, false, now);
  std::array<Packet*, kBurst> packets;
  unsigned whole = 0;
  for (unsigned i = 0; i < count; ++i) {
    if (i + 4 < count) rte_prefetch0(rte_pktmbuf_mtod(frames[i + 4], void*));
    if (frames[i]->nb_segs > 1 && rte_pktmbuf_linearize(frames[i]) != 0) {
      counters_.segmented_frames.add(1);
      rte_pktmbuf_free(frames[i]);
      continue;
    }
    packets[whole++] = packet_of(frames[i]);
  }
  if (whole > 0) engine_->process(packets.data(), whole, index, now, *output_);
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

#pragma once
// The engines of one or several workers behind the face of one: a frame is received by each worker in turn
// and given to its owner, as the workers do. HANOK_TEST_WORKERS says how many there are, so that the same
// tests run with one and with two.

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <vector>

#include "dataplane/flow/engine.h"
#include "dataplane/tables/tables_data.h"

namespace hanok::dataplane::test {

class Engines {
 public:
  static unsigned wanted() {
    const char* set = std::getenv("HANOK_TEST_WORKERS");
    return set != nullptr ? static_cast<unsigned>(std::atoi(set)) : 1;
  }

  Engines(BufferPool& pool, const EngineOptions& options, unsigned workers = wanted()) {
    const auto shared = share_between(workers, options);
    for (unsigned i = 0; i < workers; ++i)
      engines_.push_back(std::make_unique<Engine>(pool, options, shared, i));
  }

  [[nodiscard]] std::size_t workers() const { return engines_.size(); }
  [[nodiscard]] Engine& at(std::size_t worker) { return *engines_[worker]; }

  void set_tables(const std::shared_ptr<const Tables>& tables) {
    tables_ = tables;
    std::vector<Engine*> all;
    for (const auto& engine : engines_) {
      engine->set_tables(tables);
      all.push_back(engine.get());
    }
    Engine::settle(all);
  }
  [[nodiscard]] std::optional<unsigned> owner_of(const std::uint8_t* frame, std::uint16_t length,
                                                 DeviceIndex in_device, std::uint64_t now_us) const {
    const DeviceInfo* info = tables_->data().devices.find(in_device);
    const bool from_uplink = info != nullptr && info->kind == DeviceKind::kUplink;
    return engines_[receiver_]->owner_of(frame, length, in_device, from_uplink, now_us);
  }
  void process(Packet* const* packets, unsigned count, DeviceIndex in_device, std::uint64_t now_us,
               Output& output) {
    receiver_ = (receiver_ + 1) % engines_.size();
    for (unsigned i = 0; i < count; ++i) {
      const std::size_t owner = engines_.size() == 1
                                    ? 0
                                    : owner_of(packets[i]->data, packets[i]->length, in_device, now_us)
                                          .value_or(static_cast<unsigned>(receiver_));
      engines_[owner]->process(packets + i, 1, in_device, now_us, output);
    }
    // The others' next loops: what has been learned is news to them too.
    for (const auto& engine : engines_) engine->process(nullptr, 0, in_device, now_us, output);
  }
  void poll(std::uint64_t now_us, Output& output) {
    for (const auto& engine : engines_) engine->poll(now_us, output);
    for (const auto& engine : engines_) engine->poll(now_us, output);
  }
  [[nodiscard]] std::vector<TraceStep> trace(std::span<const std::uint8_t> frame, DeviceIndex in_device,
                                             std::uint64_t now_us) {
    const auto owner = owner_of(frame.data(), static_cast<std::uint16_t>(frame.size()), in_device, now_us);
    return engines_[owner.value_or(0)]->trace(frame, in_device, now_us);
  }
  [[nodiscard]] std::vector<FlowInfo> flows(DeviceIndex device, std::size_t limit, std::uint64_t now_us) {
    std::vector<FlowInfo> all;
    for (const auto& engine : engines_) {
      const auto some = engine->flows(device, limit - all.size(), now_us);
      all.insert(all.end(), some.begin(), some.end());
    }
    return all;
  }
  // Summed over the workers; good until the next call.
  [[nodiscard]] const Counters& counters() {
    sum_ = std::make_unique<Counters>();
    for (const auto& engine : engines_) {
      const Counters& one = engine->counters();
      for (Counter Counters::*counter :
           {&Counters::flow_hits, &Counters::flow_misses, &Counters::flows_created, &Counters::flows_expired,
            &Counters::flows_recompiled, &Counters::slow_frames, &Counters::flows_by_template,
            &Counters::flow_records, &Counters::connections, &Counters::large_frames_cut,
            &Counters::segments_made, &Counters::checksums_made, &Counters::connections_torn}) {
        ((*sum_).*counter).add((one.*counter).read());
      }
      for (DeviceIndex device = 0; device < kMaxDevices; ++device) {
        if (const DeviceCounters* from = one.device(device)) add(*from, sum_->at(device));
      }
    }
    return *sum_;
  }

 private:
  static void add(const DeviceCounters& from, DeviceCounters& to) {
    for (Counter DeviceCounters::*counter : {&DeviceCounters::rx_packets, &DeviceCounters::rx_bytes,
                                             &DeviceCounters::tx_packets, &DeviceCounters::tx_bytes}) {
      (to.*counter).add((from.*counter).read());
    }
    for (std::size_t i = 0; i < kDropReasons; ++i) to.drops[i].add(from.drops[i].read());
  }

  std::vector<std::unique_ptr<Engine>> engines_;
  std::shared_ptr<const Tables> tables_ = Tables::empty();
  std::unique_ptr<Counters> sum_;
  std::size_t receiver_ = 0;
};

}  // namespace hanok::dataplane::test

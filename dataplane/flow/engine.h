#pragma once
// The packet engine: one per worker, no locks where frames have records. Frames in, frames out; knows no
// DPDK. All calls are made on the worker's thread, but for counters(), which any thread may read.

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "dataplane/flow/counters.h"
#include "dataplane/packet/packet.h"
#include "dataplane/tables/tables.h"

namespace hanok::dataplane {

inline constexpr unsigned kBurst = 32;

struct EngineOptions {
  std::uint32_t flow_capacity = 1U << 17U;      // flow records, two for a connection; 372 bytes each at start
  std::uint32_t sessions_per_port = 1U << 16U;  // connections that one port may hold
  std::uint64_t hash_seed = 0;                  // 0: from the system's random source
};

// What the engines of several workers have together. `options` are of all of them: each gets its part of the
// flow capacity, and ports have one quota.
struct EngineShared;
[[nodiscard]] std::shared_ptr<EngineShared> share_between(unsigned workers, const EngineOptions& options);

// One line of a trace: what a stage decided, and the desired-state object that made it so (may be empty).
struct TraceStep {
  std::string stage;
  std::string verdict;  // "next", "drop <reason>", "reply", "output <device id>", "handover"
  std::string object;   // "port/<id>", "security_group/<id>/rules/<n>"
};

struct FlowInfo {
  std::string source, destination, protocol, state;  // "10.0.0.5:1234", ..., "tcp", "established"
  DeviceIndex in_device = kNoDevice;
  DeviceIndex out_device = kNoDevice;
  std::uint64_t packets = 0;
  std::uint64_t idle_us = 0;
};

class Engine {
 public:
  explicit Engine(BufferPool& pool, const EngineOptions& options = {});
  // Of worker number `worker`. Frames must be given to the worker whose they are (owner_of).
  Engine(BufferPool& pool, const EngineOptions& options, std::shared_ptr<EngineShared> shared,
         unsigned worker);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Between bursts (a quiescent point). The old snapshot is released here.
  void set_tables(std::shared_ptr<const Tables> tables);
  // Once all workers' engines have new tables, and before any has a frame: connections whose owner is another
  // one from now on go there.
  static void settle(std::span<Engine* const> engines);
  // The hardware address of an uplink, as its device says; used where the state names none.
  void set_device_mac(DeviceIndex uplink, const std::array<std::uint8_t, 6>& mac);

  // The worker whose a frame is that came in by `in_device`; nullopt: it may be any.
  [[nodiscard]] std::optional<unsigned> owner_of(const std::uint8_t* frame, std::uint16_t length,
                                                 DeviceIndex in_device, bool from_uplink,
                                                 std::uint64_t now_us) const;
  // Packets that came in by `in_device` and did not get as far as process(); counted and dropped.
  void drop(Packet* const* packets, unsigned count, DeviceIndex in_device, DropReason reason);
  // Between bursts: a device's counters begin at zero if it is another port's than the last time.
  void begin_counting(DeviceIndex device);

  // Takes `count` (at most kBurst) packets that came in by `in_device`. Each ends in exactly one place:
  // `output`, the pool, or a bounded queue that waits for an address. `now_us` is monotonic.
  void process(Packet* const* packets, unsigned count, DeviceIndex in_device, std::uint64_t now_us,
               Output& output);
  // Ages flows and neighbours, a little per call; call each loop. Cheap when nothing is due.
  void poll(std::uint64_t now_us, Output& output);

  // What the stages would do with a frame that came in by `in_device`; changes nothing, counts nothing.
  [[nodiscard]] std::vector<TraceStep> trace(std::span<const std::uint8_t> frame, DeviceIndex in_device,
                                             std::uint64_t now_us);
  // At most `limit` flows, those that came in by or leave to `device` (kNoDevice: all).
  [[nodiscard]] std::vector<FlowInfo> flows(DeviceIndex device, std::size_t limit,
                                            std::uint64_t now_us) const;

  [[nodiscard]] const Counters& counters() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hanok::dataplane

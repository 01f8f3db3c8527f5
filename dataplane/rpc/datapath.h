#pragma once
// What the control socket needs of a running data plane. The real one is dpdk/datapath.h; tests have their
// own.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "common/json.h"
#include "dataplane/flow/engine.h"
#include "dataplane/tables/state.h"
#include "dataplane/tables/tables.h"

namespace hanok::dataplane {

struct AppliedChange {
  std::uint64_t generation = 0;
  std::size_t objects_rebuilt = 0;
  std::size_t devices_opened = 0;
  std::size_t devices_closed = 0;
};

// What a capture has seen since it was last asked.
struct CapturedFrame {
  std::uint64_t time_us = 0;  // since 1970
  bool outward = false;       // to the device; else from it
  std::uint32_t length = 0;   // of the frame; `bytes` may be its beginning
  std::vector<std::uint8_t> bytes;
};
struct CapturedFrames {
  std::vector<CapturedFrame> frames;
  std::uint64_t missed = 0;  // found no room, because nobody fetched
  bool complete = false;     // all that were wanted have come
};

// All calls are made on one thread, the control thread.
class Datapath {
 public:
  virtual ~Datapath() = default;

  // All of it or nothing: on an error the running state and its devices are as before.
  [[nodiscard]] virtual std::variant<AppliedChange, StateError> apply(const StateDocument& change) = 0;
  [[nodiscard]] virtual const Tables& tables() const = 0;

  [[nodiscard]] virtual Json status() const = 0;
  // Counters of the devices in the state; of one device where `id` is given. kNotFound: no such device here.
  [[nodiscard]] virtual Result<Json> counters(const std::optional<std::string>& id) const = 0;
  [[nodiscard]] virtual std::vector<FlowInfo> flows(DeviceIndex device, std::size_t limit) = 0;
  [[nodiscard]] virtual std::vector<TraceStep> trace(std::span<const std::uint8_t> frame,
                                                     DeviceIndex in_device) = 0;

  // Copies `frames` frames of a device, the first `snapshot` bytes of each. One capture at a time; gives its
  // number. kConflict: one that was fetched from within the last seconds is there.
  [[nodiscard]] virtual Result<std::uint64_t> capture_start(DeviceIndex device, std::uint64_t frames,
                                                            std::uint32_t snapshot) = 0;
  // kNotFound: ended, by capture_stop, with its device, or by another one.
  [[nodiscard]] virtual Result<CapturedFrames> capture_read(std::uint64_t capture) = 0;
  virtual void capture_stop(std::uint64_t capture) = 0;
};

}  // namespace hanok::dataplane

#pragma once
// The native data plane: applies the desired state to devices and to the workers. Control thread only.

#include <map>
#include <memory>

#include "dataplane/dpdk/eal.h"
#include "dataplane/dpdk/worker_group.h"
#include "dataplane/rpc/datapath.h"

namespace hanok::dataplane::dpdk {

// Opens a device: the real one below, or a test's.
using DeviceOpener = std::function<Result<std::unique_ptr<Device>>(const DeviceState&)>;
[[nodiscard]] DeviceOpener real_devices(rte_mempool* pool, unsigned workers);

class NativeDatapath final : public Datapath {
 public:
  // `workers` outlive this; they may run or not.
  NativeDatapath(WorkerGroup& workers, DeviceOpener opener, rte_mempool* pool);
  ~NativeDatapath() override;  // detaches and closes all devices

  [[nodiscard]] std::variant<AppliedChange, StateError> apply(const StateDocument& change) override;
  [[nodiscard]] const Tables& tables() const override { return *tables_; }
  [[nodiscard]] Json status() const override;
  [[nodiscard]] Result<Json> counters(const std::optional<std::string>& id) const override;
  [[nodiscard]] std::vector<FlowInfo> flows(DeviceIndex device, std::size_t limit) override;
  [[nodiscard]] std::vector<TraceStep> trace(std::span<const std::uint8_t> frame,
                                             DeviceIndex in_device) override;
  [[nodiscard]] Result<std::uint64_t> capture_start(DeviceIndex device, std::uint64_t frames,
                                                    std::uint32_t snapshot) override;
  [[nodiscard]] Result<CapturedFrames> capture_read(std::uint64_t capture) override;
  void capture_stop(std::uint64_t capture) override;

 private:
  struct Opened {
    DeviceInfo info;
    std::unique_ptr<SharedDevice> shared;
  };
  using OpenedDevices = std::map<DeviceIndex, Opened>;

  // Closes now those of `removed` whose resource a device of `added` wants.
  [[nodiscard]] std::vector<DeviceInfo> close_in_the_way(const ApplyResult& result);
  void reopen(const std::vector<DeviceInfo>& devices);
  [[nodiscard]] std::variant<OpenedDevices, StateError> open_all(
      const std::vector<DeviceInfo>& devices) const;
  // These two at a quiescent point of all workers.
  void attach(DeviceIndex index, const Opened& opened);
  void detach(DeviceIndex index);
  [[nodiscard]] Json counters_of(const DeviceInfo& info) const;
  void set_capture(Capture* capture);

  WorkerGroup& workers_;
  DeviceOpener opener_;
  rte_mempool* pool_;
  std::shared_ptr<const Tables> tables_;
  OpenedDevices devices_;
  std::unique_ptr<Capture> capture_;
  std::uint64_t capture_number_ = 0, capture_read_us_ = 0;
};

}  // namespace hanok::dataplane::dpdk

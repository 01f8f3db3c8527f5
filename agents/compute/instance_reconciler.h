#pragma once
// Brings guests to what is wanted of them. Nothing is remembered but how long a wait has lasted: what was
// brought about is in the domain's marks, so that an agent killed between any two steps goes on where it was.

#include <map>
#include <mutex>
#include <string>

#include "agents/compute/disk_exports.h"
#include "agents/compute/guest_files.h"
#include "agents/compute/hypervisor.h"
#include "agents/compute/instance.h"
#include "agents/compute/root_disk.h"
#include "agents/core/reconciler.h"
#include "common/clock.h"

namespace hanok::agent {

struct InstanceSettings {
  std::string state_dir;                       // guests' files are in $state_dir/instances
  std::string socket_dir;                      // vhost-user sockets
  std::int64_t shutdown_wait_us = 30'000'000;  // after the power button, before the plug is pulled
  bool boots_from_vhost_user = true;           // false under TCG: decision 0009
};

class InstanceReconciler final : public Reconciler {
 public:
  // All references outlive this.
  InstanceReconciler(InstanceSettings settings, Hypervisor& hypervisor, storage::BlockStore& store,
                     storage::Converter& converter, Outbox& outbox, const Clock& clock,
                     DiskExports::Call storage_target);

  [[nodiscard]] std::vector<std::string> kinds() const override { return {"instance"}; }
  [[nodiscard]] Result<Outcome> apply(const Task& task) override;
  [[nodiscard]] Result<std::map<std::string, std::set<std::string>>> present() override;
  [[nodiscard]] std::optional<Result<Json>> answer(const std::string& method, const Json& params) override;

 private:
  // What a step came to: done, or to be looked at again after so many milliseconds.
  using Wait = std::optional<std::int64_t>;

  [[nodiscard]] Result<Outcome> bring_about(const Instance& wanted, const Task& task);
  [[nodiscard]] Result<DomainView> ensure_defined(const Instance& wanted);
  [[nodiscard]] Status create(const Instance& wanted);
  [[nodiscard]] Status define(const Instance& wanted);
  [[nodiscard]] Status remove(const std::string& id, const std::optional<Instance>& wanted);
  [[nodiscard]] Status unplug_domain(const std::string& id);
  [[nodiscard]] Status release_defined(const std::string& id);

  // instance_power.cc
  [[nodiscard]] Result<Wait> reboot(const Instance& wanted, DomainView& view);
  [[nodiscard]] Result<Wait> power(const Instance& wanted, DomainView& view);
  [[nodiscard]] Status switch_power(const Instance& wanted, const DomainView& view);
  [[nodiscard]] Result<Wait> shut_down(const std::string& id, const DomainView& view, bool at_once);
  [[nodiscard]] std::int64_t waited_us(const std::string& what, const std::string& id);
  void forget_wait(const std::string& what, const std::string& id);

  // instance_devices.cc
  [[nodiscard]] Result<Wait> devices(const Instance& wanted, DomainView& view);
  [[nodiscard]] Status attach_missing(const Instance& wanted, const DomainView& view);
  [[nodiscard]] Status serve_disks(const Instance& wanted);
  [[nodiscard]] Status release_root(const Instance& wanted);
  [[nodiscard]] Status release_disks(const std::vector<DiskSpec>& disks, const DomainView& view);
  [[nodiscard]] Status detach_unwanted(const Instance& wanted, const DomainView& view);

  [[nodiscard]] Status look_again(const std::string& id, DomainView& view);
  [[nodiscard]] Json observation(const Instance& wanted, const DomainView& view, const Task& task) const;

  InstanceSettings settings_;
  Hypervisor& hypervisor_;
  storage::BlockStore& store_;
  RootDisks disks_;
  DiskExports exports_;
  GuestFiles files_;
  Outbox& outbox_;
  const Clock& clock_;
  std::mutex mutex_;
  std::map<std::string, std::int64_t> waits_;  // start of each wait, by what/id
};

// What of `view` a report names: state as the API knows it.
[[nodiscard]] std::string reported_state(const DomainView& view);

}  // namespace hanok::agent

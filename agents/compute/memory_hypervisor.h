#pragma once
// Hypervisor in memory, for tests: guests that obey at once, unless told otherwise.

#include <functional>
#include <map>
#include <string>

#include "agents/compute/hypervisor.h"

namespace hanok::agent {

class MemoryHypervisor final : public Hypervisor {
 public:
  struct Domain {
    DomainSpec spec;
    DomainState state = DomainState::kStopped;
    std::vector<DiskSpec> live_disks;
    std::vector<NicSpec> live_nics;
    int starts = 0;
  };

  Result<std::vector<std::string>> list() override;
  Result<std::optional<DomainView>> look(const std::string& id) override;
  Status define(const DomainSpec& spec) override;
  Status undefine(const std::string& id) override;
  Status mark(const std::string& id, const Marks& marks) override;
  Status start(const std::string& id) override;
  Status press_power(const std::string& id) override;
  Status destroy(const std::string& id) override;
  Status pause(const std::string& id) override;
  Status resume(const std::string& id) override;
  Status save(const std::string& id) override;
  Status drop_saved(const std::string& id) override;
  Status attach_disk(const std::string& id, const DiskSpec& disk, bool defined, bool live) override;
  Status detach_disk(const std::string& id, const std::string& serial, bool defined, bool live) override;
  Status grow_disk(const std::string& id, const std::string& serial, std::uint64_t size_bytes) override;
  Status attach_nic(const std::string& id, const NicSpec& nic, bool defined, bool live) override;
  Status detach_nic(const std::string& id, const std::string& mac, bool defined, bool live) override;
  Status keep_secret(const DiskSpec& disk) override {
    secrets[disk.serial] = disk.passphrase;
    return {};
  }
  Status forget_secret(const std::string& serial) override {
    secrets.erase(serial);
    return {};
  }
  Result<Capacity> capacity() override { return Capacity{8, 16384}; }
  std::string version() override { return "memory"; }
  void watch(std::function<void(const std::string&)>) override {}  // tests recheck by themselves

  // For tests; not thread-safe against calls that run.
  std::map<std::string, Domain> domains;
  std::map<std::string, std::string> secrets;  // by serial
  bool deaf = false;                           // guests ignore the power button
  bool clinging = false;                       // guests do not let devices go
  bool can_save = true;
  std::vector<std::string> calls;       // what changed something, in order
  std::function<void()> before, after;  // each call that changes something; may throw: the caller dies there

 private:
  Status change(const char* call, const std::string& id, const std::function<Status(Domain&)>& act);
};

}  // namespace hanok::agent

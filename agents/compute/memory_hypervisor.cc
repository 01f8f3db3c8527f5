#include "agents/compute/memory_hypervisor.h"

#include <algorithm>

namespace hanok::agent {
namespace {

bool active(const MemoryHypervisor::Domain& domain) {
  return domain.state == DomainState::kRunning || domain.state == DomainState::kPaused;
}

void turn_off(MemoryHypervisor::Domain& domain) {
  domain.state = DomainState::kStopped;
  domain.live_disks.clear();
  domain.live_nics.clear();
}

Devices names(const std::vector<DiskSpec>& disks, const std::vector<NicSpec>& nics) {
  Devices out;
  for (const auto& disk : disks) out.disks.push_back(disk.serial);
  for (const auto& nic : nics) out.nics.push_back(nic.mac);
  return out;
}

template <typename List, typename Match>
void drop(List& list, Match match) {
  list.erase(std::remove_if(list.begin(), list.end(), match), list.end());
}

}  // namespace

Status MemoryHypervisor::change(const char* call, const std::string& id,
                                const std::function<Status(Domain&)>& act) {
  if (before) before();
  const auto it = domains.find(id);
  if (it == domains.end()) return not_found("no domain " + id);
  calls.emplace_back(call);
  auto status = act(it->second);
  if (after) after();
  return status;
}

Result<std::vector<std::string>> MemoryHypervisor::list() {
  std::vector<std::string> out;
  for (const auto& [id, domain] : domains) out.push_back(id);
  return out;
}

Result<std::optional<DomainView>> MemoryHypervisor::look(const std::string& id) {
  const auto it = domains.find(id);
  if (it == domains.end()) return std::optional<DomainView>{};
  const Domain& domain = it->second;
  DomainView out{domain.state, domain.spec.marks, names(domain.spec.disks, domain.spec.nics), {}};
  if (active(domain)) out.live = names(domain.live_disks, domain.live_nics);
  return std::optional<DomainView>{out};
}

Status MemoryHypervisor::define(const DomainSpec& spec) {
  if (before) before();
  calls.emplace_back("define");
  domains[spec.id].spec = spec;
  if (after) after();
  return {};
}

Status MemoryHypervisor::undefine(const std::string& id) {
  auto status = change("undefine", id, [](Domain&) { return Status{}; });
  domains.erase(id);
  return status;
}

Status MemoryHypervisor::mark(const std::string& id, const Marks& marks) {
  return change("mark", id, [&](Domain& domain) {
    domain.spec.marks = marks;
    return Status{};
  });
}

Status MemoryHypervisor::start(const std::string& id) {
  return change("start", id, [](Domain& domain) -> Status {
    if (active(domain)) return conflict("domain is already running");
    domain.state = DomainState::kRunning;
    domain.live_disks = domain.spec.disks;
    domain.live_nics = domain.spec.nics;
    ++domain.starts;
    return {};
  });
}

Status MemoryHypervisor::press_power(const std::string& id) {
  return change("press_power", id, [this](Domain& domain) {
    if (!deaf) turn_off(domain);
    return Status{};
  });
}

Status MemoryHypervisor::destroy(const std::string& id) {
  return change("destroy", id, [](Domain& domain) -> Status {
    if (!active(domain)) return conflict("domain is not running");
    turn_off(domain);
    return {};
  });
}

Status MemoryHypervisor::pause(const std::string& id) {
  return change("pause", id, [](Domain& domain) -> Status {
    if (domain.state != DomainState::kRunning) return conflict("domain is not running");
    domain.state = DomainState::kPaused;
    return {};
  });
}

Status MemoryHypervisor::resume(const std::string& id) {
  return change("resume", id, [](Domain& domain) -> Status {
    if (domain.state != DomainState::kPaused) return conflict("domain is not paused");
    domain.state = DomainState::kRunning;
    return {};
  });
}

Status MemoryHypervisor::save(const std::string& id) {
  return change("save", id, [this](Domain& domain) -> Status {
    if (!active(domain)) return conflict("domain is not running");
    if (!can_save) return internal_error("a device does not migrate");
    turn_off(domain);
    domain.state = DomainState::kSaved;
    return {};
  });
}

Status MemoryHypervisor::drop_saved(const std::string& id) {
  return change("drop_saved", id, [](Domain& domain) {
    if (domain.state == DomainState::kSaved) domain.state = DomainState::kStopped;
    return Status{};
  });
}

Status MemoryHypervisor::attach_disk(const std::string& id, const DiskSpec& disk, bool defined, bool live) {
  return change("attach_disk", id, [&](Domain& domain) {
    if (defined) domain.spec.disks.push_back(disk);
    if (live) domain.live_disks.push_back(disk);
    return Status{};
  });
}

Status MemoryHypervisor::detach_disk(const std::string& id, const std::string& serial, bool defined,
                                     bool live) {
  return change("detach_disk", id, [&](Domain& domain) {
    const auto match = [&](const DiskSpec& disk) { return disk.serial == serial; };
    if (defined) drop(domain.spec.disks, match);
    if (live && !clinging) drop(domain.live_disks, match);
    return Status{};
  });
}

Status MemoryHypervisor::grow_disk(const std::string& id, const std::string& serial,
                                   std::uint64_t size_bytes) {
  const auto domain = domains.find(id);
  if (domain == domains.end()) return not_found("no domain " + id);
  for (auto& disk : domain->second.live_disks) {
    if (disk.serial != serial || disk.size_bytes >= size_bytes) continue;
    return change("grow_disk", id, [&](Domain&) {
      disk.size_bytes = size_bytes;
      return Status{};
    });
  }
  return {};
}

Status MemoryHypervisor::attach_nic(const std::string& id, const NicSpec& nic, bool defined, bool live) {
  return change("attach_nic", id, [&](Domain& domain) {
    if (defined) domain.spec.nics.push_back(nic);
    if (live) domain.live_nics.push_back(nic);
    return Status{};
  });
}

Status MemoryHypervisor::detach_nic(const std::string& id, const std::string& mac, bool defined, bool live) {
  return change("detach_nic", id, [&](Domain& domain) {
    const auto match = [&](const NicSpec& nic) { return nic.mac == mac; };
    if (defined) drop(domain.spec.nics, match);
    if (live && !clinging) drop(domain.live_nics, match);
    return Status{};
  });
}

}  // namespace hanok::agent

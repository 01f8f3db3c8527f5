#pragma once
// Hypervisor: the seam to what runs guests. Twins: libvirt, and memory for tests. Thread-safe; calls block
// until done. Only domains of this agent (its mark and its state folder in their metadata) are seen and
// touched. kNotFound: no such domain of ours; kUnavailable: the hypervisor does not answer.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "agents/compute/domain.h"
#include "common/result.h"

namespace hanok::agent {

struct Capacity {
  std::int64_t vcpus = 0, ram_mib = 0;
};

class Hypervisor {
 public:
  virtual ~Hypervisor() = default;
  [[nodiscard]] virtual Result<std::vector<std::string>> list() = 0;  // ids
  [[nodiscard]] virtual Result<std::optional<DomainView>> look(const std::string& id) = 0;
  // New, or in place of what was defined (takes effect with the next start).
  [[nodiscard]] virtual Status define(const DomainSpec& spec) = 0;
  [[nodiscard]] virtual Status undefine(const std::string& id) = 0;  // also forgets saved memory
  [[nodiscard]] virtual Status mark(const std::string& id, const Marks& marks) = 0;

  [[nodiscard]] virtual Status start(const std::string& id) = 0;  // restores saved memory if there is some
  [[nodiscard]] virtual Status press_power(const std::string& id) = 0;  // ACPI; the guest decides
  [[nodiscard]] virtual Status destroy(const std::string& id) = 0;      // pulls the plug
  [[nodiscard]] virtual Status pause(const std::string& id) = 0;
  [[nodiscard]] virtual Status resume(const std::string& id) = 0;
  [[nodiscard]] virtual Status save(const std::string& id) = 0;  // memory to disk; the guest then is kSaved
  [[nodiscard]] virtual Status drop_saved(const std::string& id) = 0;

  // `live`: to the running guest too. Detaching from a running guest is a request: look() tells when it let
  // go.
  [[nodiscard]] virtual Status attach_disk(const std::string& id, const DiskSpec& disk, bool defined,
                                           bool live) = 0;
  [[nodiscard]] virtual Status detach_disk(const std::string& id, const std::string& serial, bool defined,
                                           bool live) = 0;
  // The disk of a running guest has grown: the guest sees it at once. Nothing to do when it has that size.
  [[nodiscard]] virtual Status grow_disk(const std::string& id, const std::string& serial,
                                         std::uint64_t size_bytes) = 0;
  [[nodiscard]] virtual Status attach_nic(const std::string& id, const NicSpec& nic, bool defined,
                                          bool live) = 0;
  [[nodiscard]] virtual Status detach_nic(const std::string& id, const std::string& mac, bool defined,
                                          bool live) = 0;

  // The passphrase of an encrypted disk, under its serial, for as long as the hypervisor lives: to be given
  // again before each start and attachment. Forgetting one that is not there is no error.
  [[nodiscard]] virtual Status keep_secret(const DiskSpec& disk) = 0;
  [[nodiscard]] virtual Status forget_secret(const std::string& serial) = 0;

  [[nodiscard]] virtual Result<Capacity> capacity() = 0;
  [[nodiscard]] virtual std::string version() = 0;  // for people; empty when unknown
  // `changed` is called on a thread of the hypervisor when a domain's state changed by whatever cause; with
  // an empty id after events may have been missed.
  virtual void watch(std::function<void(const std::string& id)> changed) = 0;
};

}  // namespace hanok::agent

#pragma once
// The DPDK environment of the process: once per process, started and stopped by main.

#include <cstdint>
#include <string>
#include <vector>

#include "common/result.h"

struct rte_mempool;

namespace hanok::dataplane::dpdk {

struct EalOptions {
  std::vector<unsigned> worker_cpus = {0};  // one worker each; at least one
  unsigned huge_mib = 256;                  // memory for packets; taken at start
  bool no_huge = false;                     // plain memory: no huge pages needed, no PCI devices
  std::string file_prefix = "hanok";        // differs between data planes of one machine
  std::vector<std::string> extra;           // further EAL arguments, as they are
};

// Owns the environment. Not thread-safe; construct and destroy on the main thread.
class Eal {
 public:
  [[nodiscard]] static Result<Eal> start(const EalOptions& options);
  ~Eal();
  Eal(Eal&& other) noexcept;
  Eal& operator=(Eal&&) = delete;

  [[nodiscard]] rte_mempool* pool() const { return pool_; }
  // EAL's number of each worker, in the order of `worker_cpus`.
  [[nodiscard]] const std::vector<unsigned>& worker_lcores() const { return worker_lcores_; }

 private:
  Eal() = default;
  bool owner_ = true;
  rte_mempool* pool_ = nullptr;
  std::vector<unsigned> worker_lcores_;
};

[[nodiscard]] std::string dpdk_version();

}  // namespace hanok::dataplane::dpdk

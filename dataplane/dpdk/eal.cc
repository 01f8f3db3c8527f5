#include "dataplane/dpdk/eal.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_version.h>
#include <sched.h>

#include <algorithm>
#include <utility>

#include "dataplane/dpdk/packet_pool.h"

namespace hanok::dataplane::dpdk {
namespace {

// Bytes of one packet buffer with its header, pool bookkeeping and cache-line padding, rounded up.
constexpr unsigned kBufferBytes = 2560;
constexpr unsigned kMinBuffers = 4096;
constexpr unsigned kCachedPerWorker = 256;

std::vector<unsigned> allowed_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<unsigned> out;
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return out;
  for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) out.push_back(cpu);
  }
  return out;
}

// EAL's lcore 0 is the control thread and floats over all CPUs; lcores 1.. are the workers, one CPU each.
Result<std::string> lcore_map(const std::vector<unsigned>& worker_cpus) {
  const std::vector<unsigned> allowed = allowed_cpus();
  std::string map = fmt::format("0@({})", fmt::join(allowed, ","));
  unsigned lcore = 1;
  for (const unsigned cpu : worker_cpus) {
    if (std::find(allowed.begin(), allowed.end(), cpu) == allowed.end()) {
      return bad_request(fmt::format("lcores: CPU {} is not one of ours ({})", cpu, fmt::join(allowed, ",")));
    }
    if (std::count(worker_cpus.begin(), worker_cpus.end(), cpu) > 1)
      return bad_request(fmt::format("lcores: CPU {} is named twice", cpu));
    map += fmt::format(",{}@{}", lcore++, cpu);
  }
  return map;
}

}  // namespace

Result<Eal> Eal::start(const EalOptions& options) {
  if (options.worker_cpus.empty()) return bad_request("lcores: at least one CPU is needed");
  HANOK_TRY(map, lcore_map(options.worker_cpus));
  std::vector<std::string> words = {"hanok-dataplane",
                                    "--lcores",
                                    map,
                                    "--file-prefix",
                                    options.file_prefix,
                                    "-m",
                                    std::to_string(options.huge_mib)};
  // Nothing of ours stays in hugetlbfs after a crash; plain memory knows no such choice.
  if (options.no_huge) {
    words.insert(words.end(), {"--no-huge", "--no-shconf", "--no-pci"});
  } else {
    // An allow list of a device that does not exist: no PCI device is taken but those that the state names.
    words.insert(words.end(), {"--in-memory", "-a", "0000:00:00.0"});
  }
  words.emplace_back("--log-level=lib.*:warning");
  words.insert(words.end(), options.extra.begin(), options.extra.end());
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  if (rte_eal_init(static_cast<int>(arguments.size()), arguments.data()) < 0) {
    return unavailable(
        fmt::format("DPDK does not start ({}); {} MiB of huge pages wanted, see its lines above",
                    rte_strerror(rte_errno), options.no_huge ? 0 : options.huge_mib));
  }
  Eal eal;
  for (unsigned i = 0; i < options.worker_cpus.size(); ++i) eal.worker_lcores_.push_back(i + 1);
  const unsigned buffers = std::max(kMinBuffers, options.huge_mib * 1024U / 2U * 1024U / kBufferBytes);
  eal.pool_ = rte_pktmbuf_pool_create("packets", buffers, kCachedPerWorker, kPrivateBytes,
                                      RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
  if (eal.pool_ == nullptr) {
    return unavailable(fmt::format("no memory for {} packet buffers: {}", buffers, rte_strerror(rte_errno)));
  }
  return eal;
}

Eal::Eal(Eal&& other) noexcept
    : owner_(std::exchange(other.owner_, false)),
      pool_(std::exchange(other.pool_, nullptr)),
      worker_lcores_(std::move(other.worker_lcores_)) {}

Eal::~Eal() {
  if (owner_) rte_eal_cleanup();
}

std::string dpdk_version() {
  return rte_version();
}

}  // namespace hanok::dataplane::dpdk

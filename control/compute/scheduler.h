#pragma once
// Picks the host of a new server: alive hosts with the compute role, enabled, with room; of these the least
// loaded, then the first by name, so that the same state always gives the same host.

#include <optional>
#include <set>
#include <string>

#include "control/bus/bus.h"
#include "control/compute/flavors.h"

namespace hanok::compute {

// How much of a host's capacity may be promised. Guest disks are thin clones in RBD.
constexpr std::int64_t kVcpuOvercommit = 16;
constexpr double kRamOvercommit = 1.5;
constexpr std::int64_t kDiskOvercommit = 8;

struct HostUse {
  std::int64_t servers = 0, vcpus = 0, ram_mib = 0, disk_gib = 0;
};
[[nodiscard]] Result<HostUse> host_use(store::Tx& tx, const std::string& host);

struct Placement {
  std::string host;    // empty: none fits
  std::string reason;  // why none does, host by host
};
struct PlacementRequest {
  Flavor flavor;
  bool root_on_image = true;    // the root disk counts
  std::string only_host;        // from an availability zone "nova:host"
  std::set<std::string> avoid;  // hosts of the other members of an anti-affinity group
  std::string why_avoid;
};
[[nodiscard]] Result<Placement> place(store::Tx& tx, const PlacementRequest& request, std::int64_t now_us);
// Empty when the host has room for `flavor` instead of `held`; otherwise what lacks.
[[nodiscard]] Result<std::string> lack_on_host(store::Tx& tx, const bus::Host& host, const Flavor& flavor,
                                               bool root_on_image, const Flavor* held);

}  // namespace hanok::compute

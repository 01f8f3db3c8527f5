#pragma once
// What operators see of the hosts: availability zones, hypervisors, services.

#include <optional>

#include "control/compute/context.h"

namespace hanok::compute {

// A host with the compute role, with what its operator set.
struct ComputeHost {
  bus::Host host;
  std::string id;        // UUID of its service and hypervisor
  std::int64_t seq = 0;  // their number before 2.53
  bool disabled = false, forced_down = false;
  std::optional<std::string> reason;
};
// Its services and hypervisors are named by UUID since this microversion, by number before it.
constexpr int kHostUuidSince = 53;
[[nodiscard]] Json host_id(const http::Request& request, const ComputeHost& one);  // hypervisors.cc
// Hosts that are seen for the first time get their id: needs a write transaction.
[[nodiscard]] Result<std::vector<ComputeHost>> compute_hosts(store::Tx& tx, std::int64_t now_us);

[[nodiscard]] Answer list_zones(Context& context, http::Request& request);  // zones.cc
[[nodiscard]] Answer list_zones_detail(Context& context, http::Request& request);

[[nodiscard]] Answer list_hypervisors(Context& context, http::Request& request);  // hypervisors.cc
[[nodiscard]] Answer list_hypervisors_detail(Context& context, http::Request& request);
[[nodiscard]] Answer show_hypervisor(Context& context, http::Request& request);
[[nodiscard]] Answer hypervisor_uptime(Context& context, http::Request& request);
[[nodiscard]] Answer hypervisor_statistics(Context& context, http::Request& request);

[[nodiscard]] Answer list_services(Context& context, http::Request& request);  // services.cc
[[nodiscard]] Answer update_service(Context& context, http::Request& request);

[[nodiscard]] Answer list_aggregates(Context& context, http::Request& request);  // aggregates.cc

}  // namespace hanok::compute

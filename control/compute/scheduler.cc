#include "control/compute/scheduler.h"

#include <fmt/format.h>

#include <algorithm>

namespace hanok::compute {
namespace {

Result<bool> is_disabled(store::Tx& tx, const std::string& host) {
  HANOK_TRY(row, tx.query_one("SELECT disabled, forced_down FROM compute_services WHERE host = ?", {host}));
  return row && (row->boolean("disabled") || row->boolean("forced_down"));
}

bool has_compute(const bus::Host& host) {
  return std::find(host.roles.begin(), host.roles.end(), "compute") != host.roles.end();
}

// Why `host` cannot take the server; empty when it can.
Result<std::string> objection(store::Tx& tx, const bus::Host& host, const PlacementRequest& request,
                              std::int64_t now_us) {
  if (!host.alive) {
    return fmt::format("not heard of for {} s", (now_us - host.last_seen_us) / kSecond_us);
  }
  HANOK_TRY(disabled, is_disabled(tx, host.name));
  if (disabled) return std::string("its compute service is disabled");
  if (request.avoid.contains(host.name)) return request.why_avoid;
  return lack_on_host(tx, host, request.flavor, request.root_on_image, nullptr);
}

}  // namespace

Result<HostUse> host_use(store::Tx& tx, const std::string& host) {
  HANOK_TRY(
      row,
      tx.query_one("SELECT COUNT(*) AS n, COALESCE(SUM(vcpus), 0) AS vcpus, COALESCE(SUM(ram_mib), 0) AS ram,"
                   " COALESCE(SUM(disk_gib), 0) AS disk FROM servers WHERE host = ? AND deleted = 0",
                   {host}));
  return HostUse{.servers = row->integer("n"),
                 .vcpus = row->integer("vcpus"),
                 .ram_mib = row->integer("ram"),
                 .disk_gib = row->integer("disk")};
}

Result<std::string> lack_on_host(store::Tx& tx, const bus::Host& host, const Flavor& flavor,
                                 bool root_on_image, const Flavor* held) {
  HANOK_TRY(use, host_use(tx, host.name));
  if (held != nullptr) {
    use.vcpus -= held->vcpus;
    use.ram_mib -= held->ram_mib;
    use.disk_gib -= root_on_image ? held->disk_gib : 0;
  }
  std::string out;
  const auto want = [&](const char* what, std::int64_t asked, std::int64_t used, std::int64_t most) {
    if (used + asked > most) {
      out += fmt::format("{}{}: {} asked, {} of {} free", out.empty() ? "" : ", ", what, asked,
                         std::max<std::int64_t>(0, most - used), most);
    }
  };
  want("VCPUs", flavor.vcpus, use.vcpus, host.vcpus * kVcpuOvercommit);
  want("RAM MiB", flavor.ram_mib, use.ram_mib,
       static_cast<std::int64_t>(static_cast<double>(host.ram_mib) * kRamOvercommit));
  if (root_on_image) want("disk GiB", flavor.disk_gib, use.disk_gib, host.disk_gib * kDiskOvercommit);
  return out;
}

Result<Placement> place(store::Tx& tx, const PlacementRequest& request, std::int64_t now_us) {
  HANOK_TRY(hosts, bus::list_hosts(tx, now_us));
  Placement out;
  double best_load = 0;
  std::sort(hosts.begin(), hosts.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  for (const auto& host : hosts) {
    if (!has_compute(host)) continue;
    if (!request.only_host.empty() && host.name != request.only_host) continue;
    HANOK_TRY(why, objection(tx, host, request, now_us));
    if (!why.empty()) {
      out.reason += fmt::format("{}{}: {}", out.reason.empty() ? "" : "; ", host.name, why);
      continue;
    }
    HANOK_TRY(use, host_use(tx, host.name));
    const double load =
        static_cast<double>(use.ram_mib) / static_cast<double>(std::max<std::int64_t>(1, host.ram_mib));
    if (out.host.empty() || load < best_load) {
      out.host = host.name;
      best_load = load;
    }
  }
  if (out.host.empty() && out.reason.empty()) {
    out.reason = request.only_host.empty() ? "no host with the compute role is known"
                                           : fmt::format("host {} is not known", request.only_host);
  }
  return out;
}

}  // namespace hanok::compute

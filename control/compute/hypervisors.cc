#include <fmt/format.h>

#include "control/compute/hosts.h"
#include "control/compute/scheduler.h"

namespace hanok::compute {
namespace {

constexpr int kNoStatisticsSince = 88;

Json summary_json(const http::Request& request, const ComputeHost& one) {
  return {{"id", host_id(request, one)},
          {"hypervisor_hostname", one.host.name},
          {"state", one.host.alive && !one.forced_down ? "up" : "down"},
          {"status", one.disabled ? "disabled" : "enabled"}};
}

std::int64_t running_on(store::Tx& tx, const std::string& host) {
  auto row = tx.query_one(
      "SELECT COUNT(*) AS n FROM servers WHERE host = ? AND deleted = 0 AND power_state = 1", {host});
  return row.ok() && *row ? (*row)->integer("n") : 0;
}

Result<Json> servers_json(store::Tx& tx, const std::string& host) {
  HANOK_TRY(rows,
            tx.query("SELECT id, name FROM servers WHERE host = ? AND deleted = 0 ORDER BY seq", {host}));
  Json out = Json::array();
  for (const auto& row : rows) out.push_back({{"uuid", row.text("id")}, {"name", row.text("name")}});
  return out;
}

Result<Json> detail_json(store::Tx& tx, const http::Request& request, const ComputeHost& one,
                         bool with_servers) {
  Json out = summary_json(request, one);
  const Json& details = one.host.details;
  const auto text = [&](const char* key, const char* fallback) {
    return details.is_object() && details.contains(key) && details[key].is_string()
               ? details[key].get<std::string>()
               : std::string(fallback);
  };
  const bool kvm = text("virt_type", "qemu") == "kvm";
  out["hypervisor_type"] = kvm ? "KVM" : "QEMU";
  out["hypervisor_version"] = details.is_object() && details.contains("hypervisor_version") &&
                                      details["hypervisor_version"].is_number_integer()
                                  ? details["hypervisor_version"]
                                  : Json(0);
  out["host_ip"] = one.host.vtep.empty() ? "127.0.0.1" : one.host.vtep;
  out["service"] = {{"host", one.host.name},
                    {"id", host_id(request, one)},
                    {"disabled_reason", one.reason ? Json(*one.reason) : Json()}};
  if (with_servers) {
    HANOK_TRY(servers, servers_json(tx, one.host.name));
    if (!servers.empty() || request.minor_version >= 75) out["servers"] = std::move(servers);
  }
  if (request.minor_version >= kNoStatisticsSince) {
    out["uptime"] = nullptr;
    return out;
  }
  HANOK_TRY(use, host_use(tx, one.host.name));
  out["vcpus"] = one.host.vcpus;
  out["vcpus_used"] = use.vcpus;
  out["memory_mb"] = one.host.ram_mib;
  out["memory_mb_used"] = use.ram_mib;
  out["free_ram_mb"] = one.host.ram_mib - use.ram_mib;
  out["local_gb"] = one.host.disk_gib;
  out["local_gb_used"] = use.disk_gib;
  out["free_disk_gb"] = one.host.disk_gib - use.disk_gib;
  out["disk_available_least"] = std::max<std::int64_t>(0, one.host.disk_gib - use.disk_gib);
  out["running_vms"] = running_on(tx, one.host.name);
  out["current_workload"] = 0;
  out["cpu_info"] = request.minor_version >= 28 ? Json::object() : Json("{}");
  return out;
}

Answer list_hypervisors_with(Context& context, http::Request& request, bool detail) {
  const auto pattern = request.query_one("hypervisor_hostname_pattern");
  HANOK_TRY(with_servers, query_flag(request, "with_servers"));
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(hosts, compute_hosts(tx, context.clock.now_us()));
    Json list = Json::array();
    for (const auto& one : hosts) {
      if (pattern && one.host.name.find(*pattern) == std::string::npos) continue;
      if (!detail) {
        list.push_back(summary_json(request, one));
        continue;
      }
      HANOK_TRY(view, detail_json(tx, request, one, with_servers && request.minor_version >= kHostUuidSince));
      list.push_back(std::move(view));
    }
    if (pattern && list.empty()) {
      return not_found(fmt::format("No hypervisor matching '{}' could be found.", pattern->substr(0, 64)));
    }
    return http::ok({{"hypervisors", std::move(list)}});
  });
}

}  // namespace

Json host_id(const http::Request& request, const ComputeHost& one) {
  return request.minor_version >= kHostUuidSince ? Json(one.id) : Json(one.seq);
}

Answer list_hypervisors(Context& context, http::Request& request) {
  return list_hypervisors_with(context, request, false);
}

Answer list_hypervisors_detail(Context& context, http::Request& request) {
  return list_hypervisors_with(context, request, true);
}

Answer show_hypervisor(Context& context, http::Request& request) {
  const std::string& id = request.param("id");
  HANOK_TRY(with_servers, query_flag(request, "with_servers"));
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(hosts, compute_hosts(tx, context.clock.now_us()));
    for (const auto& one : hosts) {
      const bool found =
          request.minor_version >= kHostUuidSince ? one.id == id : std::to_string(one.seq) == id;
      if (!found) continue;
      HANOK_TRY(view, detail_json(tx, request, one, with_servers && request.minor_version >= kHostUuidSince));
      return http::ok({{"hypervisor", std::move(view)}});
    }
    return not_found(fmt::format("Hypervisor with ID '{}' could not be found.", id.substr(0, 64)));
  });
}

Answer hypervisor_uptime(Context& context, http::Request& request) {
  HANOK_CHECK(show_hypervisor(context, request));
  return Error{ErrorCode::kNotImplemented, "Virt driver does not implement uptime function.", {}};
}

Answer hypervisor_statistics(Context& context, http::Request& request) {
  HANOK_CHECK(need_minor(request, 1, kNoStatisticsSince - 1));
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(hosts, compute_hosts(tx, context.clock.now_us()));
    std::map<std::string, std::int64_t> sums;
    static constexpr std::array kSummed = {
        "vcpus",       "vcpus_used",       "memory_mb",           "memory_mb_used",
        "local_gb",    "local_gb_used",    "free_ram_mb",         "free_disk_gb",
        "running_vms", "current_workload", "disk_available_least"};
    for (const auto* name : kSummed) sums[name] = 0;
    for (const auto& one : hosts) {
      HANOK_TRY(view, detail_json(tx, request, one, false));
      for (const auto* name : kSummed) sums[name] += view[name].get<std::int64_t>();
    }
    Json out = sums;
    out["count"] = hosts.size();
    return http::ok({{"hypervisor_statistics", std::move(out)}});
  });
}

}  // namespace hanok::compute

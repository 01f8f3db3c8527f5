#include "control/compute/usage.h"

#include <fmt/format.h>

#include <algorithm>

#include "control/compute/server.h"

namespace hanok::compute {
namespace {

constexpr double kHour_us = 3600.0 * 1e6;
constexpr std::int64_t kFourWeeks_us = std::int64_t{28} * 24 * 3600 * kSecond_us;

struct Period {
  std::int64_t start_us = 0, stop_us = 0;
};

Result<Period> period_of(const http::Request& request, std::int64_t now_us) {
  Period out{.start_us = now_us - kFourWeeks_us, .stop_us = now_us};
  for (const auto& [name, field] : {std::pair{"start", &out.start_us}, std::pair{"end", &out.stop_us}}) {
    const auto text = request.query_one(name);
    if (!text) continue;
    auto time = parse_iso8601(*text);
    if (!time.ok()) time = parse_iso8601(*text + "T00:00:00Z");
    if (!time.ok()) return bad_request(fmt::format("Invalid input for query parameters {}.", name));
    *field = *time;
  }
  if (out.stop_us < out.start_us)
    return bad_request("Invalid start time. The start time cannot occur after the end time.");
  return out;
}

Json usage_json(const std::string& project, const Period& period, std::int64_t now_us,
                const std::vector<Server>& servers, bool detailed) {
  double hours = 0, vcpu_hours = 0, ram_hours = 0, disk_hours = 0;
  Json list = Json::array();
  for (const auto& server : servers) {
    const std::int64_t end_us = server.deleted ? server.terminated_us : now_us;
    const std::int64_t from_us = std::max(server.created_us, period.start_us);
    const std::int64_t to_us = std::min(end_us, period.stop_us);
    if (to_us < from_us) continue;
    const double used = static_cast<double>(to_us - from_us) / kHour_us;
    hours += used;
    vcpu_hours += used * static_cast<double>(server.flavor.vcpus);
    ram_hours += used * static_cast<double>(server.flavor.ram_mib);
    disk_hours += used * static_cast<double>(server.flavor.disk_gib);
    list.push_back({{"instance_id", server.id},
                    {"name", server.name},
                    {"tenant_id", server.project_id},
                    {"flavor", server.flavor.name},
                    {"vcpus", server.flavor.vcpus},
                    {"memory_mb", server.flavor.ram_mib},
                    {"local_gb", server.flavor.disk_gib},
                    {"hours", used},
                    {"state", server.deleted ? "terminated" : server.vm_state},
                    {"started_at", iso8601_micro(server.created_us)},
                    {"ended_at", server.deleted ? Json(iso8601_micro(server.terminated_us)) : Json()},
                    {"uptime", (end_us - server.created_us) / kSecond_us}});
  }
  if (list.empty()) return Json::object();
  Json out = {{"tenant_id", project},
              {"start", iso8601_micro(period.start_us)},
              {"stop", iso8601_micro(period.stop_us)},
              {"total_hours", hours},
              {"total_vcpus_usage", vcpu_hours},
              {"total_memory_mb_usage", ram_hours},
              {"total_local_gb_usage", disk_hours}};
  if (detailed) out["server_usages"] = std::move(list);
  return out;
}

Result<std::vector<Server>> servers_of(store::Tx& tx, const std::string& project) {
  HANOK_TRY(rows, tx.query(fmt::format("SELECT {} FROM servers WHERE project_id = ? ORDER BY seq",
                                       server_columns()),
                           {project}));
  std::vector<Server> out;
  for (const auto& row : rows) out.push_back(read_server(row));
  return out;
}

}  // namespace

Answer list_usage(Context& context, http::Request& request) {
  const std::int64_t now_us = context.clock.now_us();
  HANOK_TRY(period, period_of(request, now_us));
  HANOK_TRY(detailed, query_flag(request, "detailed"));
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(rows, tx.query("SELECT DISTINCT project_id FROM servers ORDER BY project_id"));
    Json list = Json::array();
    for (const auto& row : rows) {
      HANOK_TRY(servers, servers_of(tx, row.text("project_id")));
      Json usage = usage_json(row.text("project_id"), period, now_us, servers, detailed);
      if (!usage.empty()) list.push_back(std::move(usage));
    }
    return http::ok({{"tenant_usages", std::move(list)}});
  });
}

Answer show_usage(Context& context, http::Request& request) {
  const std::string& project = request.param("project");
  if (project != request.caller.project_id && !request.caller.is_admin) {
    return forbidden("Policy doesn't allow os_compute_api:os-simple-tenant-usage:show to be performed.");
  }
  const std::int64_t now_us = context.clock.now_us();
  HANOK_TRY(period, period_of(request, now_us));
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(servers, servers_of(tx, project));
    return http::ok({{"tenant_usage", usage_json(project, period, now_us, servers, true)}});
  });
}

}  // namespace hanok::compute

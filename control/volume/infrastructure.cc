// Availability zones, extensions, services and pools.
#include <algorithm>
#include <cmath>
#include <utility>

#include "control/bus/bus.h"
#include "control/volume/types.h"
#include "control/volume/view.h"

namespace hanok::volume {
namespace {

struct Extension {
  const char *alias, *name, *description;
};
// The resources outside of Cinder's core that are served.
constexpr Extension kExtensions[] = {
    {"backups", "Backups", "Backups of volumes"},
    {"os-availability-zone", "AvailabilityZones", "Describe availability zones"},
    {"os-extended-snapshot-attributes", "ExtendedSnapshotAttributes", "Progress and project of snapshots"},
    {"os-hosts", "Hosts", "Hosts that do the work"},
    {"os-quota-sets", "Quotas", "Quota management"},
    {"os-quota-class-sets", "QuotaClasses", "Quota class management"},
    {"os-services", "Services", "Services that do the work"},
    {"os-snapshot-actions", "SnapshotActions", "Snapshot status"},
    {"os-types-extra-specs", "TypesExtraSpecs", "Extra specs of volume types"},
    {"os-types-manage", "TypesManage", "Management of volume types"},
    {"os-vol-host-attr", "VolumeHostAttribute", "Host of a volume"},
    {"os-vol-image-meta", "VolumeImageMetadata", "Image metadata of a volume"},
    {"os-vol-tenant-attr", "VolumeTenantAttribute", "Project of a volume"},
    {"os-volume-actions", "VolumeActions", "Volume actions"},
    {"os-volume-transfer", "VolumeTransfer", "Volumes handed to another project"},
    {"os-volume-type-access", "VolumeTypeAccess", "Access to private volume types"},
    {"scheduler-stats", "Scheduler_stats", "Pools"},
};

bool has_role(const bus::Host& host) {
  return std::find(host.roles.begin(), host.roles.end(), "volume") != host.roles.end();
}

}  // namespace

Answer list_zones(const Context&, http::Request&) {
  return http::ok(
      {{"availabilityZoneInfo", Json::array({{{"zoneName", kZone}, {"zoneState", {{"available", true}}}}})}});
}

Answer list_extensions(const Context&, http::Request&) {
  Json list = Json::array();
  for (const Extension& one : kExtensions) {
    list.push_back({{"alias", one.alias},
                    {"name", one.name},
                    {"description", one.description},
                    {"links", Json::array()},
                    {"updated", "2026-01-01T00:00:00+00:00"}});
  }
  return http::ok({{"extensions", list}});
}

Answer list_services(const Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(hosts, bus::list_hosts(tx, context.clock.now_us()));
    const std::string binary = request.query_one("binary").value_or("");
    const std::string wanted = request.query_one("host").value_or("");
    Json list = Json::array();
    for (const bus::Host& host : hosts) {
      if (!has_role(host)) continue;
      // One agent is both.
      const std::pair<std::string, std::string> services[] = {{"cinder-volume", host.name + "@rbd"},
                                                              {"cinder-backup", host.name}};
      for (const auto& [name, place] : services) {
        if ((!binary.empty() && binary != name) || (!wanted.empty() && wanted != place)) continue;
        list.push_back({{"binary", name},
                        {"host", place},
                        {"zone", kZone},
                        {"status", "enabled"},
                        {"state", host.alive ? "up" : "down"},
                        {"updated_at", time_json(host.last_seen_us)},
                        {"disabled_reason", nullptr}});
      }
    }
    return http::ok({{"services", list}});
  });
}

Answer list_hosts(const Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(hosts, bus::list_hosts(tx, context.clock.now_us()));
    const std::string zone = request.query_one("zone").value_or(kZone);
    Json list = Json::array();
    for (const bus::Host& host : hosts) {
      if (!has_role(host) || zone != kZone) continue;
      list.push_back({{"host_name", host.name + "@rbd"},
                      {"service", "cinder-volume"},
                      {"service-status", host.alive ? "available" : "unavailable"},
                      {"service-state", "enabled"},
                      {"zone", kZone},
                      {"last-update", time_json(host.last_seen_us)}});
    }
    return http::ok({{"hosts", list}});
  });
}

// What the host holds: all volumes, for they are the cluster's, in sum and by project.
Answer show_host(const Context& context, http::Request& request) {
  const std::string name = request.param("host");
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(hosts, bus::list_hosts(tx, context.clock.now_us()));
    const bool known = std::any_of(hosts.begin(), hosts.end(), [&](const bus::Host& host) {
      return has_role(host) && name.substr(0, name.find('@')) == host.name;
    });
    if (!known) return not_found("Host " + name.substr(0, 64) + " could not be found.");
    HANOK_TRY(
        rows,
        tx.query("SELECT project_id, COUNT(*) AS n, COALESCE(SUM(size_gib), 0) AS gib,"
                 " (SELECT COUNT(*) FROM snapshots s WHERE s.project_id = volumes.project_id) AS snapshots,"
                 " (SELECT COALESCE(SUM(size_gib), 0) FROM snapshots s"
                 "  WHERE s.project_id = volumes.project_id) AS snapshot_gib"
                 " FROM volumes GROUP BY project_id ORDER BY project_id"));
    const auto row_json = [&](const std::string& project, std::int64_t n, std::int64_t gib,
                              std::int64_t snapshots, std::int64_t snapshot_gib) {
      // Numbers as text, as this call has always given them.
      return Json{{"resource",
                   {{"host", name},
                    {"project", project},
                    {"volume_count", std::to_string(n)},
                    {"total_volume_gb", std::to_string(gib)},
                    {"snapshot_count", std::to_string(snapshots)},
                    {"total_snapshot_gb", std::to_string(snapshot_gib)}}}};
    };
    Json list = Json::array();
    std::int64_t n = 0, gib = 0, snapshots = 0, snapshot_gib = 0;
    for (const auto& row : rows) {
      n += row.integer("n");
      gib += row.integer("gib");
      snapshots += row.integer("snapshots");
      snapshot_gib += row.integer("snapshot_gib");
      list.push_back(row_json(row.text("project_id"), row.integer("n"), row.integer("gib"),
                              row.integer("snapshots"), row.integer("snapshot_gib")));
    }
    list.insert(list.begin(), row_json("(total)", n, gib, snapshots, snapshot_gib));
    return http::ok({{"host", list}});
  });
}

namespace {

// In GiB, or as Cinder says it when no agent told.
Json gib_json(const Json& room, std::initializer_list<const char*> keys) {
  double bytes = 0;
  for (const char* key : keys) {
    if (!room.contains(key) || !room[key].is_number()) return "unknown";
    bytes += room[key].get<double>();
  }
  return std::round(bytes / (1U << 30U) * 100) / 100;
}

Result<Json> pool_json(store::Tx& tx, const std::string& name, const Json& room, std::int64_t now_us) {
  HANOK_TRY(used, tx.query_one(
                      "SELECT COUNT(*) AS n, COALESCE(SUM(size_gib), 0) AS gib FROM volumes WHERE pool = ?",
                      {name}));
  return Json{{"volume_backend_name", kBackend},
              {"pool_name", name},
              {"vendor_name", "Hanok"},
              {"driver_version", "1"},
              {"storage_protocol", "ceph"},
              {"total_capacity_gb", gib_json(room, {"stored_bytes", "available_bytes"})},
              {"free_capacity_gb", gib_json(room, {"available_bytes"})},
              {"allocated_capacity_gb", used->integer("gib")},
              {"total_volumes", used->integer("n")},
              {"reserved_percentage", 0},
              {"thin_provisioning_support", true},
              {"multiattach", true},
              {"QoS_support", true},
              {"timestamp", time_json(now_us)}};
}

}  // namespace

Answer list_pools(const Context& context, http::Request& request) {
  HANOK_TRY(detail, get_bool(Json{{"detail", request.query_one("detail").value_or("false")}}, "detail"));
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(pools, volume_pools(tx));
    Json list = Json::array();
    for (const auto& [name, room] : pools) {
      Json pool = {{"name", "hanok@rbd#" + name}};
      if (detail.value_or(false)) {
        HANOK_TRY(capabilities, pool_json(tx, name, room, context.clock.now_us()));
        pool["capabilities"] = std::move(capabilities);
      }
      list.push_back(std::move(pool));
    }
    return http::ok({{"pools", std::move(list)}});
  });
}

}  // namespace hanok::volume

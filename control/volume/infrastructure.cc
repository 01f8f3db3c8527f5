// Availability zones, extensions, services and pools.
#include <algorithm>

#include "control/bus/bus.h"
#include "control/volume/view.h"

namespace hanok::volume {
namespace {

struct Extension {
  const char *alias, *name, *description;
};
// The resources outside of Cinder's core that are served.
constexpr Extension kExtensions[] = {
    {"os-availability-zone", "AvailabilityZones", "Describe availability zones"},
    {"os-extended-snapshot-attributes", "ExtendedSnapshotAttributes", "Progress and project of snapshots"},
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
    Json list = Json::array();
    for (const bus::Host& host : hosts) {
      if (!has_role(host) || (!binary.empty() && binary != "cinder-volume")) continue;
      list.push_back({{"binary", "cinder-volume"},
                      {"host", host.name + "@rbd"},
                      {"zone", kZone},
                      {"status", "enabled"},
                      {"state", host.alive ? "up" : "down"},
                      {"updated_at", time_json(host.last_seen_us)},
                      {"disabled_reason", nullptr}});
    }
    return http::ok({{"services", list}});
  });
}

Answer list_pools(const Context& context, http::Request& request) {
  HANOK_TRY(detail, get_bool(Json{{"detail", request.query_one("detail").value_or("false")}}, "detail"));
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(used, tx.query_one("SELECT COUNT(*) AS n, COALESCE(SUM(size_gib), 0) AS gib FROM volumes"));
    Json pool = {{"name", "hanok@rbd#volumes"}};
    if (detail.value_or(false)) {
      pool["capabilities"] = {{"volume_backend_name", "rbd"},
                              {"pool_name", kPool},
                              {"vendor_name", "Hanok"},
                              {"driver_version", "1"},
                              {"storage_protocol", "ceph"},
                              {"total_capacity_gb", "unknown"},
                              {"free_capacity_gb", "unknown"},
                              {"allocated_capacity_gb", used->integer("gib")},
                              {"total_volumes", used->integer("n")},
                              {"reserved_percentage", 0},
                              {"thin_provisioning_support", true},
                              {"multiattach", true},
                              {"QoS_support", false},
                              {"timestamp", time_json(context.clock.now_us())}};
    }
    return http::ok({{"pools", Json::array({pool})}});
  });
}

}  // namespace hanok::volume

#include "control/volume/quota.h"

#include <fmt/format.h>

namespace hanok::volume {

const std::map<std::string, std::int64_t>& builtin_limits() {
  static const std::map<std::string, std::int64_t> kLimits = {
      {"volumes", 1000}, {"snapshots", 1000},        {"gigabytes", 100000}, {"per_volume_gigabytes", -1},
      {"backups", 10},   {"backup_gigabytes", 1000}, {"groups", 10}};
  return kLimits;
}

Result<std::map<std::string, std::int64_t>> limits_of(store::Tx& tx, const std::string& project_id) {
  auto out = builtin_limits();
  for (const std::string& whose : {std::string("default"), project_id}) {
    HANOK_TRY(rows,
              tx.query("SELECT resource, limit_value FROM volume_quotas WHERE project_id = ?", {whose}));
    for (const auto& row : rows) out[row.text("resource")] = row.integer("limit_value");
  }
  return out;
}

Result<Amount> usage_of(store::Tx& tx, const std::string& project_id) {
  Amount out;
  HANOK_TRY(volumes, tx.query_one("SELECT COUNT(*) AS n, COALESCE(SUM(wanted_gib), 0) AS gib FROM volumes"
                                  " WHERE project_id = ?",
                                  {project_id}));
  HANOK_TRY(snapshots, tx.query_one("SELECT COUNT(*) AS n, COALESCE(SUM(size_gib), 0) AS gib FROM snapshots"
                                    " WHERE project_id = ?",
                                    {project_id}));
  HANOK_TRY(backups, tx.query_one("SELECT COUNT(*) AS n, COALESCE(SUM(size_gib), 0) AS gib FROM backups"
                                  " WHERE project_id = ?",
                                  {project_id}));
  HANOK_TRY(groups,
            tx.query_one("SELECT COUNT(*) AS n FROM volume_groups WHERE project_id = ?", {project_id}));
  out.groups = groups->integer("n");
  out.backups = backups->integer("n");
  out.backup_gigabytes = backups->integer("gib");
  out.volumes = volumes->integer("n");
  out.snapshots = snapshots->integer("n");
  out.gigabytes = volumes->integer("gib") + snapshots->integer("gib");
  return out;
}

Status check_quota(store::Tx& tx, const std::string& project_id, const Amount& more) {
  HANOK_TRY(limits, limits_of(tx, project_id));
  HANOK_TRY(used, usage_of(tx, project_id));
  const auto fits = [&](const char* name, std::int64_t now, std::int64_t extra) {
    const std::int64_t limit = limits.at(name);
    return extra <= 0 || limit < 0 || now + extra <= limit;
  };
  if (!fits("gigabytes", used.gigabytes, more.gigabytes)) {
    return over_quota(
        fmt::format("Requested volume or snapshot exceeds allowed gigabytes quota. Requested {}G, quota is "
                    "{}G and {}G has been "
                    "consumed.",
                    more.gigabytes, limits.at("gigabytes"), used.gigabytes));
  }
  if (!fits("volumes", used.volumes, more.volumes)) {
    return over_quota(fmt::format("Maximum number of volumes allowed ({}) exceeded for quota 'volumes'.",
                                  limits.at("volumes")));
  }
  if (!fits("snapshots", used.snapshots, more.snapshots)) {
    return over_quota(fmt::format("Maximum number of snapshots allowed ({}) exceeded for quota 'snapshots'.",
                                  limits.at("snapshots")));
  }
  if (!fits("groups", used.groups, more.groups)) {
    return over_quota(fmt::format("Maximum number of groups allowed ({}) exceeded for quota 'groups'.",
                                  limits.at("groups")));
  }
  if (!fits("backups", used.backups, more.backups)) {
    return over_quota(fmt::format("Maximum number of backups allowed ({}) exceeded", limits.at("backups")));
  }
  if (!fits("backup_gigabytes", used.backup_gigabytes, more.backup_gigabytes)) {
    return over_quota(
        fmt::format("Requested backup exceeds allowed Backup gigabytes quota. Requested {}G, "
                    "quota is {}G and {}G has been consumed.",
                    more.backup_gigabytes, limits.at("backup_gigabytes"), used.backup_gigabytes));
  }
  return {};
}

Status check_volume_size(store::Tx& tx, const std::string& project_id, std::int64_t size_gib) {
  HANOK_TRY(limits, limits_of(tx, project_id));
  const std::int64_t most = limits.at("per_volume_gigabytes");
  if (most >= 0 && size_gib > most) {
    return over_quota(fmt::format("Requested volume size {}G is larger than the maximum allowed limit {}G.",
                                  size_gib, most));
  }
  return {};
}

}  // namespace hanok::volume

// Limits, quota sets and the quota class `default`.
#include <fmt/format.h>

#include "control/volume/quota.h"
#include "control/volume/view.h"

namespace hanok::volume {
namespace {

constexpr std::int64_t kMostLimit = 2147483647;

Json limits_json(const std::map<std::string, std::int64_t>& limits) {
  Json out = Json::object();
  for (const auto& [name, limit] : limits) out[name] = limit;
  return out;
}

Json usage_json(const std::map<std::string, std::int64_t>& limits, const Amount& used) {
  const std::map<std::string, std::int64_t> in_use = {
      {"volumes", used.volumes}, {"snapshots", used.snapshots}, {"gigabytes", used.gigabytes},
      {"backups", used.backups}, {"groups", used.groups},       {"backup_gigabytes", used.backup_gigabytes}};
  Json out = Json::object();
  for (const auto& [name, limit] : limits) {
    const auto found = in_use.find(name);
    out[name] = {{"limit", limit}, {"in_use", found == in_use.end() ? 0 : found->second}, {"reserved", 0}};
  }
  return out;
}

Status check_reader(const http::Request& request) {
  if (request.caller.is_admin || request.param("target") == request.caller.project_id) return {};
  return forbidden("Policy doesn't allow volume_extension:quotas:show to be performed.");
}

Result<std::map<std::string, std::int64_t>> parse_quota_set(const Json& body) {
  std::map<std::string, std::int64_t> out;
  for (const auto& [name, value] : body.items()) {
    if (name == "tenant_id" || name == "id" || name == "skip_validation" || name == "class_name") continue;
    if (!builtin_limits().contains(name)) {
      // Limits per volume type (volumes_rbd ...) are not kept.
      return bad_request(fmt::format("Bad key(s) in quota set: {}", name.substr(0, 64)));
    }
    HANOK_TRY(limit, get_int(body, name));
    if (!limit || *limit < -1 || *limit > kMostLimit) {
      return bad_request(
          fmt::format("Invalid input for field/attribute {}. It must be an integer from -1.", name));
    }
    out[name] = *limit;
  }
  return out;
}

Status save(store::Tx& tx, const std::string& whose, const std::map<std::string, std::int64_t>& limits) {
  for (const auto& [name, limit] : limits) {
    HANOK_CHECK(tx.execute(
        "INSERT OR REPLACE INTO volume_quotas (project_id, resource, limit_value) VALUES (?, ?, ?)",
        {whose, name, limit}));
  }
  return {};
}

}  // namespace

Answer show_limits(const Context& context, http::Request& request) {
  std::string project = request.caller.project_id;
  if (request.caller.is_admin) project = request.query_one("project_id").value_or(project);
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(limits, limits_of(tx, project));
    HANOK_TRY(used, usage_of(tx, project));
    return http::ok({{"limits",
                      {{"rate", Json::array()},
                       {"absolute",
                        {{"maxTotalVolumes", limits["volumes"]},
                         {"maxTotalSnapshots", limits["snapshots"]},
                         {"maxTotalVolumeGigabytes", limits["gigabytes"]},
                         {"maxTotalBackups", limits["backups"]},
                         {"maxTotalBackupGigabytes", limits["backup_gigabytes"]},
                         {"totalVolumesUsed", used.volumes},
                         {"totalSnapshotsUsed", used.snapshots},
                         {"totalGigabytesUsed", used.gigabytes},
                         {"totalBackupsUsed", used.backups},
                         {"totalBackupGigabytesUsed", used.backup_gigabytes}}}}}});
  });
}

Answer show_quota_set(const Context& context, http::Request& request) {
  HANOK_CHECK(check_reader(request));
  HANOK_TRY(usage, get_bool(Json{{"usage", request.query_one("usage").value_or("false")}}, "usage"));
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(limits, limits_of(tx, request.param("target")));
    HANOK_TRY(used, usage_of(tx, request.param("target")));
    Json out = usage.value_or(false) ? usage_json(limits, used) : limits_json(limits);
    out["id"] = request.param("target");
    return http::ok({{"quota_set", out}});
  });
}

Answer show_default_quota_set(const Context& context, http::Request& request) {
  HANOK_CHECK(check_reader(request));
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(limits, limits_of(tx, "default"));
    Json out = limits_json(limits);
    out["id"] = request.param("target");
    return http::ok({{"quota_set", out}});
  });
}

Answer update_quota_set(const Context& context, http::Request& request) {
  HANOK_TRY(body, body_of(request, "quota_set"));
  HANOK_TRY(wanted, parse_quota_set(*body));
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_CHECK(save(tx, request.param("target"), wanted));
    HANOK_TRY(limits, limits_of(tx, request.param("target")));
    return http::ok({{"quota_set", limits_json(limits)}});
  });
}

Answer delete_quota_set(const Context& context, http::Request& request) {
  return context.database.write([&](store::Tx& tx) -> Answer {
    if (request.param("target") != "default") {
      HANOK_CHECK(tx.execute("DELETE FROM volume_quotas WHERE project_id = ?", {request.param("target")}));
    }
    return http::Response{.status = 200};
  });
}

Answer show_quota_class(const Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(limits, limits_of(tx, "default"));
    Json out = limits_json(limits);
    out["id"] = request.param("target");
    return http::ok({{"quota_class_set", out}});
  });
}

Answer update_quota_class(const Context& context, http::Request& request) {
  HANOK_TRY(body, body_of(request, "quota_class_set"));
  HANOK_TRY(wanted, parse_quota_set(*body));
  if (request.param("target") != "default") return bad_request("The only quota class is 'default'.");
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_CHECK(save(tx, "default", wanted));
    HANOK_TRY(limits, limits_of(tx, "default"));
    return http::ok({{"quota_class_set", limits_json(limits)}});
  });
}

}  // namespace hanok::volume

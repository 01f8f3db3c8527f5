#include "control/compute/quota.h"

#include <fmt/format.h>

namespace hanok::compute {
namespace {

constexpr std::int64_t kMaxQuota = 0x7FFFFFFF;

const QuotaResource* find_resource(std::string_view name) {
  for (const auto& resource : kQuotas) {
    if (name == resource.name) return &resource;
  }
  return nullptr;
}

// A project sees its own quotas, an administrator everyone's.
Status may_see(const http::Request& request) {
  if (request.caller.is_admin || request.param("project") == request.caller.project_id) return {};
  return forbidden("Policy doesn't allow os_compute_api:os-quota-sets:show to be performed.");
}

Result<std::int64_t> in_use(store::Tx& tx, const std::string& project_id, std::string_view resource) {
  HANOK_TRY(usage, usage_of(tx, project_id));
  if (resource == "instances") return usage.instances;
  if (resource == "cores") return usage.cores;
  if (resource == "ram") return usage.ram_mib;
  if (resource == "server_groups") {
    HANOK_TRY(row,
              tx.query_one("SELECT COUNT(*) AS n FROM server_groups WHERE project_id = ?", {project_id}));
    return row->integer("n");
  }
  return 0;  // counted per user, per server, or by the network service
}

Result<Json> quota_json(store::Tx& tx, const http::Request& request, const std::string& project_id) {
  Json out = Json::object();
  for (const auto& resource : kQuotas) {
    if (request.minor_version > resource.last_minor) continue;
    HANOK_TRY(limit, quota_limit(tx, project_id, resource.name));
    out[resource.name] = limit;
  }
  return out;
}

Json default_json(const http::Request& request) {
  Json out = Json::object();
  for (const auto& resource : kQuotas) {
    if (request.minor_version <= resource.last_minor) out[resource.name] = resource.by_default;
  }
  return out;
}

Status set_quota(store::Tx& tx, const std::string& project, const std::string& name, std::int64_t limit,
                 bool force) {
  if (limit < -1 || limit > kMaxQuota) {
    return bad_request(
        fmt::format("Invalid input for field/attribute {}: it must be -1 to {}.", name, kMaxQuota));
  }
  HANOK_TRY(used, in_use(tx, project, name));
  if (!force && limit >= 0 && used > limit) {
    return bad_request(
        fmt::format("Quota limit {} for {} must be greater than or equal to already used and reserved {}.",
                    limit, name, used));
  }
  HANOK_CHECK(
      tx.execute("INSERT OR REPLACE INTO compute_quotas (project_id, resource, hard_limit) VALUES (?, ?, ?)",
                 {project, name, limit}));
  return {};
}

}  // namespace

Result<std::int64_t> quota_limit(store::Tx& tx, const std::string& project_id, std::string_view resource) {
  HANOK_TRY(row, tx.query_one("SELECT hard_limit FROM compute_quotas WHERE project_id = ? AND resource = ?",
                              {project_id, resource}));
  if (row) return row->integer("hard_limit");
  const auto* known = find_resource(resource);
  HANOK_ASSERT(known != nullptr);
  return known->by_default;
}

Result<Usage> usage_of(store::Tx& tx, const std::string& project_id) {
  HANOK_TRY(
      row,
      tx.query_one("SELECT COUNT(*) AS n, COALESCE(SUM(vcpus), 0) AS cores, COALESCE(SUM(ram_mib), 0) AS ram"
                   " FROM servers WHERE project_id = ? AND deleted = 0",
                   {project_id}));
  return Usage{
      .instances = row->integer("n"), .cores = row->integer("cores"), .ram_mib = row->integer("ram")};
}

Status check_quota(store::Tx& tx, const std::string& project_id, const Usage& more) {
  HANOK_TRY(used, usage_of(tx, project_id));
  const std::array<std::tuple<const char*, std::int64_t, std::int64_t>, 3> rows = {{
      {"instances", more.instances, used.instances},
      {"cores", more.cores, used.cores},
      {"ram", more.ram_mib, used.ram_mib},
  }};
  for (const auto& [name, asked, taken] : rows) {
    HANOK_TRY(limit, quota_limit(tx, project_id, name));
    if (limit >= 0 && asked > 0 && taken + asked > limit) {
      return over_quota(fmt::format("Quota exceeded for {}: Requested {}, but already used {} of {} {}", name,
                                    asked, taken, limit, name));
    }
  }
  return {};
}

Answer show_quota(Context& context, http::Request& request) {
  HANOK_CHECK(may_see(request));
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(body, quota_json(tx, request, request.param("project")));
    body["id"] = request.param("project");
    return http::ok({{"quota_set", std::move(body)}});
  });
}

Answer show_quota_detail(Context& context, http::Request& request) {
  HANOK_CHECK(may_see(request));
  return context.database.read([&](store::Tx& tx) -> Answer {
    const std::string& project = request.param("project");
    HANOK_TRY(limits, quota_json(tx, request, project));
    Json body = {{"id", project}};
    for (const auto& [name, limit] : limits.items()) {
      HANOK_TRY(used, in_use(tx, project, name));
      body[name] = {{"limit", limit}, {"in_use", used}, {"reserved", 0}};
    }
    return http::ok({{"quota_set", std::move(body)}});
  });
}

Answer show_default_quota(Context&, http::Request& request) {
  Json body = default_json(request);
  body["id"] = request.param("project");
  return http::ok({{"quota_set", std::move(body)}});
}

Answer update_quota(Context& context, http::Request& request) {
  HANOK_TRY(body, body_of(request, "quota_set"));
  HANOK_TRY(force, get_bool(*body, "force"));
  return context.database.write([&](store::Tx& tx) -> Answer {
    for (const auto& [name, value] : body->items()) {
      if (name == "force" || name == "tenant_id") continue;
      const auto* resource = find_resource(name);
      if (resource == nullptr || request.minor_version > resource->last_minor) {
        return bad_request(
            fmt::format("Additional properties are not allowed ('{}' was unexpected)", name.substr(0, 64)));
      }
      HANOK_TRY(limit, get_int(*body, name));
      if (limit) HANOK_CHECK(set_quota(tx, request.param("project"), name, *limit, force.value_or(false)));
    }
    HANOK_TRY(out, quota_json(tx, request, request.param("project")));
    return http::ok({{"quota_set", std::move(out)}});
  });
}

Answer delete_quota(Context& context, http::Request& request) {
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_CHECK(tx.execute("DELETE FROM compute_quotas WHERE project_id = ?", {request.param("project")}));
    return http::accepted();
  });
}

Answer show_limits(Context& context, http::Request& request) {
  const auto other = request.query_one("tenant_id");
  if (other && *other != request.caller.project_id && !request.caller.is_admin) {
    return forbidden("Policy doesn't allow os_compute_api:limits:other_project to be performed.");
  }
  const std::string project = other.value_or(request.caller.project_id);
  return context.database.read([&](store::Tx& tx) -> Answer {
    Json out = Json::object();
    static constexpr std::array<std::pair<const char*, const char*>, 12> kNames = {{
        {"maxTotalInstances", "instances"},
        {"maxTotalCores", "cores"},
        {"maxTotalRAMSize", "ram"},
        {"maxTotalFloatingIps", "floating_ips"},
        {"maxSecurityGroups", "security_groups"},
        {"maxSecurityGroupRules", "security_group_rules"},
        {"maxServerMeta", "metadata_items"},
        {"maxTotalKeypairs", "key_pairs"},
        {"maxServerGroups", "server_groups"},
        {"maxServerGroupMembers", "server_group_members"},
        {"maxPersonality", "injected_files"},
        {"maxPersonalitySize", "injected_file_content_bytes"},
    }};
    for (const auto& [name, resource] : kNames) {
      if (request.minor_version > find_resource(resource)->last_minor) continue;
      HANOK_TRY(limit, quota_limit(tx, project, resource));
      out[name] = limit;
    }
    if (request.minor_version < 39) out["maxImageMeta"] = out["maxServerMeta"];
    HANOK_TRY(used, usage_of(tx, project));
    HANOK_TRY(groups, in_use(tx, project, "server_groups"));
    out["totalInstancesUsed"] = used.instances;
    out["totalCoresUsed"] = used.cores;
    out["totalRAMUsed"] = used.ram_mib;
    out["totalServerGroupsUsed"] = groups;
    if (request.minor_version < 36) {
      out["totalFloatingIpsUsed"] = 0;  // the network service counts them
      out["totalSecurityGroupsUsed"] = 0;
    }
    return http::ok({{"limits", {{"absolute", std::move(out)}, {"rate", Json::array()}}}});
  });
}

}  // namespace hanok::compute

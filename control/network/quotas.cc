#include "control/network/quotas.h"

#include <array>
#include <string_view>

#include "control/network/handlers.h"
#include "control/network/listing.h"

namespace hanok::network {
namespace {

struct Quota {
  std::string_view resource, table;  // no table: stored and shown, nothing to count
  std::int64_t standard;
};
// Neutron's defaults; -1: no limit.
constexpr std::array<Quota, 9> kQuotas = {{{"network", "networks", 100},
                                           {"subnet", "subnets", 100},
                                           {"port", "ports", 500},
                                           {"router", "routers", 10},
                                           {"floatingip", "floating_ips", 50},
                                           {"security_group", "security_groups", 10},
                                           {"security_group_rule", "security_group_rules", 100},
                                           {"subnetpool", "subnetpools", -1},
                                           {"rbac_policy", "", 10}}};

Result<std::int64_t> limit_of(store::Tx& tx, const Quota& quota, const std::string& project_id) {
  HANOK_TRY(row, tx.query_one("SELECT quota FROM network_quotas WHERE project_id = ? AND resource = ?",
                              {project_id, quota.resource}));
  return row ? row->integer("quota") : quota.standard;
}

Result<std::int64_t> count_of(store::Tx& tx, const Quota& quota, const std::string& project_id) {
  if (quota.table.empty()) return std::int64_t{0};
  HANOK_TRY(rows, tx.query("SELECT count(*) AS n FROM " + std::string(quota.table) + " WHERE project_id = ?",
                           {project_id}));
  return rows.front().integer("n");
}

Result<Json> limits_of(store::Tx& tx, const std::string& project_id) {
  Json out = Json::object();
  for (const Quota& quota : kQuotas) {
    HANOK_TRY(limit, limit_of(tx, quota, project_id));
    out[std::string(quota.resource)] = limit;
  }
  return out;
}

Status check_reader(const http::Request& request) {
  if (request.caller.is_admin || request.caller.project_id == request.param("project_id")) return {};
  return forbidden("(rule:get_quota) is disallowed by policy", "PolicyNotAuthorized");
}

Status store_limit(store::Tx& tx, const std::string& project_id, const std::string& key, const Json& value) {
  for (const Quota& quota : kQuotas) {
    if (quota.resource != key) continue;
    const Json holder = {{key, value}};
    HANOK_TRY(limit, get_int(holder, key));
    if (!limit || *limit < -1 || *limit > 2'147'483'647) {
      return bad_request("Invalid input for " + key + ". Reason: it is not an integer from -1 to 2147483647.",
                         "HTTPBadRequest");
    }
    HANOK_CHECK(
        tx.execute("INSERT INTO network_quotas (project_id, resource, quota) VALUES (?, ?, ?)"
                   " ON CONFLICT (project_id, resource) DO UPDATE SET quota = excluded.quota",
                   {project_id, key, *limit}));
    return {};
  }
  return bad_request("Unrecognized attribute(s) '" + key.substr(0, 100) + "'", "HTTPBadRequest");
}

}  // namespace

Status check_quota(store::Tx& tx, const std::string& resource, const std::string& project_id,
                   std::int64_t more) {
  for (const Quota& quota : kQuotas) {
    if (quota.resource != resource) continue;
    HANOK_TRY(limit, limit_of(tx, quota, project_id));
    if (limit < 0) return {};
    HANOK_TRY(used, count_of(tx, quota, project_id));
    if (used + more > limit)
      return over_quota("Quota exceeded for resources: ['" + resource + "'].", "OverQuota");
    return {};
  }
  return {};
}

Result<http::Response> list_quotas(const Context& context, http::Request& request) {
  (void)request;
  return context.database.read([&](store::Tx& tx) -> Result<http::Response> {
    HANOK_TRY(projects, tx.query("SELECT DISTINCT project_id FROM network_quotas ORDER BY project_id"));
    Json quotas = Json::array();
    for (const store::Row& row : projects) {
      HANOK_TRY(limits, limits_of(tx, row.text("project_id")));
      limits["project_id"] = limits["tenant_id"] = row.text("project_id");
      quotas.push_back(std::move(limits));
    }
    return http::ok({{"quotas", std::move(quotas)}});
  });
}

Result<http::Response> show_quota(const Context& context, http::Request& request) {
  HANOK_CHECK(check_reader(request));
  return context.database.read([&](store::Tx& tx) -> Result<http::Response> {
    HANOK_TRY(limits, limits_of(tx, request.param("project_id")));
    return http::ok({{"quota", std::move(limits)}});
  });
}

Result<http::Response> show_default_quota(const Context&, http::Request& request) {
  HANOK_CHECK(check_reader(request));
  Json limits = Json::object();
  for (const Quota& quota : kQuotas) limits[std::string(quota.resource)] = quota.standard;
  return http::ok({{"quota", std::move(limits)}});
}

Result<http::Response> show_quota_details(const Context& context, http::Request& request) {
  HANOK_CHECK(check_reader(request));
  return context.database.read([&](store::Tx& tx) -> Result<http::Response> {
    Json details = Json::object();
    for (const Quota& quota : kQuotas) {
      HANOK_TRY(limit, limit_of(tx, quota, request.param("project_id")));
      HANOK_TRY(used, count_of(tx, quota, request.param("project_id")));
      details[std::string(quota.resource)] = {{"limit", limit}, {"used", used}, {"reserved", 0}};
    }
    return http::ok({{"quota", std::move(details)}});
  });
}

Result<http::Response> update_quota(const Context& context, http::Request& request) {
  HANOK_TRY(body, need_object(request.json, "quota"));
  return context.database.write([&](store::Tx& tx) -> Result<http::Response> {
    for (const auto& [key, value] : body->items()) {
      if (key == "tenant_id" || key == "project_id" || key == "force" || key == "check_limit") continue;
      HANOK_CHECK(store_limit(tx, request.param("project_id"), key, value));
    }
    HANOK_TRY(limits, limits_of(tx, request.param("project_id")));
    return http::ok({{"quota", std::move(limits)}});
  });
}

Result<http::Response> delete_quota(const Context& context, http::Request& request) {
  return context.database.write([&](store::Tx& tx) -> Result<http::Response> {
    HANOK_CHECK(tx.execute("DELETE FROM network_quotas WHERE project_id = ?", {request.param("project_id")}));
    return http::no_content();
  });
}

}  // namespace hanok::network

#include "control/identity/assignments.h"
#include "control/identity/resource.h"

namespace hanok::identity {
namespace {

constexpr std::int64_t kMaxAssignments = 10'000;

bool flag(const http::Request& request, const char* name) {
  const auto value = request.query_one(name);
  return value && *value != "0" && *value != "false" && *value != "False";
}

// Direct rows, or with `effective` the rows of users after groups are taken apart and roles implied.
std::string source(bool effective) {
  if (!effective) return "SELECT * FROM assignments";
  return "SELECT DISTINCT * FROM (WITH RECURSIVE all_roles (target_type, target_id, actor_type, actor_id, "
         "role_id)"
         " AS (SELECT target_type, target_id, 'user', actor_id, role_id FROM assignments WHERE actor_type = "
         "'user'"
         " UNION SELECT target_type, target_id, 'user', user_id, role_id FROM assignments"
         " JOIN group_members ON group_id = actor_id WHERE actor_type = 'group'"
         " UNION SELECT target_type, target_id, actor_type, actor_id, implied_id FROM all_roles"
         " JOIN implied_roles ON prior_id = role_id) SELECT * FROM all_roles)";
}

struct Query {
  std::string where = "1 = 1";
  store::Args args;
  void both(const char* type_column, const char* type, const char* id_column, const std::string& id) {
    where += std::string(" AND a.") + type_column + " = ? AND a." + id_column + " = ?";
    args.emplace_back(type);
    args.emplace_back(id);
  }
};

Query parse(const http::Request& request) {
  Query out;
  if (const auto id = request.query_one("user.id")) out.both("actor_type", "user", "actor_id", *id);
  if (const auto id = request.query_one("group.id")) out.both("actor_type", "group", "actor_id", *id);
  if (const auto id = request.query_one("scope.project.id"))
    out.both("target_type", "project", "target_id", *id);
  if (const auto id = request.query_one("scope.domain.id"))
    out.both("target_type", "domain", "target_id", *id);
  if (request.query_one("scope.system")) out.both("target_type", "system", "target_id", "all");
  if (const auto id = request.query_one("role.id")) {
    out.where += " AND a.role_id = ?";
    out.args.emplace_back(*id);
  }
  return out;
}

Json end(const store::Row& row, const std::string& prefix, const std::string& id, bool names) {
  Json out = {{"id", id}};
  if (!names) return out;
  out["name"] = row.text(prefix + "_name");
  if (!row.is_null(prefix + "_domain_id")) {
    out["domain"] = {{"id", row.text(prefix + "_domain_id")}, {"name", row.text(prefix + "_domain_name")}};
  }
  return out;
}

Json show(const http::Request& request, const store::Row& row, bool names) {
  const std::string target_type = row.text("target_type");
  const std::string target = row.text("target_id");
  const std::string actor_type = row.text("actor_type");
  const std::string actor = row.text("actor_id");
  const std::string role = row.text("role_id");
  Json out = {{"role", {{"id", role}}}};
  if (names) out["role"]["name"] = row.text("role_name");
  out[actor_type] = end(row, "actor", actor, names);
  if (target_type == "system") {
    out["scope"] = {{"system", {{"all", true}}}};
  } else {
    out["scope"] = {{target_type, end(row, "target", target, names)}};
  }
  const std::string path = target_type == "system" ? "system" : target_type + "s/" + target;
  out["links"] = {
      {"assignment", request.base_url + "/v3/" + path + "/" + actor_type + "s/" + actor + "/roles/" + role}};
  return out;
}

}  // namespace

Result<http::Response> list_role_assignments(Context& context, http::Request& request) {
  const bool names = flag(request, "include_names");
  Query query = parse(request);
  query.args.emplace_back(kMaxAssignments);
  const std::string sql =
      "SELECT a.*, r.name AS role_name, coalesce(u.name, g.name) AS actor_name,"
      " coalesce(u.domain_id, g.domain_id) AS actor_domain_id, ad.name AS actor_domain_name,"
      " coalesce(p.name, d.name) AS target_name, p.domain_id AS target_domain_id, pd.name AS "
      "target_domain_name"
      " FROM (" +
      source(flag(request, "effective")) +
      ") a JOIN roles r ON r.id = a.role_id"
      " LEFT JOIN users u ON a.actor_type = 'user' AND u.id = a.actor_id"
      " LEFT JOIN groups g ON a.actor_type = 'group' AND g.id = a.actor_id"
      " LEFT JOIN domains ad ON ad.id = coalesce(u.domain_id, g.domain_id)"
      " LEFT JOIN projects p ON a.target_type = 'project' AND p.id = a.target_id"
      " LEFT JOIN domains pd ON pd.id = p.domain_id"
      " LEFT JOIN domains d ON a.target_type = 'domain' AND d.id = a.target_id WHERE " +
      query.where + " ORDER BY a.target_type, a.target_id, a.actor_type, a.actor_id, a.role_id LIMIT ?";
  HANOK_TRY(rows, context.database.read([&](store::Tx& tx) { return tx.query(sql, query.args); }));
  Json out = Json::array();
  for (const store::Row& row : rows) out.push_back(show(request, row, names));
  return list_response(request, "role_assignments", std::move(out));
}

}  // namespace hanok::identity

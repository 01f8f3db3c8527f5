// What the caller's token may see and where it may go: catalog, projects, domains, system.
#include "control/identity/authenticate.h"
#include "control/identity/catalog.h"
#include "control/identity/domains.h"
#include "control/identity/projects.h"
#include "control/identity/resource.h"

namespace hanok::identity {
namespace {

// Ids of the targets of that type on which a user has a role, itself or by a group.
constexpr const char* kTargetsOfUser =
    "id IN (SELECT target_id FROM assignments WHERE target_type = ? AND ((actor_type = 'user' AND actor_id = "
    "?)"
    " OR (actor_type = 'group' AND actor_id IN (SELECT group_id FROM group_members WHERE user_id = ?))))"
    " AND enabled";

}  // namespace

Result<http::Response> show_catalog(Context& context, http::Request& request) {
  return list_response(request, "catalog", catalog(context.settings, request.caller.project_id));
}

Result<http::Response> list_auth_projects(Context& context, http::Request& request) {
  const std::string& user = request.caller.user_id;
  return list_projects_where(context, request, kTargetsOfUser, {"project", user, user});
}

Result<http::Response> list_auth_domains(Context& context, http::Request& request) {
  const std::string& user = request.caller.user_id;
  return list_domains_where(context, request, kTargetsOfUser, {"domain", user, user});
}

Result<http::Response> list_auth_system(Context& context, http::Request& request) {
  auto row = context.database.read([&](store::Tx& tx) {
    return tx.query_one(
        "SELECT 1 AS hit FROM assignments WHERE target_type = 'system' AND actor_type = 'user'"
        " AND actor_id = ?",
        {request.caller.user_id});
  });
  if (!row.ok()) return row.take_error();
  return list_response(request, "system", row->has_value() ? Json::array({{{"all", true}}}) : Json::array());
}

// GET /v3/users/{id}/projects
Result<http::Response> list_user_projects(Context& context, http::Request& request) {
  const std::string& user = request.param("id");
  HANOK_CHECK(check_self_or_admin(request, user));
  HANOK_CHECK(context.database.read([&](store::Tx& tx) { return need_row(tx, "users", "user", user); }));
  return list_projects_where(context, request, kTargetsOfUser, {"project", user, user});
}

}  // namespace hanok::identity

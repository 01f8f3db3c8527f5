#include "control/identity/assignments.h"

#include "control/identity/resource.h"
#include "control/identity/roles.h"

namespace hanok::identity {
namespace {

std::string target_id(const http::Request& request, AssignmentKind kind) {
  return std::string_view(kind.target) == "system" ? "all" : request.param("target_id");
}

Status need_ends(store::Tx& tx, const http::Request& request, AssignmentKind kind) {
  if (std::string_view(kind.target) != "system") {
    HANOK_CHECK(need_row(tx, std::string(kind.target) + "s", kind.target, request.param("target_id")));
  }
  HANOK_CHECK(need_row(tx, std::string(kind.actor) + "s", kind.actor, request.param("actor_id")));
  return {};
}

store::Args key(const http::Request& request, AssignmentKind kind) {
  return {kind.target, target_id(request, kind), kind.actor, request.param("actor_id"),
          request.param("role_id")};
}

Error no_assignment(const http::Request& request) {
  return missing("role assignment with role", request.param("role_id"));
}

}  // namespace

Result<http::Response> list_assigned_roles(Context& context, http::Request& request, AssignmentKind kind) {
  HANOK_CHECK(context.database.read([&](store::Tx& tx) { return need_ends(tx, request, kind); }));
  return list_roles_where(context, request,
                          "id IN (SELECT role_id FROM assignments WHERE target_type = ? AND target_id = ?"
                          " AND actor_type = ? AND actor_id = ?)",
                          {kind.target, target_id(request, kind), kind.actor, request.param("actor_id")});
}

Result<http::Response> grant_role(Context& context, http::Request& request, AssignmentKind kind) {
  return no_content(context.write([&](store::Tx& tx) -> Status {
    HANOK_CHECK(need_ends(tx, request, kind));
    HANOK_CHECK(need_row(tx, "roles", "role", request.param("role_id")));
    HANOK_CHECK(
        tx.execute("INSERT INTO assignments (target_type, target_id, actor_type, actor_id, role_id)"
                   " VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                   key(request, kind)));
    return {};
  }));
}

Result<http::Response> check_role(Context& context, http::Request& request, AssignmentKind kind) {
  return no_content(context.database.read([&](store::Tx& tx) -> Status {
    HANOK_CHECK(need_ends(tx, request, kind));
    HANOK_TRY(row, tx.query_one("SELECT 1 AS hit FROM assignments WHERE target_type = ? AND target_id = ?"
                                " AND actor_type = ? AND actor_id = ? AND role_id = ?",
                                key(request, kind)));
    if (!row) return no_assignment(request);
    return {};
  }));
}

Result<http::Response> revoke_role(Context& context, http::Request& request, AssignmentKind kind) {
  return no_content(context.write([&](store::Tx& tx) -> Status {
    HANOK_CHECK(need_ends(tx, request, kind));
    HANOK_TRY(gone, tx.execute("DELETE FROM assignments WHERE target_type = ? AND target_id = ?"
                               " AND actor_type = ? AND actor_id = ? AND role_id = ?",
                               key(request, kind)));
    if (gone == 0) return no_assignment(request);
    return {};
  }));
}

}  // namespace hanok::identity

#pragma once
// Who has which role where. The routes of users and groups, projects, domains and the system share handlers.

#include "control/identity/context.h"

namespace hanok::identity {

// One combination of /v3/{projects|domains}/{target_id}/{users|groups}/{actor_id}/roles, or
// /v3/system/{users|groups}/{actor_id}/roles.
struct AssignmentKind {
  const char* target;  // "project", "domain", "system"
  const char* actor;   // "user", "group"
};

[[nodiscard]] Result<http::Response> list_assigned_roles(Context& context, http::Request& request,
                                                         AssignmentKind kind);
[[nodiscard]] Result<http::Response> grant_role(Context& context, http::Request& request,
                                                AssignmentKind kind);
[[nodiscard]] Result<http::Response> check_role(Context& context, http::Request& request,
                                                AssignmentKind kind);
[[nodiscard]] Result<http::Response> revoke_role(Context& context, http::Request& request,
                                                 AssignmentKind kind);

// GET /v3/role_assignments
[[nodiscard]] Result<http::Response> list_role_assignments(Context& context, http::Request& request);

}  // namespace hanok::identity

// The route table, and the wiring of the parts.
#include "control/identity/identity.h"

#include "control/identity/application_credentials.h"
#include "control/identity/assignments.h"
#include "control/identity/authenticate.h"
#include "control/identity/bootstrap.h"
#include "control/identity/catalog.h"
#include "control/identity/discovery.h"
#include "control/identity/domains.h"
#include "control/identity/groups.h"
#include "control/identity/projects.h"
#include "control/identity/resource.h"
#include "control/identity/roles.h"
#include "control/identity/token.h"
#include "control/identity/users.h"

namespace hanok::identity {
namespace {

using http::Access;
using http::Method;

constexpr std::int64_t kMaintainEveryUs = 60'000'000;

struct Row {
  Method method;
  const char* pattern;
  Access access;
  Result<http::Response> (*handler)(Context&, http::Request&);
};

constexpr Row kRoutes[] = {
    {Method::kGet, "/", Access::kPublic, list_versions},
    {Method::kGet, "/v3", Access::kPublic, show_version},

    {Method::kPost, "/v3/auth/tokens", Access::kPublic, create_token},
    {Method::kGet, "/v3/auth/tokens", Access::kToken, show_subject_token},
    {Method::kDelete, "/v3/auth/tokens", Access::kToken, delete_subject_token},
    {Method::kGet, "/v3/auth/catalog", Access::kToken, show_catalog},
    {Method::kGet, "/v3/auth/projects", Access::kToken, list_auth_projects},
    {Method::kGet, "/v3/auth/domains", Access::kToken, list_auth_domains},
    {Method::kGet, "/v3/auth/system", Access::kToken, list_auth_system},

    {Method::kGet, "/v3/domains", Access::kAdmin, list_domains},
    {Method::kPost, "/v3/domains", Access::kAdmin, create_domain},
    {Method::kGet, "/v3/domains/{id}", Access::kToken, show_domain},
    {Method::kPatch, "/v3/domains/{id}", Access::kAdmin, update_domain},
    {Method::kDelete, "/v3/domains/{id}", Access::kAdmin, delete_domain},

    {Method::kGet, "/v3/projects", Access::kAdmin, list_projects},
    {Method::kPost, "/v3/projects", Access::kAdmin, create_project},
    {Method::kGet, "/v3/projects/{id}", Access::kToken, show_project},
    {Method::kPatch, "/v3/projects/{id}", Access::kAdmin, update_project},
    {Method::kDelete, "/v3/projects/{id}", Access::kAdmin, delete_project},

    {Method::kGet, "/v3/users", Access::kAdmin, list_users},
    {Method::kPost, "/v3/users", Access::kAdmin, create_user},
    {Method::kGet, "/v3/users/{id}", Access::kToken, show_user},
    {Method::kPatch, "/v3/users/{id}", Access::kAdmin, update_user},
    {Method::kDelete, "/v3/users/{id}", Access::kAdmin, delete_user},
    {Method::kPost, "/v3/users/{id}/password", Access::kPublic, change_password},
    {Method::kGet, "/v3/users/{id}/projects", Access::kToken, list_user_projects},
    {Method::kGet, "/v3/users/{id}/groups", Access::kToken, list_user_groups},

    {Method::kGet, "/v3/users/{id}/application_credentials", Access::kToken, list_application_credentials},
    {Method::kPost, "/v3/users/{id}/application_credentials", Access::kToken, create_application_credential},
    {Method::kGet, "/v3/users/{id}/application_credentials/{credential_id}", Access::kToken,
     show_application_credential},
    {Method::kDelete, "/v3/users/{id}/application_credentials/{credential_id}", Access::kToken,
     delete_application_credential},

    {Method::kGet, "/v3/groups", Access::kAdmin, list_groups},
    {Method::kPost, "/v3/groups", Access::kAdmin, create_group},
    {Method::kGet, "/v3/groups/{id}", Access::kAdmin, show_group},
    {Method::kPatch, "/v3/groups/{id}", Access::kAdmin, update_group},
    {Method::kDelete, "/v3/groups/{id}", Access::kAdmin, delete_group},
    {Method::kGet, "/v3/groups/{id}/users", Access::kAdmin, list_group_users},
    {Method::kPut, "/v3/groups/{id}/users/{user_id}", Access::kAdmin, add_group_user},
    {Method::kGet, "/v3/groups/{id}/users/{user_id}", Access::kAdmin, check_group_user},
    {Method::kDelete, "/v3/groups/{id}/users/{user_id}", Access::kAdmin, remove_group_user},

    {Method::kGet, "/v3/roles", Access::kAdmin, list_roles},
    {Method::kPost, "/v3/roles", Access::kAdmin, create_role},
    {Method::kGet, "/v3/roles/{id}", Access::kAdmin, show_role},
    {Method::kPatch, "/v3/roles/{id}", Access::kAdmin, update_role},
    {Method::kDelete, "/v3/roles/{id}", Access::kAdmin, delete_role},
    {Method::kGet, "/v3/role_inferences", Access::kAdmin, list_role_inferences},
    {Method::kGet, "/v3/role_assignments", Access::kAdmin, list_role_assignments},

    {Method::kGet, "/v3/services", Access::kAdmin, list_services},
    {Method::kGet, "/v3/services/{id}", Access::kAdmin, show_service},
    {Method::kGet, "/v3/endpoints", Access::kAdmin, list_endpoints},
    {Method::kGet, "/v3/endpoints/{id}", Access::kAdmin, show_endpoint},
    {Method::kGet, "/v3/regions", Access::kToken, list_regions},
    {Method::kGet, "/v3/regions/{id}", Access::kToken, show_region},
};

struct AssignmentRow {
  const char* prefix;
  AssignmentKind kind;
};
// Each has GET <prefix> and GET, PUT, DELETE <prefix>/{role_id} (HEAD comes with GET).
constexpr AssignmentRow kAssignments[] = {
    {"/v3/projects/{target_id}/users/{actor_id}/roles", {"project", "user"}},
    {"/v3/projects/{target_id}/groups/{actor_id}/roles", {"project", "group"}},
    {"/v3/domains/{target_id}/users/{actor_id}/roles", {"domain", "user"}},
    {"/v3/domains/{target_id}/groups/{actor_id}/roles", {"domain", "group"}},
    {"/v3/system/users/{actor_id}/roles", {"system", "user"}},
    {"/v3/system/groups/{actor_id}/roles", {"system", "group"}},
};

class IdentityService final : public Identity {
 public:
  IdentityService(store::Database& database, const Clock& clock, const Settings& settings,
                  std::unique_ptr<KeyRepository> keys)
      : context_{database,
                 clock,
                 settings,
                 std::move(keys),
                 PasswordHasher(settings.bcrypt_cost, settings.bcrypt_at_once),
                 {}} {}

  [[nodiscard]] Status start() { return bootstrap(context_); }

  Result<http::Caller> authenticate(std::string_view text) override {
    const std::string token(text);
    if (auto known = context_.callers.find(token, context_.now_us())) return std::move(*known);
    const std::uint64_t epoch = context_.callers.epoch();
    auto read = context_.database.read([&](store::Tx& tx) { return read_token(context_, tx, token); });
    if (!read.ok()) return read.take_error();
    http::Caller caller = to_caller(*read);
    // An application credential can end before its token does: such tokens are read each time.
    if (read->payload.application_credential_id.empty()) {
      context_.callers.keep(token, caller, read->payload.expires_us, epoch);
    }
    return caller;
  }

  http::Service service() override {
    http::Service out;
    out.name = "identity";
    out.envelope = http::Envelope::kIdentity;
    for (const Row& row : kRoutes) {
      out.routes.push_back(
          {row.method, row.pattern, row.access,
           [this, handler = row.handler](http::Request& request) { return handler(context_, request); }});
    }
    for (const AssignmentRow& row : kAssignments) add_assignment(out, row);
    return out;
  }

  Status maintain() override {
    const std::int64_t now_us = context_.now_us();
    if (now_us < next_maintain_us_) return {};
    next_maintain_us_ = now_us + kMaintainEveryUs;
    HANOK_CHECK(context_.keys->rotate_when_older(now_us / kSecond_us, context_.settings.key_age_s));
    HANOK_CHECK(context_.database.write(
        [&](store::Tx& tx) { return tx.execute("DELETE FROM revocations WHERE expires_us < ?", {now_us}); }));
    return {};
  }

 private:
  void add_assignment(http::Service& service, const AssignmentRow& row) {
    const auto add = [&](Method method, const std::string& pattern,
                         Result<http::Response> (*handler)(Context&, http::Request&, AssignmentKind)) {
      service.routes.push_back(
          {method, pattern, Access::kAdmin, [this, handler, kind = row.kind](http::Request& request) {
             return handler(context_, request, kind);
           }});
    };
    const std::string prefix = row.prefix;
    add(Method::kGet, prefix, list_assigned_roles);
    add(Method::kGet, prefix + "/{role_id}", check_role);
    add(Method::kPut, prefix + "/{role_id}", grant_role);
    add(Method::kDelete, prefix + "/{role_id}", revoke_role);
  }

  Context context_;
  std::int64_t next_maintain_us_ = 0;
};

}  // namespace

Result<std::unique_ptr<Identity>> make_identity(store::Database& database, const Clock& clock,
                                                const Settings& settings) {
  HANOK_TRY(keys, KeyRepository::open(settings.fernet_keys));
  auto out = std::make_unique<IdentityService>(database, clock, settings, std::move(keys));
  HANOK_CHECK(out->start());
  return std::unique_ptr<Identity>(std::move(out));
}

}  // namespace hanok::identity

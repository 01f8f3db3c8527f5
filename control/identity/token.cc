#include "control/identity/token.h"

#include <algorithm>

#include "control/identity/catalog.h"

namespace hanok::identity {
namespace {

Result<bool> revoked(store::Tx& tx, const char* kind, const std::string& id, std::int64_t issued_us) {
  HANOK_TRY(row, tx.query_one("SELECT 1 AS hit FROM revocations WHERE kind = ? AND id = ? AND before_us >= ?",
                              {kind, id, issued_us}));
  return row.has_value();
}

Result<bool> any_revoked(store::Tx& tx, const TokenPayload& payload, std::int64_t issued_us) {
  HANOK_TRY(user, revoked(tx, "user", payload.user_id, issued_us));
  if (user) return true;
  // The whole chain: a token made from a deleted one is void too.
  for (const std::string& id : payload.audit_ids) {
    HANOK_TRY(token, revoked(tx, "audit", id, issued_us));
    if (token) return true;
  }
  return false;
}

Status fill_user(store::Tx& tx, Token& token) {
  HANOK_TRY(user,
            tx.query_one("SELECT u.name, u.domain_id, d.name AS domain_name FROM users u"
                         " JOIN domains d ON d.id = u.domain_id WHERE u.id = ? AND u.enabled AND d.enabled",
                         {token.payload.user_id}));
  if (!user) return not_authenticated();
  token.user_name = user->text("name");
  token.user_domain_id = user->text("domain_id");
  token.user_domain_name = user->text("domain_name");
  return {};
}

Status fill_scope(store::Tx& tx, Token& token) {
  if (!token.payload.project_id.empty()) {
    HANOK_TRY(project,
              tx.query_one("SELECT p.name, p.domain_id, d.name AS domain_name FROM projects p"
                           " JOIN domains d ON d.id = p.domain_id WHERE p.id = ? AND p.enabled AND d.enabled",
                           {token.payload.project_id}));
    if (!project) return not_authenticated();
    token.project_name = project->text("name");
    token.project_domain_id = project->text("domain_id");
    token.project_domain_name = project->text("domain_name");
  } else if (!token.payload.domain_id.empty()) {
    HANOK_TRY(domain,
              tx.query_one("SELECT name FROM domains WHERE id = ? AND enabled", {token.payload.domain_id}));
    if (!domain) return not_authenticated();
    token.domain_name = domain->text("name");
  }
  return {};
}

Status fill_roles(store::Tx& tx, Token& token) {
  const TokenPayload& payload = token.payload;
  const char* type = !payload.project_id.empty()  ? "project"
                     : !payload.domain_id.empty() ? "domain"
                                                  : "system";
  const std::string target = !payload.project_id.empty()  ? payload.project_id
                             : !payload.domain_id.empty() ? payload.domain_id
                                                          : "all";
  HANOK_TRY(rows,
            tx.query("WITH RECURSIVE have (id) AS (SELECT role_id FROM assignments"
                     " WHERE target_type = ? AND target_id = ? AND ((actor_type = 'user' AND actor_id = ?)"
                     " OR (actor_type = 'group' AND actor_id IN"
                     " (SELECT group_id FROM group_members WHERE user_id = ?)))"
                     " UNION SELECT implied_id FROM implied_roles JOIN have ON prior_id = have.id)"
                     " SELECT roles.id, roles.name FROM have JOIN roles ON roles.id = have.id"
                     " ORDER BY roles.name",
                     {type, target, payload.user_id, payload.user_id}));
  for (const store::Row& row : rows) token.roles.push_back({row.text("id"), row.text("name")});
  return {};
}

// An application credential gives its own roles, as far as its user still has them.
Status narrow_to_credential(Context& context, store::Tx& tx, Token& token) {
  HANOK_TRY(row, tx.query_one("SELECT roles, unrestricted, expires_us FROM application_credentials"
                              " WHERE id = ? AND user_id = ? AND project_id = ?",
                              {token.payload.application_credential_id, token.payload.user_id,
                               token.payload.project_id}));
  if (!row) return not_authenticated();
  if (!row->is_null("expires_us") && row->integer("expires_us") <= context.now_us())
    return not_authenticated();
  const Json granted = row->json("roles");
  std::erase_if(token.roles, [&](const Named& role) {
    return std::find(granted.begin(), granted.end(), role.id) == granted.end();
  });
  token.unrestricted = row->boolean("unrestricted");
  return {};
}

Json domain_json(const std::string& id, const std::string& name) {
  return {{"id", id}, {"name", name}};
}

}  // namespace

Error not_authenticated() {
  return unauthorized("The request you have made requires authentication.");
}

Result<Token> resolve(Context& context, store::Tx& tx, TokenPayload payload) {
  Token token;
  token.payload = std::move(payload);
  HANOK_CHECK(fill_user(tx, token));
  if (!token.scoped()) return token;
  HANOK_CHECK(fill_scope(tx, token));
  HANOK_CHECK(fill_roles(tx, token));
  if (!token.payload.application_credential_id.empty()) HANOK_CHECK(narrow_to_credential(context, tx, token));
  if (token.roles.empty()) return not_authenticated();
  return token;
}

Result<Token> read_token(Context& context, store::Tx& tx, const std::string& text) {
  const auto message = context.keys->decrypt(text);
  if (!message) return not_authenticated();
  auto payload = unpack_payload(message->plaintext);
  if (!payload || payload->expires_us <= context.now_us()) return not_authenticated();
  const std::int64_t issued_us = message->time_s * kSecond_us;
  HANOK_TRY(is_revoked, any_revoked(tx, *payload, issued_us));
  if (is_revoked) return not_authenticated();
  HANOK_TRY(token, resolve(context, tx, std::move(*payload)));
  token.issued_us = issued_us;
  return token;
}

Result<std::string> issue(Context& context, store::Tx& tx, Token& token) {
  std::int64_t issued_s = context.now_us() / kSecond_us;
  // Fernet times are whole seconds: a token made in the same second as a revocation would fall under it.
  HANOK_TRY(row, tx.query_one("SELECT before_us FROM revocations WHERE kind = 'user' AND id = ?",
                              {token.payload.user_id}));
  if (row) issued_s = std::max(issued_s, row->integer("before_us") / kSecond_us + 1);
  token.issued_us = issued_s * kSecond_us;
  return context.keys->encrypt(pack_payload(token.payload), issued_s);
}

http::Caller to_caller(const Token& token) {
  http::Caller out;
  out.user_id = token.payload.user_id;
  out.user_name = token.user_name;
  out.user_domain_id = token.user_domain_id;
  out.project_id = token.payload.project_id;
  out.project_name = token.project_name;
  out.project_domain_id = token.project_domain_id;
  out.domain_id = token.payload.domain_id;
  for (const Named& role : token.roles) {
    out.roles.push_back(role.name);
    if (role.name == "admin") out.is_admin = true;
  }
  return out;
}

Json show_token(const Context& context, const Token& token, bool with_catalog) {
  const TokenPayload& payload = token.payload;
  Json out = {{"methods", payload.methods},
              {"user",
               {{"id", payload.user_id},
                {"name", token.user_name},
                {"domain", domain_json(token.user_domain_id, token.user_domain_name)},
                {"password_expires_at", nullptr}}},
              {"audit_ids", payload.audit_ids},
              {"expires_at", iso8601_micro_z(payload.expires_us)},
              {"issued_at", iso8601_micro_z(token.issued_us)}};
  if (!token.scoped()) return {{"token", std::move(out)}};
  Json roles = Json::array();
  for (const Named& role : token.roles) roles.push_back({{"id", role.id}, {"name", role.name}});
  out["roles"] = std::move(roles);
  if (!payload.project_id.empty()) {
    out["project"] = {{"id", payload.project_id},
                      {"name", token.project_name},
                      {"domain", domain_json(token.project_domain_id, token.project_domain_name)}};
    out["is_domain"] = false;
  } else if (!payload.domain_id.empty()) {
    out["domain"] = domain_json(payload.domain_id, token.domain_name);
  } else {
    out["system"] = {{"all", true}};
  }
  if (!payload.application_credential_id.empty()) {
    out["application_credential"] = {{"id", payload.application_credential_id},
                                     {"restricted", !token.unrestricted}};
  }
  if (with_catalog) out["catalog"] = catalog(context.settings, payload.project_id);
  return {{"token", std::move(out)}};
}

Status revoke(Context& context, store::Tx& tx, const char* kind, const std::string& id) {
  const std::int64_t now_us = context.now_us();
  // No token that is meant lives longer than a token's life from now (and the second of rounding).
  const std::int64_t expires_us = now_us + (context.settings.token_life_s + 2) * kSecond_us;
  HANOK_CHECK(
      tx.execute("INSERT INTO revocations (kind, id, before_us, expires_us) VALUES (?, ?, ?, ?)"
                 " ON CONFLICT (kind, id) DO UPDATE SET before_us = excluded.before_us,"
                 " expires_us = excluded.expires_us",
                 {kind, id, now_us, expires_us}));
  return {};
}

}  // namespace hanok::identity

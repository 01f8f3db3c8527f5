#include "control/identity/verify.h"

#include "common/log.h"
#include "control/identity/token.h"

namespace hanok::identity {
namespace {

Result<std::optional<store::Row>> find_user(store::Tx& tx, const UserRef& who) {
  const std::string select =
      "SELECT u.*, d.enabled AS domain_enabled FROM users u JOIN domains d ON d.id = u.domain_id";
  if (!who.id.empty()) return tx.query_one(select + " WHERE u.id = ?", {who.id});
  if (!who.domain_id.empty()) {
    return tx.query_one(select + " WHERE u.name = ? AND u.domain_id = ?", {who.name, who.domain_id});
  }
  return tx.query_one(select + " WHERE u.name = ? AND d.name = ?", {who.name, who.domain_name});
}

Status count_failure(Context& context, const std::string& user_id) {
  auto counted = context.database.write([&](store::Tx& tx) {
    return tx.execute("UPDATE users SET failed_attempts = failed_attempts + 1, failed_us = ? WHERE id = ?",
                      {context.now_us(), user_id});
  });
  if (!counted.ok()) return counted.take_error();
  return {};
}

bool locked(const Context& context, const store::Row& user) {
  return context.settings.lockout_attempts > 0 &&
         user.integer("failed_attempts") >= context.settings.lockout_attempts &&
         context.now_us() < user.integer("failed_us") + context.settings.lockout_s * kSecond_us;
}

}  // namespace

Result<UserRef> parse_user(const Json& user) {
  UserRef out;
  HANOK_TRY(id, get_string(user, "id", 64));
  HANOK_TRY(name, get_string(user, "name"));
  out.id = id.value_or("");
  out.name = name.value_or("");
  if (!out.id.empty()) return out;
  if (out.name.empty())
    return bad_request("Invalid input for field 'user': it needs an id, or a name and a domain.");
  HANOK_TRY(domain, need_object(user, "domain"));
  HANOK_TRY(domain_id, get_string(*domain, "id", 64));
  HANOK_TRY(domain_name, get_string(*domain, "name"));
  out.domain_id = domain_id.value_or("");
  out.domain_name = domain_name.value_or("");
  if (out.domain_id.empty() && out.domain_name.empty()) {
    return bad_request("Invalid input for field 'domain': it needs an id or a name.");
  }
  return out;
}

Result<KnownUser> verify_password(Context& context, const UserRef& who, const std::string& password) {
  HANOK_TRY(user, context.database.read([&](store::Tx& tx) { return find_user(tx, who); }));
  // Unknown, disabled and locked users cost the same check as a wrong password.
  const bool good = context.hasher.verify(password, user ? user->text("password_hash") : std::string());
  if (!user || !user->boolean("enabled") || !user->boolean("domain_enabled")) return not_authenticated();
  if (locked(context, *user)) {
    spdlog::warn("identity: user {} is locked out for wrong passwords", user->text("id"));
    return not_authenticated();
  }
  if (!good) {
    HANOK_CHECK(count_failure(context, user->text("id")));
    return not_authenticated();
  }
  if (user->integer("failed_attempts") != 0) {
    HANOK_CHECK(context.database.write([&](store::Tx& tx) {
      return tx.execute("UPDATE users SET failed_attempts = 0 WHERE id = ?", {user->text("id")});
    }));
  }
  return KnownUser{user->text("id"), user->text("password_hash"), user->text("default_project_id")};
}

Result<KnownCredential> verify_application_credential(Context& context, const Json& body) {
  HANOK_TRY(given, need_object(body, "application_credential"));
  HANOK_TRY(secret, need_string(*given, "secret", PasswordHasher::kMaxPasswordBytes));
  HANOK_TRY(id, get_string(*given, "id", 64));
  HANOK_TRY(name, get_string(*given, "name"));
  UserRef owner;
  if (!id) {
    if (!name) return bad_request("An application credential needs an id, or a name and a user.");
    HANOK_TRY(user, need_object(*given, "user"));
    HANOK_TRY(parsed, parse_user(*user));
    owner = std::move(parsed);
  }
  HANOK_TRY(row, context.database.read([&](store::Tx& tx) -> Result<std::optional<store::Row>> {
    if (id) return tx.query_one("SELECT * FROM application_credentials WHERE id = ?", {*id});
    HANOK_TRY(user, find_user(tx, owner));
    return tx.query_one("SELECT * FROM application_credentials WHERE user_id = ? AND name = ?",
                        {user ? user->text("id") : std::string(), *name});
  }));
  const bool good = context.hasher.verify(secret, row ? row->text("secret_hash") : std::string());
  if (!row || !good) return not_authenticated();
  return KnownCredential{row->text("id"), row->text("user_id"), row->text("project_id")};
}

}  // namespace hanok::identity

#include "control/identity/users.h"

#include "common/uuid.h"
#include "control/identity/resource.h"
#include "control/identity/token.h"

namespace hanok::identity {
namespace {

constexpr std::string_view kUserFilters[] = {
    "id",       "name",          "description",         "enabled",
    "links",    "options",       "domain_id",           "default_project_id",
    "password", "password_hash", "password_expires_at", "original_password"};

Json render_user(const http::Request& request, const store::Row& row) {
  Json out = {{"id", row.text("id")},
              {"name", row.text("name")},
              {"domain_id", row.text("domain_id")},
              {"enabled", row.boolean("enabled")},
              {"password_expires_at", nullptr},
              {"options", Json::object()}};
  if (!row.is_null("description")) out["description"] = row.text("description");
  if (!row.is_null("default_project_id")) out["default_project_id"] = row.text("default_project_id");
  show_extra(out, row);
  add_self(request, out, "users");
  return out;
}

struct UserFields {
  std::optional<std::string> name, description, default_project_id, password;
  std::optional<bool> enabled;
  Json extra;
};

Result<UserFields> parse(const Json& body) {
  UserFields out;
  if (body.contains("name")) HANOK_CHECK(need_name(body, 255));
  HANOK_TRY(name, get_string(body, "name"));
  HANOK_TRY(description, get_string(body, "description", 4096));
  HANOK_TRY(default_project_id, get_string(body, "default_project_id", 64));
  HANOK_TRY(password, get_string(body, "password", PasswordHasher::kMaxPasswordBytes));
  HANOK_TRY(enabled, get_bool(body, "enabled"));
  HANOK_TRY(extra, extra_attributes(body, kUserFilters));
  out = {std::move(name), std::move(description), std::move(default_project_id), std::move(password),
         enabled,         std::move(extra)};
  return out;
}

}  // namespace

Result<http::Response> list_users_where(Context& context, const http::Request& request,
                                        const std::string& where, const store::Args& args) {
  const ListQuery list{
      "users",
      {{"name", "name"}, {"domain_id", "domain_id"}, {"enabled", "enabled", FilterType::kBool}},
      where,
      args};
  bool more = false;
  HANOK_TRY(rows, context.database.read([&](store::Tx& tx) { return list_rows(tx, request, list, &more); }));
  Json users = Json::array();
  for (const store::Row& row : rows) users.push_back(render_user(request, row));
  http::Response out = list_response(request, "users", std::move(users));
  if (more) add_next(request, out, "users");
  return out;
}

Result<http::Response> list_users(Context& context, http::Request& request) {
  return list_users_where(context, request, "", {});
}

Result<http::Response> create_user(Context& context, http::Request& request) {
  HANOK_TRY(body, need_object(request.json, "user"));
  HANOK_TRY(name, need_name(*body, 255));
  HANOK_TRY(fields, parse(*body));
  HANOK_TRY(domain_id, get_string(*body, "domain_id", 64));
  const std::string domain =
      domain_id.value_or(request.caller.project_domain_id.empty() ? request.caller.user_domain_id
                                                                  : request.caller.project_domain_id);
  const std::string hash = fields.password ? context.hasher.hash(*fields.password) : std::string();
  const std::string id = new_uuid_hex();
  auto row = context.write([&](store::Tx& tx) -> Result<store::Row> {
    HANOK_CHECK(need_row(tx, "domains", "domain", domain));
    HANOK_CHECK(name_conflict(
        tx.execute(
            "INSERT INTO users (id, name, domain_id, default_project_id, description, enabled, password_hash,"
            " extra) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            {id, name, domain, fields.default_project_id, fields.description, fields.enabled.value_or(true),
             hash, fields.extra}),
        "user", name));
    return need_row(tx, "users", "user", id);
  });
  if (!row.ok()) return row.take_error();
  return http::created({{"user", render_user(request, *row)}});
}

Result<http::Response> show_user(Context& context, http::Request& request) {
  const std::string& id = request.param("id");
  HANOK_CHECK(check_self_or_admin(request, id));
  HANOK_TRY(row, context.database.read([&](store::Tx& tx) { return need_row(tx, "users", "user", id); }));
  return http::ok({{"user", render_user(request, row)}});
}

Status store_password(Context& context, store::Tx& tx, const std::string& user_id, const std::string& hash) {
  HANOK_CHECK(
      tx.execute("INSERT INTO old_passwords (user_id, password_hash)"
                 " SELECT id, password_hash FROM users WHERE id = ? AND password_hash <> ''",
                 {user_id}));
  HANOK_CHECK(
      tx.execute("DELETE FROM old_passwords WHERE user_id = ? AND id NOT IN"
                 " (SELECT id FROM old_passwords WHERE user_id = ? ORDER BY id DESC LIMIT ?)",
                 {user_id, user_id, context.settings.password_history}));
  HANOK_CHECK(
      tx.execute("UPDATE users SET password_hash = ?, failed_attempts = 0 WHERE id = ?", {hash, user_id}));
  return revoke(context, tx, "user", user_id);
}

Result<http::Response> update_user(Context& context, http::Request& request) {
  const std::string& id = request.param("id");
  HANOK_TRY(body, need_object(request.json, "user"));
  HANOK_TRY(fields, parse(*body));
  const std::string hash = fields.password ? context.hasher.hash(*fields.password) : std::string();
  auto row = context.write([&](store::Tx& tx) -> Result<store::Row> {
    HANOK_CHECK(need_row(tx, "users", "user", id));
    HANOK_CHECK(name_conflict(
        tx.execute(
            "UPDATE users SET name = coalesce(?, name), description = coalesce(?, description),"
            " default_project_id = coalesce(?, default_project_id), enabled = coalesce(?, enabled),"
            " extra = json_patch(extra, ?) WHERE id = ?",
            {fields.name, fields.description, fields.default_project_id, fields.enabled, fields.extra, id}),
        "user", fields.name.value_or("")));
    if (!hash.empty()) HANOK_CHECK(store_password(context, tx, id, hash));
    // Tokens stay void when the user is enabled again.
    if (fields.enabled == false) HANOK_CHECK(revoke(context, tx, "user", id));
    return need_row(tx, "users", "user", id);
  });
  if (!row.ok()) return row.take_error();
  return http::ok({{"user", render_user(request, *row)}});
}

Result<http::Response> delete_user(Context& context, http::Request& request) {
  const std::string& id = request.param("id");
  return no_content(context.write([&](store::Tx& tx) -> Status {
    HANOK_CHECK(need_row(tx, "users", "user", id));
    HANOK_CHECK(tx.execute("DELETE FROM users WHERE id = ?", {id}));
    return {};
  }));
}

}  // namespace hanok::identity

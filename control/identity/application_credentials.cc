#include "control/identity/application_credentials.h"

#include <algorithm>

#include "common/secret.h"
#include "common/uuid.h"
#include "control/identity/resource.h"
#include "control/identity/token.h"

namespace hanok::identity {
namespace {

Json show(const http::Request& request, const store::Row& row, const Json& role_names) {
  Json roles = Json::array();
  for (const Json& id : row.json("roles")) {
    const auto name = role_names.find(id.get<std::string>());
    if (name != role_names.end()) roles.push_back({{"id", id}, {"name", *name}, {"domain_id", nullptr}});
  }
  Json out = {{"id", row.text("id")},
              {"name", row.text("name")},
              {"description", row.text_or_null("description")},
              {"project_id", row.text("project_id")},
              {"user_id", row.text("user_id")},
              {"unrestricted", row.boolean("unrestricted")},
              {"expires_at", nullptr},
              {"system", nullptr},
              {"roles", std::move(roles)}};
  if (!row.is_null("expires_us")) out["expires_at"] = iso8601_micro(row.integer("expires_us"));
  out["links"] = {{"self", request.base_url + "/v3/users/" + row.text("user_id") +
                               "/application_credentials/" + row.text("id")}};
  return out;
}

// {role id: name}
Result<Json> names_of_roles(store::Tx& tx) {
  HANOK_TRY(rows, tx.query("SELECT id, name FROM roles"));
  Json out = Json::object();
  for (const store::Row& row : rows) out[row.text("id")] = row.text("name");
  return out;
}

Result<store::Row> find(store::Tx& tx, const http::Request& request) {
  HANOK_TRY(row, tx.query_one("SELECT * FROM application_credentials WHERE id = ? AND user_id = ?",
                              {request.param("credential_id"), request.param("id")}));
  if (!row) return missing("application credential", request.param("credential_id"));
  return std::move(*row);
}

// The roles that the body names, or all of the token's. Nobody gives what the token has not.
Result<Json> pick_roles(const Json& body, const Token& token) {
  Json out = Json::array();
  HANOK_TRY(wanted, get_array(body, "roles", 100));
  if (wanted == nullptr || wanted->empty()) {
    for (const Named& role : token.roles) out.push_back(role.id);
    return out;
  }
  for (const Json& one : *wanted) {
    HANOK_TRY(id, get_string(one, "id", 64));
    HANOK_TRY(name, get_string(one, "name"));
    if (!id && !name) return bad_request("Invalid input for field 'roles': each needs an id or a name.");
    const auto found = std::find_if(token.roles.begin(), token.roles.end(), [&](const Named& role) {
      return id ? role.id == *id : role.name == *name;
    });
    if (found == token.roles.end())
      return bad_request("Invalid input for field 'roles': your token has no such role.");
    out.push_back(found->id);
  }
  return out;
}

Result<std::optional<std::int64_t>> parse_expiry(const Json& body, std::int64_t now_us) {
  HANOK_TRY(text, get_string(body, "expires_at", 64));
  if (!text) return std::optional<std::int64_t>{};
  HANOK_TRY(expires_us, parse_iso8601(*text));
  if (expires_us <= now_us) return bad_request("Invalid input for field 'expires_at': it is in the past.");
  return std::optional<std::int64_t>{expires_us};
}

// An application credential does not make or delete others, unless it is unrestricted.
Status check_unrestricted(const Token& token) {
  if (token.unrestricted) return {};
  return forbidden("A restricted application credential may not manage application credentials.");
}

Result<Token> own_token(Context& context, const http::Request& request) {
  return context.database.read(
      [&](store::Tx& tx) { return read_token(context, tx, request.header("X-Auth-Token")); });
}

}  // namespace

Result<http::Response> list_application_credentials(Context& context, http::Request& request) {
  const std::string& user = request.param("id");
  HANOK_CHECK(check_self_or_admin(request, user));
  const ListQuery list{"application_credentials", {{"name", "name"}}, "user_id = ?", {user}};
  bool more = false;
  Json role_names;
  auto rows = context.database.read([&](store::Tx& tx) -> Result<store::Rows> {
    HANOK_TRY(names, names_of_roles(tx));
    role_names = std::move(names);
    return list_rows(tx, request, list, &more);
  });
  if (!rows.ok()) return rows.take_error();
  Json out = Json::array();
  for (const store::Row& row : *rows) out.push_back(show(request, row, role_names));
  http::Response response = list_response(request, "application_credentials", std::move(out));
  if (more) add_next(request, response, "application_credentials");
  return response;
}

Result<http::Response> create_application_credential(Context& context, http::Request& request) {
  const std::string& user = request.param("id");
  if (request.caller.user_id != user) return forbidden("Application credentials are made by their user.");
  HANOK_TRY(token, own_token(context, request));
  HANOK_CHECK(check_unrestricted(token));
  if (token.payload.project_id.empty())
    return bad_request("An application credential needs a project-scoped token.");
  HANOK_TRY(body, need_object(request.json, "application_credential"));
  HANOK_TRY(name, need_name(*body, 255));
  HANOK_TRY(description, get_string(*body, "description", 4096));
  HANOK_TRY(given_secret, get_string(*body, "secret", 255));
  HANOK_TRY(unrestricted, get_bool(*body, "unrestricted"));
  HANOK_TRY(expires_us, parse_expiry(*body, context.now_us()));
  HANOK_TRY(roles, pick_roles(*body, token));
  if (body->contains("access_rules") && !body->at("access_rules").empty()) {
    // Taking them without enforcing them would give more than was asked for.
    return bad_request("Access rules of application credentials are not available.");
  }
  const std::string secret = given_secret.value_or(random_token(32));
  const std::string hash = context.hasher.hash(secret);
  const std::string id = new_uuid_hex();
  auto shown = context.write([&](store::Tx& tx) -> Result<Json> {
    HANOK_CHECK(name_conflict(
        tx.execute(
            "INSERT INTO application_credentials (id, user_id, project_id, name, description, secret_hash,"
            " expires_us, unrestricted, roles) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            {id, user, token.payload.project_id, name, description, hash, expires_us,
             unrestricted.value_or(false), roles}),
        "application_credential", name));
    HANOK_TRY(row, need_row(tx, "application_credentials", "application credential", id));
    HANOK_TRY(names, names_of_roles(tx));
    return show(request, row, names);
  });
  if (!shown.ok()) return shown.take_error();
  (*shown)["secret"] = secret;
  return http::created({{"application_credential", std::move(*shown)}});
}

Result<http::Response> show_application_credential(Context& context, http::Request& request) {
  HANOK_CHECK(check_self_or_admin(request, request.param("id")));
  auto shown = context.database.read([&](store::Tx& tx) -> Result<Json> {
    HANOK_TRY(row, find(tx, request));
    HANOK_TRY(names, names_of_roles(tx));
    return show(request, row, names);
  });
  if (!shown.ok()) return shown.take_error();
  return http::ok({{"application_credential", std::move(*shown)}});
}

Result<http::Response> delete_application_credential(Context& context, http::Request& request) {
  HANOK_CHECK(check_self_or_admin(request, request.param("id")));
  HANOK_TRY(token, own_token(context, request));
  HANOK_CHECK(check_unrestricted(token));
  return no_content(context.write([&](store::Tx& tx) -> Status {
    HANOK_TRY(row, find(tx, request));
    // Its tokens are void with it: they are read against this row.
    HANOK_CHECK(tx.execute("DELETE FROM application_credentials WHERE id = ?", {row.text("id")}));
    return {};
  }));
}

}  // namespace hanok::identity

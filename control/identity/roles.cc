#include "control/identity/roles.h"

#include "common/uuid.h"
#include "control/identity/resource.h"

namespace hanok::identity {
namespace {

constexpr std::string_view kRoleFilters[] = {"id", "name", "description", "links", "domain_id", "options"};

Json render_role(const http::Request& request, const store::Row& row) {
  Json out = {{"id", row.text("id")},
              {"name", row.text("name")},
              {"domain_id", nullptr},
              {"description", row.text_or_null("description")},
              {"options", Json::object()}};
  show_extra(out, row);
  add_self(request, out, "roles");
  return out;
}

}  // namespace

Result<http::Response> list_roles_where(Context& context, const http::Request& request,
                                        const std::string& where, const store::Args& args) {
  const ListQuery list{"roles", {{"name", "name"}}, where, args};
  bool more = false;
  HANOK_TRY(rows, context.database.read([&](store::Tx& tx) { return list_rows(tx, request, list, &more); }));
  Json roles = Json::array();
  for (const store::Row& row : rows) roles.push_back(render_role(request, row));
  http::Response out = list_response(request, "roles", std::move(roles));
  if (more) add_next(request, out, "roles");
  return out;
}

Result<http::Response> list_roles(Context& context, http::Request& request) {
  return list_roles_where(context, request, "", {});
}

Result<http::Response> create_role(Context& context, http::Request& request) {
  HANOK_TRY(body, need_object(request.json, "role"));
  HANOK_TRY(name, need_name(*body, 255));
  HANOK_TRY(description, get_string(*body, "description", 4096));
  HANOK_TRY(domain_id, get_string(*body, "domain_id", 64));
  HANOK_TRY(extra, extra_attributes(*body, kRoleFilters));
  if (domain_id) return bad_request("Roles of a domain are not available.");
  const std::string id = new_uuid_hex();
  auto row = context.write([&](store::Tx& tx) -> Result<store::Row> {
    HANOK_CHECK(
        name_conflict(tx.execute("INSERT INTO roles (id, name, description, extra) VALUES (?, ?, ?, ?)",
                                 {id, name, description, extra}),
                      "role", name));
    return need_row(tx, "roles", "role", id);
  });
  if (!row.ok()) return row.take_error();
  return http::created({{"role", render_role(request, *row)}});
}

Result<http::Response> show_role(Context& context, http::Request& request) {
  HANOK_TRY(row, context.database.read(
                     [&](store::Tx& tx) { return need_row(tx, "roles", "role", request.param("id")); }));
  return http::ok({{"role", render_role(request, row)}});
}

Result<http::Response> update_role(Context& context, http::Request& request) {
  const std::string& id = request.param("id");
  HANOK_TRY(body, need_object(request.json, "role"));
  if (body->contains("name")) HANOK_CHECK(need_name(*body, 255));
  HANOK_TRY(name, get_string(*body, "name"));
  HANOK_TRY(description, get_string(*body, "description", 4096));
  HANOK_TRY(extra, extra_attributes(*body, kRoleFilters));
  auto row = context.write([&](store::Tx& tx) -> Result<store::Row> {
    HANOK_CHECK(need_row(tx, "roles", "role", id));
    HANOK_CHECK(name_conflict(
        tx.execute("UPDATE roles SET name = coalesce(?, name), description = coalesce(?, description),"
                   " extra = json_patch(extra, ?) WHERE id = ?",
                   {name, description, extra, id}),
        "role", name.value_or("")));
    return need_row(tx, "roles", "role", id);
  });
  if (!row.ok()) return row.take_error();
  return http::ok({{"role", render_role(request, *row)}});
}

Result<http::Response> delete_role(Context& context, http::Request& request) {
  const std::string& id = request.param("id");
  return no_content(context.write([&](store::Tx& tx) -> Status {
    HANOK_CHECK(need_row(tx, "roles", "role", id));
    HANOK_CHECK(tx.execute("DELETE FROM roles WHERE id = ?", {id}));
    return {};
  }));
}

// GET /v3/role_inferences: which role brings which others.
Result<http::Response> list_role_inferences(Context& context, http::Request& request) {
  auto rows = context.database.read([&](store::Tx& tx) {
    return tx.query(
        "SELECT p.id AS prior_id, p.name AS prior_name, i.id AS implied_id, i.name AS implied_name"
        " FROM implied_roles JOIN roles p ON p.id = prior_id JOIN roles i ON i.id = implied_id"
        " ORDER BY p.id, i.id");
  });
  if (!rows.ok()) return rows.take_error();
  Json inferences = Json::array();
  for (const store::Row& row : *rows) {
    if (inferences.empty() || inferences.back()["prior_role"]["id"] != row.text("prior_id")) {
      inferences.push_back({{"prior_role", {{"id", row.text("prior_id")}, {"name", row.text("prior_name")}}},
                            {"implies", Json::array()}});
    }
    inferences.back()["implies"].push_back(
        {{"id", row.text("implied_id")}, {"name", row.text("implied_name")}});
  }
  return list_response(request, "role_inferences", std::move(inferences));
}

}  // namespace hanok::identity

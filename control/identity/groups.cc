#include "control/identity/groups.h"

#include "common/uuid.h"
#include "control/identity/resource.h"
#include "control/identity/users.h"

namespace hanok::identity {
namespace {

constexpr std::string_view kGroupFilters[] = {"id", "name", "description", "links", "domain_id"};

Json render_group(const http::Request& request, const store::Row& row) {
  Json out = {{"id", row.text("id")},
              {"name", row.text("name")},
              {"domain_id", row.text("domain_id")},
              {"description", row.text("description")}};
  show_extra(out, row);
  add_self(request, out, "groups");
  return out;
}

Result<http::Response> list_where(Context& context, const http::Request& request, const std::string& where,
                                  const store::Args& args) {
  const ListQuery list{"groups", {{"name", "name"}, {"domain_id", "domain_id"}}, where, args};
  bool more = false;
  HANOK_TRY(rows, context.database.read([&](store::Tx& tx) { return list_rows(tx, request, list, &more); }));
  Json groups = Json::array();
  for (const store::Row& row : rows) groups.push_back(render_group(request, row));
  http::Response out = list_response(request, "groups", std::move(groups));
  if (more) add_next(request, out, "groups");
  return out;
}

Status need_both(store::Tx& tx, const http::Request& request) {
  HANOK_CHECK(need_row(tx, "groups", "group", request.param("id")));
  HANOK_CHECK(need_row(tx, "users", "user", request.param("user_id")));
  return {};
}

}  // namespace

Result<http::Response> list_groups(Context& context, http::Request& request) {
  return list_where(context, request, "", {});
}

Result<http::Response> create_group(Context& context, http::Request& request) {
  HANOK_TRY(body, need_object(request.json, "group"));
  HANOK_TRY(name, need_name(*body, 64));
  HANOK_TRY(description, get_string(*body, "description", 4096));
  HANOK_TRY(domain_id, get_string(*body, "domain_id", 64));
  HANOK_TRY(extra, extra_attributes(*body, kGroupFilters));
  const std::string domain =
      domain_id.value_or(request.caller.project_domain_id.empty() ? request.caller.user_domain_id
                                                                  : request.caller.project_domain_id);
  const std::string id = new_uuid_hex();
  auto row = context.write([&](store::Tx& tx) -> Result<store::Row> {
    HANOK_CHECK(need_row(tx, "domains", "domain", domain));
    HANOK_CHECK(name_conflict(
        tx.execute("INSERT INTO groups (id, name, domain_id, description, extra) VALUES (?, ?, ?, ?, ?)",
                   {id, name, domain, description.value_or(""), extra}),
        "group", name));
    return need_row(tx, "groups", "group", id);
  });
  if (!row.ok()) return row.take_error();
  return http::created({{"group", render_group(request, *row)}});
}

Result<http::Response> show_group(Context& context, http::Request& request) {
  HANOK_TRY(row, context.database.read(
                     [&](store::Tx& tx) { return need_row(tx, "groups", "group", request.param("id")); }));
  return http::ok({{"group", render_group(request, row)}});
}

Result<http::Response> update_group(Context& context, http::Request& request) {
  const std::string& id = request.param("id");
  HANOK_TRY(body, need_object(request.json, "group"));
  if (body->contains("name")) HANOK_CHECK(need_name(*body, 64));
  HANOK_TRY(name, get_string(*body, "name", 64));
  HANOK_TRY(description, get_string(*body, "description", 4096));
  HANOK_TRY(extra, extra_attributes(*body, kGroupFilters));
  auto row = context.write([&](store::Tx& tx) -> Result<store::Row> {
    HANOK_CHECK(need_row(tx, "groups", "group", id));
    HANOK_CHECK(name_conflict(
        tx.execute("UPDATE groups SET name = coalesce(?, name), description = coalesce(?, description),"
                   " extra = json_patch(extra, ?) WHERE id = ?",
                   {name, description, extra, id}),
        "group", name.value_or("")));
    return need_row(tx, "groups", "group", id);
  });
  if (!row.ok()) return row.take_error();
  return http::ok({{"group", render_group(request, *row)}});
}

Result<http::Response> delete_group(Context& context, http::Request& request) {
  const std::string& id = request.param("id");
  return no_content(context.write([&](store::Tx& tx) -> Status {
    HANOK_CHECK(need_row(tx, "groups", "group", id));
    HANOK_CHECK(tx.execute("DELETE FROM groups WHERE id = ?", {id}));
    return {};
  }));
}

Result<http::Response> list_group_users(Context& context, http::Request& request) {
  const std::string& id = request.param("id");
  HANOK_CHECK(context.database.read([&](store::Tx& tx) { return need_row(tx, "groups", "group", id); }));
  return list_users_where(context, request, "id IN (SELECT user_id FROM group_members WHERE group_id = ?)",
                          {id});
}

Result<http::Response> list_user_groups(Context& context, http::Request& request) {
  const std::string& id = request.param("id");
  HANOK_CHECK(check_self_or_admin(request, id));
  HANOK_CHECK(context.database.read([&](store::Tx& tx) { return need_row(tx, "users", "user", id); }));
  return list_where(context, request, "id IN (SELECT group_id FROM group_members WHERE user_id = ?)", {id});
}

Result<http::Response> add_group_user(Context& context, http::Request& request) {
  return no_content(context.write([&](store::Tx& tx) -> Status {
    HANOK_CHECK(need_both(tx, request));
    HANOK_CHECK(
        tx.execute("INSERT INTO group_members (group_id, user_id) VALUES (?, ?) ON CONFLICT DO NOTHING",
                   {request.param("id"), request.param("user_id")}));
    return {};
  }));
}

Result<http::Response> check_group_user(Context& context, http::Request& request) {
  return no_content(context.database.read([&](store::Tx& tx) -> Status {
    HANOK_CHECK(need_both(tx, request));
    HANOK_TRY(row, tx.query_one("SELECT 1 AS hit FROM group_members WHERE group_id = ? AND user_id = ?",
                                {request.param("id"), request.param("user_id")}));
    if (!row) return missing("user in group", request.param("user_id"));
    return {};
  }));
}

Result<http::Response> remove_group_user(Context& context, http::Request& request) {
  return no_content(context.write([&](store::Tx& tx) -> Status {
    HANOK_CHECK(need_both(tx, request));
    HANOK_TRY(gone, tx.execute("DELETE FROM group_members WHERE group_id = ? AND user_id = ?",
                               {request.param("id"), request.param("user_id")}));
    if (gone == 0) return missing("user in group", request.param("user_id"));
    return {};
  }));
}

}  // namespace hanok::identity

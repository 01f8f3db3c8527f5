#include "control/identity/projects.h"

#include "common/uuid.h"
#include "control/identity/resource.h"

namespace hanok::identity {
namespace {

constexpr std::string_view kProjectFilters[] = {"id",        "name",     "description", "enabled",
                                                "links",     "options",  "domain_id",   "tags",
                                                "parent_id", "is_domain"};

Json render_project(const http::Request& request, const store::Row& row) {
  Json out = {{"id", row.text("id")},
              {"name", row.text("name")},
              {"domain_id", row.text("domain_id")},
              {"parent_id", row.text("parent_id")},
              {"description", row.text("description")},
              {"enabled", row.boolean("enabled")},
              {"is_domain", false},
              {"tags", row.json("tags")},
              {"options", Json::object()}};
  show_extra(out, row);
  add_self(request, out, "projects");
  return out;
}

Result<Json> parse_tags(const Json& body) {
  HANOK_TRY(tags, get_array(body, "tags", 80));
  if (tags == nullptr) return Json(nullptr);
  for (const Json& tag : *tags) {
    if (!tag.is_string() || tag.get_ref<const std::string&>().empty() ||
        tag.get_ref<const std::string&>().size() > 255 ||
        tag.get_ref<const std::string&>().find_first_of("/,") != std::string::npos) {
      return bad_request(
          "Invalid input for field 'tags': a tag is text of 1 to 255 characters without / and comma.");
    }
  }
  return *tags;
}

// A project's parent is its domain, or a project of the same domain.
Status check_parent(store::Tx& tx, const std::string& parent_id, const std::string& domain_id) {
  if (parent_id == domain_id) return {};
  HANOK_TRY(parent, need_row(tx, "projects", "project", parent_id));
  if (parent.text("domain_id") == domain_id) return {};
  return bad_request("A project and its parent must be in the same domain.");
}

}  // namespace

Result<http::Response> list_projects_where(Context& context, const http::Request& request,
                                           const std::string& where, const store::Args& args) {
  const ListQuery list{"projects",
                       {{"name", "name"},
                        {"domain_id", "domain_id"},
                        {"parent_id", "parent_id"},
                        {"enabled", "enabled", FilterType::kBool},
                        {"is_domain", "0", FilterType::kBool}},
                       where,
                       args};
  bool more = false;
  HANOK_TRY(rows, context.database.read([&](store::Tx& tx) { return list_rows(tx, request, list, &more); }));
  Json projects = Json::array();
  for (const store::Row& row : rows) projects.push_back(render_project(request, row));
  http::Response out = list_response(request, "projects", std::move(projects));
  if (more) add_next(request, out, "projects");
  return out;
}

Result<http::Response> list_projects(Context& context, http::Request& request) {
  return list_projects_where(context, request, "", {});
}

Result<http::Response> create_project(Context& context, http::Request& request) {
  HANOK_TRY(body, need_object(request.json, "project"));
  HANOK_TRY(name, need_name(*body, 64));
  HANOK_TRY(description, get_string(*body, "description", 4096));
  HANOK_TRY(enabled, get_bool(*body, "enabled"));
  HANOK_TRY(domain_id, get_string(*body, "domain_id", 64));
  HANOK_TRY(parent_id, get_string(*body, "parent_id", 64));
  HANOK_TRY(is_domain, get_bool(*body, "is_domain"));
  HANOK_TRY(tags, parse_tags(*body));
  HANOK_TRY(extra, extra_attributes(*body, kProjectFilters));
  if (is_domain.value_or(false)) return bad_request("A domain is made by POST /v3/domains.");
  const std::string domain =
      domain_id.value_or(request.caller.project_domain_id.empty() ? request.caller.user_domain_id
                                                                  : request.caller.project_domain_id);
  const std::string parent = parent_id.value_or(domain);
  const std::string id = new_uuid_hex();
  auto row = context.write([&](store::Tx& tx) -> Result<store::Row> {
    HANOK_CHECK(need_row(tx, "domains", "domain", domain));
    HANOK_CHECK(check_parent(tx, parent, domain));
    HANOK_CHECK(name_conflict(
        tx.execute("INSERT INTO projects (id, name, domain_id, parent_id, description, enabled, tags, extra)"
                   " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                   {id, name, domain, parent, description.value_or(""), enabled.value_or(true),
                    tags.is_null() ? Json::array() : tags, extra}),
        "project", name));
    return need_row(tx, "projects", "project", id);
  });
  if (!row.ok()) return row.take_error();
  return http::created({{"project", render_project(request, *row)}});
}

Result<http::Response> show_project(Context& context, http::Request& request) {
  const std::string& id = request.param("id");
  if (!request.caller.is_admin && request.caller.project_id != id) {
    return forbidden("You are not authorized to perform the requested action: identity:get_project.");
  }
  HANOK_TRY(row,
            context.database.read([&](store::Tx& tx) { return need_row(tx, "projects", "project", id); }));
  return http::ok({{"project", render_project(request, row)}});
}

Result<http::Response> update_project(Context& context, http::Request& request) {
  const std::string& id = request.param("id");
  HANOK_TRY(body, need_object(request.json, "project"));
  if (body->contains("name")) HANOK_CHECK(need_name(*body, 64));
  HANOK_TRY(name, get_string(*body, "name", 64));
  HANOK_TRY(description, get_string(*body, "description", 4096));
  HANOK_TRY(enabled, get_bool(*body, "enabled"));
  HANOK_TRY(tags, parse_tags(*body));
  HANOK_TRY(extra, extra_attributes(*body, kProjectFilters));
  auto row = context.write([&](store::Tx& tx) -> Result<store::Row> {
    HANOK_CHECK(need_row(tx, "projects", "project", id));
    const store::Arg new_tags = tags.is_null() ? store::Arg(nullptr) : store::Arg(tags);
    HANOK_CHECK(name_conflict(
        tx.execute("UPDATE projects SET name = coalesce(?, name), description = coalesce(?, description),"
                   " enabled = coalesce(?, enabled), tags = coalesce(?, tags), extra = json_patch(extra, ?)"
                   " WHERE id = ?",
                   {name, description, enabled, new_tags, extra, id}),
        "project", name.value_or("")));
    return need_row(tx, "projects", "project", id);
  });
  if (!row.ok()) return row.take_error();
  return http::ok({{"project", render_project(request, *row)}});
}

Result<http::Response> delete_project(Context& context, http::Request& request) {
  const std::string& id = request.param("id");
  return no_content(context.write([&](store::Tx& tx) -> Status {
    HANOK_CHECK(need_row(tx, "projects", "project", id));
    HANOK_TRY(child, tx.query_one("SELECT id FROM projects WHERE parent_id = ? LIMIT 1", {id}));
    if (child) return forbidden("Cannot delete a project that has projects below it.");
    HANOK_CHECK(tx.execute("DELETE FROM projects WHERE id = ?", {id}));
    HANOK_CHECK(tx.execute("UPDATE users SET default_project_id = NULL WHERE default_project_id = ?", {id}));
    return {};
  }));
}

}  // namespace hanok::identity

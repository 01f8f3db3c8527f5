#include "control/identity/domains.h"

#include "common/uuid.h"
#include "control/identity/resource.h"

namespace hanok::identity {
namespace {

constexpr std::string_view kDomainFilters[] = {"id",    "name",    "description", "enabled",
                                               "links", "options", "tags"};

Json render_domain(const http::Request& request, const store::Row& row) {
  Json out = {{"id", row.text("id")},
              {"name", row.text("name")},
              {"description", row.text("description")},
              {"enabled", row.boolean("enabled")},
              {"tags", Json::array()},
              {"options", Json::object()}};
  show_extra(out, row);
  add_self(request, out, "domains");
  return out;
}

}  // namespace

Result<http::Response> list_domains_where(Context& context, const http::Request& request,
                                          const std::string& where, const store::Args& args) {
  const ListQuery list{"domains", {{"name", "name"}, {"enabled", "enabled", FilterType::kBool}}, where, args};
  bool more = false;
  HANOK_TRY(rows, context.database.read([&](store::Tx& tx) { return list_rows(tx, request, list, &more); }));
  Json domains = Json::array();
  for (const store::Row& row : rows) domains.push_back(render_domain(request, row));
  http::Response out = list_response(request, "domains", std::move(domains));
  if (more) add_next(request, out, "domains");
  return out;
}

Result<http::Response> list_domains(Context& context, http::Request& request) {
  return list_domains_where(context, request, "", {});
}

Result<http::Response> create_domain(Context& context, http::Request& request) {
  HANOK_TRY(body, need_object(request.json, "domain"));
  HANOK_TRY(name, need_name(*body, 64));
  HANOK_TRY(description, get_string(*body, "description", 4096));
  HANOK_TRY(enabled, get_bool(*body, "enabled"));
  HANOK_TRY(extra, extra_attributes(*body, kDomainFilters));
  const std::string id = new_uuid_hex();
  auto row = context.write([&](store::Tx& tx) -> Result<store::Row> {
    HANOK_CHECK(name_conflict(tx.execute("INSERT INTO domains (id, name, description, enabled, extra)"
                                         " VALUES (?, ?, ?, ?, ?)",
                                         {id, name, description.value_or(""), enabled.value_or(true), extra}),
                              "domain", name));
    return need_row(tx, "domains", "domain", id);
  });
  if (!row.ok()) return row.take_error();
  return http::created({{"domain", render_domain(request, *row)}});
}

Result<http::Response> show_domain(Context& context, http::Request& request) {
  const std::string& id = request.param("id");
  const http::Caller& caller = request.caller;
  if (!caller.is_admin && id != caller.domain_id && id != caller.project_domain_id &&
      id != caller.user_domain_id) {
    return forbidden("You are not authorized to perform the requested action: identity:get_domain.");
  }
  HANOK_TRY(row, context.database.read([&](store::Tx& tx) { return need_row(tx, "domains", "domain", id); }));
  return http::ok({{"domain", render_domain(request, row)}});
}

Result<http::Response> update_domain(Context& context, http::Request& request) {
  const std::string& id = request.param("id");
  HANOK_TRY(body, need_object(request.json, "domain"));
  if (body->contains("name")) HANOK_CHECK(need_name(*body, 64));
  HANOK_TRY(name, get_string(*body, "name", 64));
  HANOK_TRY(description, get_string(*body, "description", 4096));
  HANOK_TRY(enabled, get_bool(*body, "enabled"));
  HANOK_TRY(extra, extra_attributes(*body, kDomainFilters));
  if (id == kDefaultDomain && enabled == false) return forbidden("The default domain may not be disabled.");
  auto row = context.write([&](store::Tx& tx) -> Result<store::Row> {
    HANOK_CHECK(need_row(tx, "domains", "domain", id));
    HANOK_CHECK(name_conflict(
        tx.execute("UPDATE domains SET name = coalesce(?, name), description = coalesce(?, description),"
                   " enabled = coalesce(?, enabled), extra = json_patch(extra, ?) WHERE id = ?",
                   {name, description, enabled, extra, id}),
        "domain", name.value_or("")));
    return need_row(tx, "domains", "domain", id);
  });
  if (!row.ok()) return row.take_error();
  return http::ok({{"domain", render_domain(request, *row)}});
}

Result<http::Response> delete_domain(Context& context, http::Request& request) {
  const std::string& id = request.param("id");
  return no_content(context.write([&](store::Tx& tx) -> Status {
    HANOK_TRY(row, need_row(tx, "domains", "domain", id));
    if (row.boolean("enabled")) {
      return forbidden("Cannot delete a domain that is enabled, please disable it first.");
    }
    HANOK_CHECK(tx.execute("DELETE FROM domains WHERE id = ?", {id}));
    return {};
  }));
}

}  // namespace hanok::identity

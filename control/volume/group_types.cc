// Group types (3.11) and their specs. Every group snapshot is of one instant, whatever the specs say.
#include <fmt/format.h>

#include <algorithm>

#include "common/uuid.h"
#include "control/volume/group_view.h"
#include "control/volume/listing.h"
#include "control/volume/view.h"

namespace hanok::volume {
namespace {

constexpr int kGroupTypeMinor = 11;

Error no_group_type(const std::string& wanted) {
  return not_found(fmt::format("Group type {} could not be found.", wanted.substr(0, 64)),
                   "GroupTypeNotFound");
}

Json group_type_json(const http::Request& request, const store::Row& row) {
  Json out = {{"id", row.text("id")},
              {"name", row.text("name")},
              {"description", row.text_or_null("description")},
              {"is_public", row.boolean("is_public")}};
  if (request.caller.is_admin) out["group_specs"] = row.json("group_specs");
  return out;
}

Result<store::Row> requested_group_type(store::Tx& tx, const http::Request& request) {
  const std::string& id = request.param("group_type");
  HANOK_TRY(row, tx.query_one("SELECT * FROM group_types WHERE id = ? AND (is_public OR ?)",
                              {id, request.caller.is_admin}));
  return row ? Result<store::Row>(std::move(*row)) : Result<store::Row>(no_group_type(id));
}

struct GroupTypeFields {
  std::optional<std::string> name, description;
  std::optional<bool> is_public;
};

Result<GroupTypeFields> parse_group_type(const Json& body) {
  HANOK_TRY(name, get_string(body, "name"));
  HANOK_TRY(description, get_string(body, "description"));
  HANOK_TRY(is_public, get_bool(body, "is_public"));
  if (name && name->find_first_not_of(" \t") == std::string::npos)
    return bad_request("Group type name can not be empty.");
  return GroupTypeFields{name, description, is_public};
}

Status unless_group_type_exists(Result<std::int64_t> changed, const std::string& name) {
  if (!changed.ok() && changed.error().code == ErrorCode::kConflict) {
    return conflict(fmt::format("Group Type {} already exists.", name));
  }
  return changed.ok() ? Status() : Status(changed.take_error());
}

Answer save_group_specs(store::Tx& tx, const store::Row& type, const Json& specs, Answer answer) {
  HANOK_TRY(checked, check_metadata(specs));
  HANOK_CHECK(tx.execute("UPDATE group_types SET group_specs = ? WHERE id = ?", {checked, type.text("id")}));
  return answer;
}

Error no_group_spec(const std::string& key) {
  return not_found(fmt::format("Group Type has no extra spec with key {}.", key.substr(0, 64)));
}

}  // namespace

Status need_minor(const http::Request& request, int least) {
  return request.minor_version >= least ? Status() : Status(not_found("The resource could not be found."));
}

Result<std::string> find_group_type(store::Tx& tx, const std::string& id_or_name, bool is_admin) {
  HANOK_TRY(row, tx.query_one("SELECT id FROM group_types WHERE (id = ? OR name = ?) AND (is_public OR ?)"
                              " ORDER BY id = ? DESC",
                              {id_or_name, id_or_name, is_admin, id_or_name}));
  return row ? Result<std::string>(row->text("id")) : Result<std::string>(no_group_type(id_or_name));
}

Answer list_group_types(const Context& context, http::Request& request) {
  HANOK_CHECK(need_minor(request, kGroupTypeMinor));
  HANOK_TRY(page, page_of(request));
  static const std::map<std::string, std::string> kColumns = {
      {"id", "id"}, {"name", "name"}, {"created_at", "created_us"}};
  HANOK_TRY(keys, sort_keys(request, kColumns));
  Select select;
  const std::string wish = request.query_one("is_public").value_or("True");
  if (!request.caller.is_admin) {
    select.add("is_public");
  } else if (wish != "None" && wish != "none") {
    select.add("is_public = ?", wish == "True" || wish == "true" || wish == "1");
  }
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(selected, select_page(tx, "group_types", select, keys, page));
    Json list = Json::array();
    for (const auto& row : selected.rows) list.push_back(group_type_json(request, row));
    Json body = {{"group_types", std::move(list)}};
    Json links = next_links(request, page, selected.rows);
    if (!links.is_null()) body["group_type_links"] = std::move(links);
    return http::ok(std::move(body));
  });
}

Answer show_group_type(const Context& context, http::Request& request) {
  HANOK_CHECK(need_minor(request, kGroupTypeMinor));
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(row, requested_group_type(tx, request));
    return http::ok({{"group_type", group_type_json(request, row)}});
  });
}

Answer create_group_type(const Context& context, http::Request& request) {
  HANOK_CHECK(need_minor(request, kGroupTypeMinor));
  HANOK_TRY(body, body_of(request, "group_type"));
  HANOK_CHECK(only_fields(*body, {"name", "description", "is_public", "group_specs"}));
  HANOK_TRY(fields, parse_group_type(*body));
  if (!fields.name) return bad_request("Invalid input for field/attribute name. It is required.");
  Json specs = body->value("group_specs", Json());
  if (specs.is_null()) specs = Json::object();
  HANOK_TRY(checked, check_metadata(specs));
  return context.database.write([&](store::Tx& tx) -> Answer {
    const std::string id = new_uuid();
    HANOK_CHECK(unless_group_type_exists(
        tx.execute("INSERT INTO group_types (id, name, description, is_public, group_specs, created_us)"
                   " VALUES (?, ?, ?, ?, ?, ?)",
                   {id, fields.name, fields.description, fields.is_public.value_or(true), checked,
                    context.clock.now_us()}),
        *fields.name));
    HANOK_TRY(row, tx.query_one("SELECT * FROM group_types WHERE id = ?", {id}));
    return http::accepted({{"group_type", group_type_json(request, *row)}});
  });
}

Answer update_group_type(const Context& context, http::Request& request) {
  HANOK_CHECK(need_minor(request, kGroupTypeMinor));
  HANOK_TRY(body, body_of(request, "group_type"));
  HANOK_CHECK(only_fields(*body, {"name", "description", "is_public"}));
  HANOK_TRY(fields, parse_group_type(*body));
  if (!fields.name && !fields.description && !fields.is_public)
    return bad_request("Specify group type name, description or a combination thereof.");
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(row, requested_group_type(tx, request));
    HANOK_CHECK(unless_group_type_exists(
        tx.execute("UPDATE group_types SET name = COALESCE(?, name), description = COALESCE(?, description),"
                   " is_public = COALESCE(?, is_public) WHERE id = ?",
                   {fields.name, fields.description, fields.is_public, row.text("id")}),
        fields.name.value_or("")));
    HANOK_TRY(changed, tx.query_one("SELECT * FROM group_types WHERE id = ?", {row.text("id")}));
    return http::ok({{"group_type", group_type_json(request, *changed)}});
  });
}

Answer delete_group_type(const Context& context, http::Request& request) {
  HANOK_CHECK(need_minor(request, kGroupTypeMinor));
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(row, requested_group_type(tx, request));
    HANOK_TRY(used, tx.query_one("SELECT id FROM volume_groups WHERE group_type_id = ?1 UNION ALL"
                                 " SELECT id FROM group_snapshots WHERE group_type_id = ?1 LIMIT 1",
                                 {row.text("id")}));
    if (used) return bad_request("Target group type is still in use.");
    HANOK_CHECK(tx.execute("DELETE FROM group_types WHERE id = ?", {row.text("id")}));
    return http::accepted();
  });
}

Answer list_group_specs(const Context& context, http::Request& request) {
  HANOK_CHECK(need_minor(request, kGroupTypeMinor));
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(row, requested_group_type(tx, request));
    return http::ok({{"group_specs", row.json("group_specs")}});
  });
}

Answer add_group_specs(const Context& context, http::Request& request) {
  HANOK_CHECK(need_minor(request, kGroupTypeMinor));
  HANOK_TRY(body, body_of(request, "group_specs"));
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(row, requested_group_type(tx, request));
    Json specs = row.json("group_specs");
    specs.update(*body);
    return save_group_specs(tx, row, specs, http::accepted(request.json));
  });
}

Answer show_group_spec(const Context& context, http::Request& request) {
  HANOK_CHECK(need_minor(request, kGroupTypeMinor));
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(row, requested_group_type(tx, request));
    const Json specs = row.json("group_specs");
    const std::string& key = request.param("key");
    if (!specs.contains(key)) return no_group_spec(key);
    return http::ok({{key, specs[key]}});
  });
}

Answer update_group_spec(const Context& context, http::Request& request) {
  HANOK_CHECK(need_minor(request, kGroupTypeMinor));
  const std::string& key = request.param("key");
  if (!request.json.is_object() || request.json.size() != 1 || !request.json.contains(key))
    return bad_request("Request body and URI mismatch");
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(row, requested_group_type(tx, request));
    Json specs = row.json("group_specs");
    specs[key] = request.json[key];
    return save_group_specs(tx, row, specs, http::ok(request.json));
  });
}

Answer delete_group_spec(const Context& context, http::Request& request) {
  HANOK_CHECK(need_minor(request, kGroupTypeMinor));
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(row, requested_group_type(tx, request));
    Json specs = row.json("group_specs");
    if (specs.erase(request.param("key")) == 0) return no_group_spec(request.param("key"));
    return save_group_specs(tx, row, specs, http::accepted());
  });
}

}  // namespace hanok::volume

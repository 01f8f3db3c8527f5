// Volume types and who may use the private ones.
#include <fmt/format.h>

#include "common/uuid.h"
#include "control/volume/types.h"
#include "control/volume/view.h"

namespace hanok::volume {
namespace {

Json type_json(const http::Request& request, const store::Row& row) {
  const bool is_public = row.boolean("is_public");
  Json out = {{"id", row.text("id")},
              {"name", row.text("name")},
              {"description", row.text_or_null("description")},
              {"is_public", is_public},
              {"os-volume-type-access:is_public", is_public},
              {"extra_specs", row.json("extra_specs")}};
  if (request.caller.is_admin) out["qos_specs_id"] = row.text_or_null("qos_specs_id");
  return out;
}

Json created_json(Json type) {
  type.erase("qos_specs_id");
  return type;
}

Result<store::Row> requested_type(store::Tx& tx, const http::Request& request) {
  const std::string wanted = request.param("type");
  const std::string id = wanted == "default" ? std::string(kDefaultType) : wanted;
  HANOK_TRY(found, find_type(tx, id, request.caller.project_id, request.caller.is_admin));
  HANOK_TRY(row, tx.query_one("SELECT * FROM volume_types WHERE id = ?", {found}));
  // Only ids here (and "default"): names are looked up by the clients in the list.
  if (!row || (wanted != "default" && row->text("id") != wanted)) {
    return not_found(fmt::format("Volume type {} could not be found.", wanted.substr(0, 64)));
  }
  return std::move(*row);
}

struct TypeFields {
  std::optional<std::string> name, description;
  std::optional<bool> is_public;
};

Result<TypeFields> parse_type(const Json& body) {
  HANOK_TRY(name, get_string(body, "name"));
  HANOK_TRY(description, get_string(body, "description"));
  HANOK_TRY(is_public,
            get_bool(body, body.contains("is_public") ? "is_public" : "os-volume-type-access:is_public"));
  if (name && name->find_first_not_of(" \t") == std::string::npos) {
    return bad_request("Invalid input for field/attribute name. It must not be empty.");
  }
  return TypeFields{name, description, is_public};
}

}  // namespace

Answer list_types(const Context& context, http::Request& request) {
  const std::string wish = request.query_one("is_public").value_or("True");
  return context.database.read([&](store::Tx& tx) -> Answer {
    std::string where =
        "(? OR is_public OR id IN (SELECT type_id FROM volume_type_access WHERE project_id = ?))";
    store::Args args = {request.caller.is_admin, request.caller.project_id};
    if (request.caller.is_admin && wish != "None" && wish != "none") {
      where += " AND is_public = ?";
      args.emplace_back(wish == "True" || wish == "true" || wish == "1");
    }
    HANOK_TRY(rows,
              tx.query("SELECT * FROM volume_types WHERE " + where + " ORDER BY created_us DESC, id", args));
    Json list = Json::array();
    for (const auto& row : rows) list.push_back(type_json(request, row));
    return http::ok({{"volume_types", list}});
  });
}

Answer show_type(const Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(row, requested_type(tx, request));
    return http::ok({{"volume_type", type_json(request, row)}});
  });
}

Answer create_type(const Context& context, http::Request& request) {
  HANOK_TRY(body, body_of(request, "volume_type"));
  HANOK_TRY(fields, parse_type(*body));
  if (!fields.name) return bad_request("Invalid input for field/attribute name. It is required.");
  Json specs = Json::object();
  if (body->contains("extra_specs") && !(*body)["extra_specs"].is_null()) {
    HANOK_TRY(checked, check_type_specs((*body)["extra_specs"]));
    specs = checked;
  }
  return context.database.write([&](store::Tx& tx) -> Answer {
    const std::string id = new_uuid();
    auto inserted = tx.execute(
        "INSERT INTO volume_types (id, name, description, is_public, extra_specs, created_us)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        {id, fields.name, fields.description, fields.is_public.value_or(true), specs,
         context.clock.now_us()});
    if (!inserted.ok() && inserted.error().code == ErrorCode::kConflict) {
      return conflict(fmt::format("Volume Type {} already exists.", *fields.name));
    }
    HANOK_CHECK(std::move(inserted));
    HANOK_TRY(row, tx.query_one("SELECT * FROM volume_types WHERE id = ?", {id}));
    return http::ok({{"volume_type", created_json(type_json(request, *row))}});
  });
}

Answer update_type(const Context& context, http::Request& request) {
  HANOK_TRY(body, body_of(request, "volume_type"));
  HANOK_TRY(fields, parse_type(*body));
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(row, requested_type(tx, request));
    auto updated = tx.execute(
        "UPDATE volume_types SET name = COALESCE(?, name), description = COALESCE(?, description),"
        " is_public = COALESCE(?, is_public) WHERE id = ?",
        {fields.name, fields.description, fields.is_public, row.text("id")});
    if (!updated.ok() && updated.error().code == ErrorCode::kConflict) {
      return conflict(fmt::format("Volume Type {} already exists.", fields.name.value_or("")));
    }
    HANOK_CHECK(std::move(updated));
    HANOK_TRY(changed, tx.query_one("SELECT * FROM volume_types WHERE id = ?", {row.text("id")}));
    return http::ok({{"volume_type", created_json(type_json(request, *changed))}});
  });
}

Answer delete_type(const Context& context, http::Request& request) {
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(row, requested_type(tx, request));
    HANOK_TRY(used, tx.query_one("SELECT id FROM volumes WHERE type_id = ? LIMIT 1", {row.text("id")}));
    HANOK_TRY(grouped, tx.query_one("SELECT group_id FROM volume_group_types WHERE type_id = ? LIMIT 1",
                                    {row.text("id")}));
    if (used || grouped) return bad_request("Target volume type is still in use.");
    HANOK_CHECK(tx.execute("DELETE FROM volume_type_access WHERE type_id = ?", {row.text("id")}));
    HANOK_CHECK(tx.execute("DELETE FROM volume_types WHERE id = ?", {row.text("id")}));
    return http::accepted();
  });
}

Answer list_type_access(const Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(row, requested_type(tx, request));
    if (row.boolean("is_public")) return not_found("Access list not available for public volume types.");
    HANOK_TRY(rows,
              tx.query("SELECT project_id FROM volume_type_access WHERE type_id = ?", {row.text("id")}));
    Json list = Json::array();
    for (const auto& one : rows) {
      list.push_back({{"volume_type_id", row.text("id")}, {"project_id", one.text("project_id")}});
    }
    return http::ok({{"volume_type_access", list}});
  });
}

Answer type_action(const Context& context, http::Request& request) {
  if (!request.json.is_object() || request.json.size() != 1)
    return bad_request("There must be exactly one action.");
  const auto action = request.json.begin();
  const bool add = action.key() == "addProjectAccess";
  if (!add && action.key() != "removeProjectAccess") return bad_request("There is no such action.");
  HANOK_TRY(project, need_string(action.value(), "project"));
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(row, requested_type(tx, request));
    if (row.boolean("is_public"))
      return conflict("Type access modification is not applicable to public volume type.");
    HANOK_TRY(changed,
              tx.execute(add ? "INSERT OR IGNORE INTO volume_type_access (type_id, project_id) VALUES (?, ?)"
                             : "DELETE FROM volume_type_access WHERE type_id = ? AND project_id = ?",
                         {row.text("id"), project}));
    if (changed == 0 && add) return conflict("Volume type access for this project already exists.");
    if (changed == 0) return not_found("Volume type access not found for this project.");
    return http::accepted();
  });
}

}  // namespace hanok::volume

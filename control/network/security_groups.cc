#include "control/network/security_groups.h"

#include "control/network/body.h"
#include "control/network/errors.h"
#include "control/network/handlers.h"
#include "control/network/listing.h"
#include "control/network/quotas.h"
#include "control/network/security_group_rules.h"

namespace hanok::network {
namespace {

const Fields& group_fields() {
  static const Fields fields = {{"name", FieldType::kText, kPost | kPut},
                                {"description", FieldType::kText, kPost | kPut}};
  return fields;
}

const Listing& group_listing() {
  static const Listing groups = {
      "security_groups",
      "security_groups",
      std::string("SELECT t.*, ") + kTagsSql + " FROM security_groups t",
      {{"name", "t.name"}, {"project_id", "t.project_id"}, {"description", "t.description"}},
      group_not_found};
  return groups;
}

Result<Json> rules_of(store::Tx& tx, const std::string& group_id, const http::Caller& caller) {
  HANOK_TRY(rows,
            tx.query(std::string("SELECT t.*, ") + kTagsSql +
                         " FROM security_group_rules t WHERE t.group_id = ? ORDER BY t.created_us, t.id",
                     {group_id}));
  Json out = Json::array();
  for (const store::Row& row : rows) out.push_back(rule_json(row, caller));
  return out;
}

Json group_json(const store::Row& row, Json rules) {
  Json out = {{"name", row.text("name")}, {"security_group_rules", std::move(rules)}};
  add_standard_fields(out, row);
  return out;
}

Result<Json> whole_group(store::Tx& tx, const std::string& id, const http::Caller& caller) {
  HANOK_TRY(row, find_row(tx, group_listing(), id));
  HANOK_TRY(rules, rules_of(tx, id, caller));
  return group_json(row, std::move(rules));
}

// A list shows the default group of the project that it is about, made now if it must be.
Status ensure_listed_default(const Context& context, const http::Request& request) {
  std::string project_id = request.caller.project_id;
  if (request.caller.is_admin) {
    for (const char* key : {"tenant_id", "project_id"}) {
      if (const auto given = request.query_one(key); given && given->size() <= 64) project_id = *given;
    }
  }
  if (project_id.empty()) return {};
  auto there = context.database.read([&](store::Tx& tx) {
    return tx.query_one("SELECT id FROM security_groups WHERE project_id = ? AND is_default = 1",
                        {project_id});
  });
  if (!there.ok()) return there.take_error();
  if (there->has_value()) return {};
  HANOK_CHECK(context.database.write(
      [&](store::Tx& tx) { return ensure_default_group(tx, project_id, context.clock.now_us()); }));
  return {};
}

bool wants_rules(const http::Request& request) {
  const auto fields = request.query_all("fields");
  if (fields.empty()) return true;
  for (const std::string& field : fields) {
    if (field == "security_group_rules") return true;
  }
  return false;
}

Error default_exists() {
  return conflict("Default security group already exists.", "SecurityGroupDefaultAlreadyExists");
}

}  // namespace

Reply list_groups(const Context& context, http::Request& request) {
  HANOK_CHECK(ensure_listed_default(context, request));
  return context.database.read([&](store::Tx& tx) -> Reply {
    const bool with_rules = wants_rules(request);
    Status failed;
    const Render render = [&](const store::Row& row, const http::Caller& caller) {
      if (!with_rules) return group_json(row, Json::array());
      auto rules = rules_of(tx, row.text("id"), caller);
      if (!rules.ok()) failed = rules.error();
      return group_json(row, rules.ok() ? std::move(*rules) : Json());
    };
    auto reply = list_rows(tx, request, group_listing(), own_rows(request.caller), render);
    HANOK_CHECK(failed);
    return reply;
  });
}

Reply show_group(const Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) -> Reply {
    HANOK_CHECK(find_own_row(tx, group_listing(), request.param("id"), request.caller));
    HANOK_TRY(group, whole_group(tx, request.param("id"), request.caller));
    return show(request, "security_group", std::move(group));
  });
}

Reply create_group(const Context& context, http::Request& request) {
  HANOK_TRY(creation, read_creation(request, "security_group", "security_groups", group_fields()));
  return context.database.write([&](store::Tx& tx) -> Reply {
    Json made = Json::array();
    for (const Json& body : creation.objects) {
      const std::string project_id = text_of(body, "project_id");
      const std::int64_t now_us = context.clock.now_us();
      HANOK_CHECK(ensure_default_group(tx, project_id, now_us));
      if (text_of(body, "name") == "default") return default_exists();
      HANOK_CHECK(check_quota(tx, "security_group", project_id));
      HANOK_TRY(id, insert_group(tx, project_id, text_of(body, "name"), text_of(body, "description"), false,
                                 now_us));
      HANOK_TRY(group, whole_group(tx, id, request.caller));
      made.push_back(std::move(group));
    }
    if (creation.bulk) return http::created({{"security_groups", std::move(made)}});
    return http::created({{"security_group", std::move(made[0])}});
  });
}

Reply update_group(const Context& context, http::Request& request) {
  HANOK_TRY(body, read_update(request, "security_group", group_fields()));
  return context.database.write([&](store::Tx& tx) -> Reply {
    HANOK_TRY(row, find_own_row(tx, group_listing(), request.param("id"), request.caller));
    const std::string name = text_of(body, "name", row.text("name"));
    if (row.boolean("is_default") && name != row.text("name")) {
      return conflict("Updating default security group not allowed.", "SecurityGroupCannotUpdateDefault");
    }
    if (!row.boolean("is_default") && name == "default") return default_exists();
    RowUpdate update("security_groups");
    for (const char* key : {"name", "description"}) update.copy(body, key);
    HANOK_CHECK(update.apply(tx, row.text("id"), context.clock.now_us()));
    HANOK_CHECK(tx.touch("security_group", row.text("id")));
    HANOK_TRY(group, whole_group(tx, row.text("id"), request.caller));
    return http::ok({{"security_group", std::move(group)}});
  });
}

Reply delete_group(const Context& context, http::Request& request) {
  return context.database.write([&](store::Tx& tx) -> Reply {
    HANOK_TRY(row, find_own_row(tx, group_listing(), request.param("id"), request.caller));
    if (row.boolean("is_default") && !request.caller.is_admin) return cannot_remove_default();
    HANOK_CHECK(remove_group(tx, row.text("id"), context.clock.now_us()));
    return http::no_content();
  });
}

}  // namespace hanok::network

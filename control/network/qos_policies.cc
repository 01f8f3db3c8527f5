#include "common/uuid.h"
#include "control/network/body.h"
#include "control/network/listing.h"
#include "control/network/qos_handlers.h"
#include "control/network/qos_rows.h"

namespace hanok::network {
namespace {

const Fields& policy_fields() {
  static const Fields fields = {
      {"name", FieldType::kText, kPost | kPut | kRequired},
      {"description", FieldType::kText, kPost | kPut},
      {"shared", FieldType::kBool, kPost | kPut},
      {"is_default", FieldType::kBool, kPost | kPut},
  };
  return fields;
}

Error policy_not_found(const std::string& id) {
  return not_found("QoS policy " + id + " could not be found.", "QosPolicyNotFound");
}

const Listing& policy_listing() {
  static const Listing policies = {
      "qos_policies",
      "policies",
      std::string(
          "SELECT t.*, (SELECT json_group_array(json_object('id', id, 'type', type, 'direction', direction,"
          " 'max_kbps', max_kbps, 'max_burst_kbps', max_burst_kbps, 'dscp_mark', dscp_mark)) FROM"
          " (SELECT * FROM qos_rules WHERE policy_id = t.id ORDER BY id)) AS rules, ") +
          kTagsSql + " FROM qos_policies t",
      {{"name", "t.name"},
       {"project_id", "t.project_id"},
       {"description", "t.description"},
       {"shared", "t.shared", ColumnType::kBool},
       {"is_default", "t.is_default", ColumnType::kBool}},
      policy_not_found};
  return policies;
}

Condition visible_policies(const http::Caller& caller) {
  if (caller.is_admin) return {"1 = 1"};
  return {"(t.project_id = ? OR t.shared = 1)", {caller.project_id}};
}

Json policy_json(const store::Row& row, const http::Caller&) {
  Json rules = Json::array();
  for (Json rule : row.json("rules")) {
    const bool dscp = rule["type"] == "dscp_marking";
    if (!dscp) rule.erase("dscp_mark");
    if (dscp) rule.erase("direction"), rule.erase("max_kbps"), rule.erase("max_burst_kbps");
    rule["qos_policy_id"] = row.text("id");
    rules.push_back(std::move(rule));
  }
  Json out = {{"name", row.text("name")},
              {"shared", row.boolean("shared")},
              {"is_default", row.boolean("is_default")},
              {"rules", std::move(rules)}};
  add_standard_fields(out, row);
  return out;
}

// A project has one default policy at most. It is shown as such; new networks do not take it by themselves.
Status check_default(store::Tx& tx, const Json& body, const std::string& id, const std::string& project_id) {
  if (!flag_of(body, "is_default", false)) return {};
  HANOK_TRY(other,
            tx.query_one("SELECT id FROM qos_policies WHERE project_id = ? AND is_default = 1 AND id <> ?",
                         {project_id, id}));
  if (!other) return {};
  return conflict("A default QoS policy exists for project " + project_id + ": " + other->text("id") + ".",
                  "QoSPolicyDefaultAlreadyExists");
}

Result<std::string> insert_policy(store::Tx& tx, const Json& body, std::int64_t now_us) {
  const std::string id = new_uuid(), project_id = text_of(body, "project_id");
  HANOK_CHECK(check_default(tx, body, id, project_id));
  HANOK_CHECK(
      tx.execute("INSERT INTO qos_policies (id, project_id, name, description, shared, is_default,"
                 " created_us, updated_us, revision) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)",
                 {id, project_id, text_of(body, "name"), text_of(body, "description"),
                  flag_of(body, "shared", false), flag_of(body, "is_default", false), now_us, now_us}));
  return id;
}

}  // namespace

Result<store::Row> visible_qos_policy(store::Tx& tx, const std::string& id, const http::Caller& caller) {
  HANOK_TRY(row, find_row(tx, policy_listing(), id));
  const bool sees = caller.is_admin || row.boolean("shared") || row.text("project_id") == caller.project_id;
  if (!sees) return policy_not_found(id);
  return row;
}

Result<http::Response> list_qos_policies(const Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) {
    return list_rows(tx, request, policy_listing(), visible_policies(request.caller), policy_json);
  });
}

Result<http::Response> show_qos_policy(const Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) -> Result<http::Response> {
    HANOK_TRY(row, visible_qos_policy(tx, request.param("id"), request.caller));
    return show(request, "policy", policy_json(row, request.caller));
  });
}

Result<http::Response> create_qos_policy(const Context& context, http::Request& request) {
  HANOK_TRY(creation, read_creation(request, "policy", "policies", policy_fields()));
  return context.database.write([&](store::Tx& tx) -> Result<http::Response> {
    Json made = Json::array();
    for (const Json& body : creation.objects) {
      HANOK_TRY(id, insert_policy(tx, body, context.clock.now_us()));
      HANOK_TRY(row, find_row(tx, policy_listing(), id));
      made.push_back(policy_json(row, request.caller));
    }
    if (creation.bulk) return http::created({{"policies", std::move(made)}});
    return http::created({{"policy", std::move(made[0])}});
  });
}

Result<http::Response> update_qos_policy(const Context& context, http::Request& request) {
  HANOK_TRY(body, read_update(request, "policy", policy_fields()));
  return context.database.write([&](store::Tx& tx) -> Result<http::Response> {
    HANOK_TRY(row, find_row(tx, policy_listing(), request.param("id")));
    HANOK_CHECK(check_default(tx, body, row.text("id"), row.text("project_id")));
    RowUpdate update("qos_policies");
    for (const char* key : {"name", "description", "shared", "is_default"}) update.copy(body, key);
    HANOK_CHECK(update.apply(tx, row.text("id"), context.clock.now_us()));
    HANOK_TRY(fresh, find_row(tx, policy_listing(), row.text("id")));
    return http::ok({{"policy", policy_json(fresh, request.caller)}});
  });
}

Result<http::Response> delete_qos_policy(const Context& context, http::Request& request) {
  return context.database.write([&](store::Tx& tx) -> Result<http::Response> {
    HANOK_TRY(row, find_row(tx, policy_listing(), request.param("id")));
    const std::string id = row.text("id");
    HANOK_TRY(user,
              tx.query_one("SELECT kind, resource_id FROM qos_bindings WHERE policy_id = ? LIMIT 1", {id}));
    if (user) {
      return conflict(
          "QoS Policy " + id + " is used by " + user->text("kind") + " " + user->text("resource_id") + ".",
          "QosPolicyInUse");
    }
    HANOK_CHECK(tx.execute("DELETE FROM network_tags WHERE resource_id = ?", {id}));
    HANOK_CHECK(tx.execute("DELETE FROM qos_policies WHERE id = ?", {id}));
    return http::no_content();
  });
}

}  // namespace hanok::network

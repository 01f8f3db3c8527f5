#include <algorithm>
#include <array>
#include <limits>

#include "common/uuid.h"
#include "control/network/body.h"
#include "control/network/errors.h"
#include "control/network/listing.h"
#include "control/network/qos_handlers.h"
#include "control/network/qos_rows.h"

namespace hanok::network {
namespace {

using Response = Result<http::Response>;

// What the two types of rules differ in.
struct Type {
  const char *name, *singular, *plural;
};
constexpr Type kBandwidth = {"bandwidth_limit", "bandwidth_limit_rule", "bandwidth_limit_rules"};
constexpr Type kDscp = {"dscp_marking", "dscp_marking_rule", "dscp_marking_rules"};
constexpr std::array<Type, 2> kTypes = {kBandwidth, kDscp};

bool is_dscp(const Type& type) {
  return type.name == std::string_view(kDscp.name);
}

const Fields& fields_of(const Type& type) {
  static const Fields bandwidth = {
      {"max_kbps", FieldType::kInteger, kPost | kPut | kRequired},
      {"max_burst_kbps", FieldType::kInteger, kPost | kPut},
      {"direction", FieldType::kText, kPost | kPut},
  };
  static const Fields dscp = {{"dscp_mark", FieldType::kInteger, kPost | kPut | kRequired}};
  return is_dscp(type) ? dscp : bandwidth;
}

Error rule_not_found_of(const std::string& id, const std::string& policy_id) {
  return not_found("QoS rule " + id + " for policy " + policy_id + " could not be found.", "QosRuleNotFound");
}

Error any_rule_not_found(const std::string& id) {
  return not_found("QoS rule " + id + " could not be found.", "QosRuleNotFound");
}

const Listing& listing_of(const Type& type) {
  static const std::string select = "SELECT t.*, '[]' AS tags FROM qos_rules t";
  static const std::vector<Column> columns = {{"max_kbps", "t.max_kbps", ColumnType::kInteger},
                                              {"max_burst_kbps", "t.max_burst_kbps", ColumnType::kInteger},
                                              {"direction", "t.direction"},
                                              {"dscp_mark", "t.dscp_mark", ColumnType::kInteger}};
  static const Listing bandwidth = {"qos_rules", kBandwidth.plural, select, columns, any_rule_not_found};
  static const Listing dscp = {"qos_rules", kDscp.plural, select, columns, any_rule_not_found};
  return is_dscp(type) ? dscp : bandwidth;
}

Result<store::Row> rule_row(store::Tx& tx, const http::Request& request) {
  HANOK_CHECK(visible_qos_policy(tx, request.param("policy_id"), request.caller));
  HANOK_TRY(row, tx.query_one("SELECT * FROM qos_rules WHERE id = ? AND policy_id = ?",
                              {request.param("id"), request.param("policy_id")}));
  if (!row) return rule_not_found_of(request.param("id"), request.param("policy_id"));
  return std::move(*row);
}

struct Rule {
  std::int64_t max_kbps = 0, max_burst_kbps = 0, dscp_mark = 0;
  std::string direction;
};

Status check_rule(const Type& type, const Rule& rule) {
  if (is_dscp(type)) {  // RFC 4594 and RFC 2474: default, class selectors, assured and expedited forwarding
    constexpr std::array<std::int64_t, 21> kMarks = {0,  8,  10, 12, 14, 16, 18, 20, 22, 24, 26,
                                                     28, 30, 32, 34, 36, 38, 40, 46, 48, 56};
    if (std::find(kMarks.begin(), kMarks.end(), rule.dscp_mark) != kMarks.end()) return {};
    return invalid_value("dscp_mark", "'" + std::to_string(rule.dscp_mark) + "' is no DSCP mark");
  }
  constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
  for (const auto& [name, value] :
       {std::pair("max_kbps", rule.max_kbps), std::pair("max_burst_kbps", rule.max_burst_kbps)}) {
    if (value < 0 || value > kMost)
      return invalid_value(name, "'" + std::to_string(value) + "' is not from 0 to " + std::to_string(kMost));
  }
  if (rule.direction == "ingress" || rule.direction == "egress") return {};
  return invalid_value("direction", "'" + rule.direction.substr(0, 50) + "' is not in ['ingress', 'egress']");
}

Status check_alone(store::Tx& tx, const Type& type, const std::string& policy_id, const std::string& id,
                   const std::string& direction) {
  HANOK_TRY(other, tx.query_one("SELECT id FROM qos_rules WHERE policy_id = ? AND type = ? AND direction = ?"
                                " AND id <> ?",
                                {policy_id, type.name, direction, id}));
  if (!other) return {};
  return conflict("Rule " + std::string(type.name) + " conflicts with rule " + other->text("id") +
                      " which already exists in QoS Policy " + policy_id + ".",
                  "QoSRuleParameterConflict");
}

// What the body says, over what was there.
Rule merged(const Json& body, const Type& type, const Rule& before) {
  const auto number = [&](const char* key, std::int64_t otherwise) {
    return body.contains(key) ? body[key].get<std::int64_t>() : otherwise;
  };
  return {number("max_kbps", before.max_kbps), number("max_burst_kbps", before.max_burst_kbps),
          number("dscp_mark", before.dscp_mark),
          is_dscp(type) ? std::string() : text_of(body, "direction", before.direction)};
}

Response list_rules_of(const Type& type, const Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) -> Response {
    HANOK_CHECK(visible_qos_policy(tx, request.param("policy_id"), request.caller));
    const Condition of_policy{"t.policy_id = ? AND t.type = ?", {request.param("policy_id"), type.name}};
    return list_rows(tx, request, listing_of(type), of_policy,
                     [](const store::Row& row, const http::Caller&) { return qos_rule_json(row); });
  });
}

Response show_rule_of(const Type& type, const Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) -> Response {
    HANOK_TRY(row, rule_row(tx, request));
    if (row.text("type") != type.name) return rule_not_found_of(row.text("id"), row.text("policy_id"));
    return show(request, type.singular, qos_rule_json(row));
  });
}

Response create_rule_of(const Type& type, const Context& context, http::Request& request) {
  HANOK_TRY(creation, read_creation(request, type.singular, type.plural, fields_of(type)));
  const Rule rule = merged(creation.objects.front(), type, {0, 0, 0, "egress"});
  HANOK_CHECK(check_rule(type, rule));
  return context.database.write([&](store::Tx& tx) -> Response {
    const std::string id = new_uuid(), policy_id = request.param("policy_id");
    HANOK_CHECK(visible_qos_policy(tx, policy_id, request.caller));
    HANOK_CHECK(check_alone(tx, type, policy_id, id, rule.direction));
    HANOK_CHECK(
        tx.execute("INSERT INTO qos_rules (id, policy_id, type, direction, max_kbps, max_burst_kbps,"
                   " dscp_mark, created_us, updated_us, revision) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
                   {id, policy_id, type.name, rule.direction, rule.max_kbps, rule.max_burst_kbps,
                    rule.dscp_mark, context.clock.now_us(), context.clock.now_us()}));
    HANOK_CHECK(touch_qos_users(tx, policy_id));
    HANOK_TRY(row, find_row(tx, listing_of(type), id));
    return http::created({{type.singular, qos_rule_json(row)}});
  });
}

Response update_rule_of(const Type& type, const Context& context, http::Request& request) {
  HANOK_TRY(body, read_update(request, type.singular, fields_of(type)));
  return context.database.write([&](store::Tx& tx) -> Response {
    HANOK_TRY(row, rule_row(tx, request));
    const std::string id = row.text("id"), policy_id = row.text("policy_id");
    if (row.text("type") != type.name) return rule_not_found_of(id, policy_id);
    const Rule rule = merged(body, type,
                             {row.integer("max_kbps"), row.integer("max_burst_kbps"),
                              row.integer("dscp_mark"), row.text("direction")});
    HANOK_CHECK(check_rule(type, rule));
    HANOK_CHECK(check_alone(tx, type, policy_id, id, rule.direction));
    RowUpdate update("qos_rules");
    update.set("direction", rule.direction);
    update.set("max_kbps", rule.max_kbps);
    update.set("max_burst_kbps", rule.max_burst_kbps);
    update.set("dscp_mark", rule.dscp_mark);
    HANOK_CHECK(update.apply(tx, id, context.clock.now_us()));
    HANOK_CHECK(touch_qos_users(tx, policy_id));
    HANOK_TRY(fresh, find_row(tx, listing_of(type), id));
    return http::ok({{type.singular, qos_rule_json(fresh)}});
  });
}

}  // namespace

Json qos_rule_json(const store::Row& row) {
  Json out = {{"id", row.text("id")}};
  if (row.text("type") == kDscp.name) {
    out["dscp_mark"] = row.integer("dscp_mark");
  } else {
    out["max_kbps"] = row.integer("max_kbps");
    out["max_burst_kbps"] = row.integer("max_burst_kbps");
    out["direction"] = row.text("direction");
  }
  return out;
}

Response list_bandwidth_rules(const Context& context, http::Request& request) {
  return list_rules_of(kBandwidth, context, request);
}
Response show_bandwidth_rule(const Context& context, http::Request& request) {
  return show_rule_of(kBandwidth, context, request);
}
Response create_bandwidth_rule(const Context& context, http::Request& request) {
  return create_rule_of(kBandwidth, context, request);
}
Response update_bandwidth_rule(const Context& context, http::Request& request) {
  return update_rule_of(kBandwidth, context, request);
}
Response list_dscp_rules(const Context& context, http::Request& request) {
  return list_rules_of(kDscp, context, request);
}
Response show_dscp_rule(const Context& context, http::Request& request) {
  return show_rule_of(kDscp, context, request);
}
Response create_dscp_rule(const Context& context, http::Request& request) {
  return create_rule_of(kDscp, context, request);
}
Response update_dscp_rule(const Context& context, http::Request& request) {
  return update_rule_of(kDscp, context, request);
}

Response delete_qos_rule(const Context& context, http::Request& request) {
  return context.database.write([&](store::Tx& tx) -> Response {
    HANOK_TRY(row, rule_row(tx, request));
    HANOK_CHECK(tx.execute("DELETE FROM qos_rules WHERE id = ?", {row.text("id")}));
    HANOK_CHECK(touch_qos_users(tx, row.text("policy_id")));
    return http::no_content();
  });
}

Response list_qos_rule_types(const Context&, http::Request& request) {
  Json out = Json::array();
  for (const Type& type : kTypes) out.push_back(pick_fields(request, {{"type", type.name}}));
  return http::ok({{"rule_types", std::move(out)}});
}

Response show_qos_rule_type(const Context&, http::Request& request) {
  for (const Type& type : kTypes) {
    if (request.param("type") == type.name)
      return show(request, "rule_type", {{"type", type.name}, {"drivers", Json::array()}});
  }
  return not_found("Rule type " + request.param("type") + " could not be found.", "QosRuleTypeNotFound");
}

}  // namespace hanok::network

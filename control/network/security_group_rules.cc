#include "control/network/security_group_rules.h"

#include <algorithm>

#include "common/uuid.h"
#include "control/network/body.h"
#include "control/network/errors.h"
#include "control/network/handlers.h"
#include "control/network/ip_address.h"
#include "control/network/listing.h"
#include "control/network/protocols.h"
#include "control/network/quotas.h"
#include "control/network/security_groups.h"

namespace hanok::network {
namespace {

const Fields& rule_fields() {
  static const Fields fields = {
      {"security_group_id", FieldType::kText, kPost | kRequired},
      {"direction", FieldType::kText, kPost | kRequired},
      {"ethertype", FieldType::kTextOrNull, kPost},
      {"protocol", FieldType::kAny, kPost},
      {"port_range_min", FieldType::kAny, kPost},
      {"port_range_max", FieldType::kAny, kPost},
      {"remote_ip_prefix", FieldType::kTextOrNull, kPost},
      {"remote_group_id", FieldType::kTextOrNull, kPost},
      {"description", FieldType::kTextOrNull, kPost},
  };
  return fields;
}

const Listing& rule_listing() {
  static const Listing rules = {"security_group_rules",
                                "security_group_rules",
                                std::string("SELECT t.*, ") + kTagsSql + " FROM security_group_rules t",
                                {{"project_id", "t.project_id"},
                                 {"security_group_id", "t.group_id"},
                                 {"direction", "t.direction"},
                                 {"ethertype", "t.ethertype"},
                                 {"protocol", "t.protocol"},
                                 {"port_range_min", "t.port_min", ColumnType::kInteger},
                                 {"port_range_max", "t.port_max", ColumnType::kInteger},
                                 {"remote_ip_prefix", "t.remote_cidr"},
                                 {"remote_group_id", "t.remote_group_id"},
                                 {"description", "t.description"}},
                                rule_not_found};
  return rules;
}

// A project sees its own rules, and all rules of its own groups.
Condition visible_rules(const http::Caller& caller) {
  if (caller.is_admin) return {"1 = 1"};
  return {"(t.project_id = ? OR t.group_id IN (SELECT id FROM security_groups WHERE project_id = ?))",
          {caller.project_id, caller.project_id}};
}

Result<std::optional<std::int64_t>> port_value(const Json& body, const char* key, bool icmp) {
  const auto found = body.find(key);
  if (found == body.end() || found->is_null() || *found == "") return std::optional<std::int64_t>();
  std::int64_t port = -1;
  const std::string text = found->is_string() ? found->get<std::string>() : dump_json(*found);
  const Json holder = {
      {key, found->is_string() && !text.empty() && text.size() < 10 &&
                    text.find_first_not_of("0123456789", text[0] == '-' ? 1 : 0) == std::string::npos &&
                    text != "-"
                ? Json(std::stoll(text))
                : *found}};
  auto read = get_int(holder, key);
  if (read.ok() && read->has_value()) port = **read;
  if (port < 0 || port > 65535) {
    if (icmp && read.ok()) return read;  // normalize_rule names the ICMP field
    return bad_request("Invalid value for port " + text.substr(0, 50), "SecurityGroupInvalidPortValue");
  }
  return std::optional<std::int64_t>(port);
}

Result<std::optional<std::string>> protocol_value(const Json& body) {
  const auto found = body.find("protocol");
  if (found == body.end() || found->is_null() || *found == "") return std::optional<std::string>();
  if (found->is_number_integer()) return std::optional<std::string>(dump_json(*found));
  if (!found->is_string() || found->get_ref<const std::string&>().size() > 40) {
    return invalid_value("protocol", "it is neither a name nor a number");
  }
  return std::optional<std::string>(found->get<std::string>());
}

std::optional<std::string> text_or_none(const Json& body, const char* key) {
  const std::string text = text_of(body, key);
  if (text.empty()) return std::nullopt;
  return text;
}

Result<SecurityGroupRuleView> read_rule(const Json& body) {
  SecurityGroupRuleView rule;
  rule.group_id = text_of(body, "security_group_id");
  rule.direction = text_of(body, "direction");
  rule.ethertype = text_of(body, "ethertype", "IPv4");
  HANOK_TRY(protocol, protocol_value(body));
  rule.protocol = protocol;
  rule.remote_cidr = text_or_none(body, "remote_ip_prefix");
  rule.remote_group_id = text_or_none(body, "remote_group_id");
  const auto number = protocol ? protocol_number(*protocol) : std::nullopt;
  const bool icmp = number && is_icmp(*number);
  HANOK_TRY(low, port_value(body, "port_range_min", icmp));
  HANOK_TRY(high, port_value(body, "port_range_max", icmp));
  rule.port_min = low;
  rule.port_max = high;
  HANOK_CHECK(normalize_rule(rule));
  return rule;
}

Status check_icmp(const SecurityGroupRuleView& rule) {
  if (rule.port_max && !rule.port_min) {
    return bad_request("ICMP code (port-range-max) " + std::to_string(*rule.port_max) +
                           " is provided but ICMP type (port-range-min) is missing.",
                       "SecurityGroupMissingIcmpType");
  }
  for (const auto& [value, field] : {std::pair(rule.port_min, "type"), std::pair(rule.port_max, "code")}) {
    if (value && (*value < 0 || *value > 255)) {
      return bad_request(std::string("Invalid value for ICMP ") + field + " (" +
                             (field[0] == 't' ? "port-range-min" : "port-range-max") + ") " +
                             std::to_string(*value) + ". It must be 0 to 255.",
                         "SecurityGroupInvalidIcmpValue");
    }
  }
  return {};
}

Status check_ports(const SecurityGroupRuleView& rule) {
  if (!rule.port_min && !rule.port_max) return {};
  if (!rule.protocol) {
    return bad_request("Must also specify protocol if port range is given.",
                       "SecurityGroupProtocolRequiredWithPorts");
  }
  const int number = *protocol_number(*rule.protocol);
  if (is_icmp(number)) return check_icmp(rule);
  if (!has_ports(number)) {
    return bad_request("Invalid protocol " + *rule.protocol +
                           " for port range, only supported for TCP, UDP, UDPLITE,"
                           " SCTP and DCCP.",
                       "SecurityGroupInvalidProtocolForPort");
  }
  for (const auto& port : {rule.port_min, rule.port_max}) {
    if (port && (*port < 0 || *port > 65535)) {
      return bad_request("Invalid value for port " + std::to_string(*port), "SecurityGroupInvalidPortValue");
    }
  }
  if (rule.port_min && rule.port_max && *rule.port_min <= *rule.port_max) return {};
  return bad_request("For TCP/UDP protocols, port_range_min must be <= port_range_max",
                     "SecurityGroupInvalidPortRange");
}

Status check_protocol(SecurityGroupRuleView& rule) {
  if (!rule.protocol) return {};
  std::string& name = *rule.protocol;
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  if (name == "any" || name.empty()) {
    rule.protocol.reset();
    return {};
  }
  const auto number = protocol_number(name);
  if (!number) {
    return bad_request(
        "Security group rule protocol " + name.substr(0, 50) +
            " not supported. Only protocol names and integer representations [0 to 255] are supported.",
        "SecurityGroupRuleInvalidProtocol");
  }
  if (rule.ethertype == "IPv4" && (*number == 58 || name.starts_with("ipv6-"))) {
    return bad_request("Invalid ethertype IPv4 for protocol " + name + ".",
                       "SecurityGroupEthertypeConflictWithProtocol");
  }
  if (rule.ethertype == "IPv6" && (name == "icmp" || name == "icmpv6")) name = "ipv6-icmp";
  return {};
}

Status check_remote(const SecurityGroupRuleView& rule) {
  if (rule.remote_cidr && rule.remote_group_id) {
    return bad_request("Only remote_ip_prefix or remote_group_id may be provided.",
                       "SecurityGroupRemoteGroupAndRemoteIpPrefix");
  }
  if (!rule.remote_cidr) return {};
  const auto prefix = parse_prefix(*rule.remote_cidr, true);
  if (!prefix)
    return invalid_value("remote_ip_prefix",
                         "'" + rule.remote_cidr->substr(0, 100) + "' is not a valid IP subnet");
  if ((prefix->address.version == 4) != (rule.ethertype == "IPv4")) {
    return bad_request("Conflicting value ethertype " + rule.ethertype + " for CIDR " + *rule.remote_cidr,
                       "SecurityGroupRuleParameterConflict");
  }
  return {};
}

// Groups differ in what they are to the caller: its own may get rules, others do not exist.
Result<store::Row> group_row(store::Tx& tx, const std::string& id) {
  HANOK_TRY(row, tx.query_one("SELECT id, project_id FROM security_groups WHERE id = ?", {id}));
  if (!row) return group_not_found(id);
  return std::move(*row);
}

Status check_not_there(store::Tx& tx, const SecurityGroupRuleView& rule) {
  HANOK_TRY(row,
            tx.query_one(
                "SELECT id FROM security_group_rules WHERE group_id = ? AND direction = ? AND ethertype = ?"
                " AND coalesce(protocol, '') = ? AND coalesce(port_min, -1) = ?"
                " AND coalesce(port_max, -1) = ? AND coalesce(remote_cidr, '') = ?"
                " AND coalesce(remote_group_id, '') = ?",
                {rule.group_id, rule.direction, rule.ethertype, rule.protocol.value_or(""),
                 rule.port_min.value_or(-1), rule.port_max.value_or(-1), rule.remote_cidr.value_or(""),
                 rule.remote_group_id.value_or("")}));
  if (!row) return {};
  return conflict("Security group rule already exists. Rule id is " + row->text("id") + ".",
                  "SecurityGroupRuleExists");
}

}  // namespace

Json rule_json(const store::Row& row, const http::Caller&) {
  Json out = {{"security_group_id", row.text("group_id")},
              {"direction", row.text("direction")},
              {"ethertype", row.text("ethertype")},
              {"protocol", row.text_or_null("protocol")},
              {"port_range_min", row.is_null("port_min") ? Json() : Json(row.integer("port_min"))},
              {"port_range_max", row.is_null("port_max") ? Json() : Json(row.integer("port_max"))},
              {"remote_ip_prefix", row.text_or_null("remote_cidr")},
              {"remote_group_id", row.text_or_null("remote_group_id")},
              {"remote_address_group_id", nullptr}};
  add_standard_fields(out, row);
  return out;
}

Status normalize_rule(SecurityGroupRuleView& rule) {
  if (rule.direction != "ingress" && rule.direction != "egress") {
    return invalid_value("direction", "'" + rule.direction + "' is not in ['ingress', 'egress']");
  }
  if (rule.ethertype == "ipv4" || rule.ethertype == "IPV4") rule.ethertype = "IPv4";
  if (rule.ethertype == "ipv6" || rule.ethertype == "IPV6") rule.ethertype = "IPv6";
  if (rule.ethertype != "IPv4" && rule.ethertype != "IPv6") {
    return bad_request("Security group rule for ethertype '" + rule.ethertype +
                           "' not supported. Allowed values are ['IPv4', 'IPv6'].",
                       "SecurityGroupRuleInvalidEtherType");
  }
  HANOK_CHECK(check_protocol(rule));
  HANOK_CHECK(check_ports(rule));
  return check_remote(rule);
}

Result<std::string> insert_rule(store::Tx& tx, const SecurityGroupRuleView& rule,
                                const std::string& description, std::int64_t now_us) {
  HANOK_TRY(group, group_row(tx, rule.group_id));
  const std::string project_id = group.text("project_id");
  if (rule.remote_group_id) HANOK_CHECK(group_row(tx, *rule.remote_group_id));
  HANOK_CHECK(check_not_there(tx, rule));
  HANOK_CHECK(check_quota(tx, "security_group_rule", project_id));
  const std::string id = new_uuid();
  HANOK_CHECK(
      tx.execute("INSERT INTO security_group_rules (id, group_id, project_id, description, direction, "
                 "ethertype, protocol,"
                 " port_min, port_max, remote_cidr, remote_group_id, created_us, updated_us, revision)"
                 " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
                 {id, rule.group_id, project_id, description, rule.direction, rule.ethertype, rule.protocol,
                  rule.port_min, rule.port_max, rule.remote_cidr, rule.remote_group_id, now_us, now_us}));
  HANOK_CHECK(touch_group(tx, rule.group_id, now_us));
  return id;
}

Status remove_rule(store::Tx& tx, const std::string& rule_id, const std::string& group_id,
                   std::int64_t now_us) {
  HANOK_CHECK(tx.execute("DELETE FROM security_group_rules WHERE id = ?", {rule_id}));
  return touch_group(tx, group_id, now_us);
}

Reply list_rules(const Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) {
    return list_rows(tx, request, rule_listing(), visible_rules(request.caller), rule_json);
  });
}

Reply show_rule(const Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) -> Reply {
    HANOK_TRY(row, find_own_row(tx, rule_listing(), request.param("id"), request.caller));
    return show(request, "security_group_rule", rule_json(row, request.caller));
  });
}

Reply create_rule(const Context& context, http::Request& request) {
  HANOK_TRY(creation, read_creation(request, "security_group_rule", "security_group_rules", rule_fields()));
  return context.database.write([&](store::Tx& tx) -> Reply {
    Json made = Json::array();
    for (const Json& body : creation.objects) {
      HANOK_TRY(rule, read_rule(body));
      HANOK_TRY(group, group_row(tx, rule.group_id));
      if (!request.caller.is_admin && group.text("project_id") != request.caller.project_id) {
        return group_not_found(rule.group_id);
      }
      if (rule.remote_group_id) HANOK_CHECK(check_groups(tx, {*rule.remote_group_id}, request.caller));
      HANOK_TRY(id, insert_rule(tx, rule, text_of(body, "description"), context.clock.now_us()));
      HANOK_TRY(row, find_row(tx, rule_listing(), id));
      made.push_back(rule_json(row, request.caller));
    }
    if (creation.bulk) return http::created({{"security_group_rules", std::move(made)}});
    return http::created({{"security_group_rule", std::move(made[0])}});
  });
}

Reply delete_rule(const Context& context, http::Request& request) {
  return context.database.write([&](store::Tx& tx) -> Reply {
    HANOK_TRY(row, find_own_row(tx, rule_listing(), request.param("id"), request.caller));
    HANOK_CHECK(remove_rule(tx, row.text("id"), row.text("group_id"), context.clock.now_us()));
    return http::no_content();
  });
}

}  // namespace hanok::network

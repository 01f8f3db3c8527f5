#include "control/compute/security_groups.h"

#include <fmt/format.h>

#include "common/uuid.h"
#include "control/compute/validate.h"

namespace hanok::compute {
namespace {

Json rule_json(const network::SecurityGroupRuleView& rule) {
  Json group = Json::object();
  if (rule.remote_group_id) {
    group = {{"name", rule.remote_group_name.value_or("")},
             {"tenant_id", rule.remote_group_project.value_or("")}};
  }
  Json range = Json::object();
  if (!rule.remote_group_id) {
    range["cidr"] = rule.remote_cidr.value_or(rule.ethertype == "IPv6" ? "::/0" : "0.0.0.0/0");
  }
  const auto number = [](const std::optional<std::int64_t>& value) {
    return value ? Json(*value) : Json(-1);
  };
  Json out = {{"id", rule.id},
              {"parent_group_id", rule.group_id},
              {"group", std::move(group)},
              {"ip_range", std::move(range)},
              {"ip_protocol", rule.protocol ? Json(*rule.protocol) : Json()},
              {"from_port", rule.protocol ? number(rule.port_min) : Json()},
              {"to_port", rule.protocol ? number(rule.port_max) : Json()}};
  return out;
}

struct GroupText {
  std::string name, description;
};
// Blanks around a name are part of it here.
Result<GroupText> parse_group_text(const http::Request& request) {
  HANOK_TRY(body, body_of(request, "security_group"));
  HANOK_TRY(name, need_string(*body, "name", 1020));
  HANOK_TRY(description, get_string(*body, "description", 1020));
  if (utf8_length(name) > 255 || name.find_first_not_of(' ') == std::string::npos) {
    return bad_request("Security group name must have 1 to 255 characters.");
  }
  if (utf8_length(description.value_or("")) > 255) {
    return bad_request("Security group description should not be greater than 255 characters.");
  }
  return GroupText{.name = name, .description = description.value_or("")};
}

Result<network::SecurityGroupView> find_group(store::Tx& tx, const http::Request& request,
                                              const std::string& id) {
  if (!is_uuid(id)) return not_found(fmt::format("Security group {} not found.", id.substr(0, 64)));
  auto group = network::get_security_group(tx, id, request.caller.project_id, request.caller.is_admin);
  if (!group.ok()) return not_found(fmt::format("Security group {} not found.", id));
  return group;
}

// Nova answers 400 where the network service has a conflict.
Error conflict_as_bad_request(Error error) {
  if (error.code == ErrorCode::kConflict) error.code = ErrorCode::kBadRequest;
  return error;
}

Result<network::SecurityGroupRuleView> parse_rule(const Json& body) {
  network::SecurityGroupRuleView out;
  HANOK_TRY(group, need_string(body, "parent_group_id"));
  out.group_id = group;
  out.direction = "ingress";
  HANOK_TRY(protocol, get_string(body, "ip_protocol"));
  HANOK_TRY(from, get_int(body, "from_port"));
  HANOK_TRY(to, get_int(body, "to_port"));
  HANOK_TRY(cidr, get_string(body, "cidr"));
  HANOK_TRY(remote, get_string(body, "group_id"));
  if (!remote && (!protocol || !from || !to)) {
    return bad_request("Not enough parameters to build a valid rule.");
  }
  if (protocol) {
    std::string lower = *protocol;
    for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (lower != "tcp" && lower != "udp" && lower != "icmp") {
      return bad_request(fmt::format("Invalid IP protocol {}", protocol->substr(0, 32)));
    }
    out.protocol = lower;
  }
  const bool icmp = out.protocol == "icmp";
  for (const auto& port : {from, to}) {
    if (port && (*port < -1 || *port > 65535))
      return bad_request("Invalid port range: ports are 1 to 65535.");
    if (port && *port == -1 && out.protocol && !icmp)
      return bad_request("Invalid port range for TCP and UDP.");
  }
  if (from && to && *from > *to && !icmp) {
    return bad_request(
        fmt::format("Invalid port range {}:{}. Former value cannot be greater than the later", *from, *to));
  }
  if (from && *from >= 0) out.port_min = from;
  if (to && *to >= 0) out.port_max = to;
  out.ethertype = cidr && cidr->find(':') != std::string::npos ? "IPv6" : "IPv4";
  if (remote) {
    out.remote_group_id = remote;
  } else {
    out.remote_cidr = cidr.value_or("0.0.0.0/0");
  }
  return out;
}

}  // namespace

Json security_group_json(const network::SecurityGroupView& group) {
  Json rules = Json::array();
  for (const auto& rule : group.rules) {
    if (rule.direction == "ingress") rules.push_back(rule_json(rule));
  }
  return {{"id", group.id},
          {"name", group.name},
          {"description", group.description},
          {"tenant_id", group.project_id},
          {"rules", std::move(rules)}};
}

Answer list_security_groups(Context& context, http::Request& request) {
  HANOK_CHECK(need_minor(request, 1, kLastProxyMinor));
  // A write: the project's default group is made when it is first looked for.
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(groups, network::list_security_groups(tx, request.caller.project_id, context.clock.now_us()));
    Json list = Json::array();
    for (const auto& group : groups) list.push_back(security_group_json(group));
    return http::ok({{"security_groups", std::move(list)}});
  });
}

Answer show_security_group(Context& context, http::Request& request) {
  HANOK_CHECK(need_minor(request, 1, kLastProxyMinor));
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(group, find_group(tx, request, request.param("group")));
    return http::ok({{"security_group", security_group_json(group)}});
  });
}

Answer create_security_group(Context& context, http::Request& request) {
  HANOK_CHECK(need_minor(request, 1, kLastProxyMinor));
  HANOK_TRY(text, parse_group_text(request));
  return context.database.write([&](store::Tx& tx) -> Answer {
    auto group = network::create_security_group(tx, request.caller.project_id, text.name, text.description,
                                                context.clock.now_us());
    if (!group.ok()) return conflict_as_bad_request(group.take_error());
    return http::ok({{"security_group", security_group_json(*group)}});
  });
}

Answer update_security_group(Context& context, http::Request& request) {
  HANOK_CHECK(need_minor(request, 1, kLastProxyMinor));
  HANOK_TRY(text, parse_group_text(request));
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(group, find_group(tx, request, request.param("group")));
    auto changed =
        network::update_security_group(tx, group.id, text.name, text.description, context.clock.now_us());
    if (!changed.ok()) return conflict_as_bad_request(changed.take_error());
    group.name = text.name;
    group.description = text.description;
    return http::ok({{"security_group", security_group_json(group)}});
  });
}

Answer delete_security_group(Context& context, http::Request& request) {
  HANOK_CHECK(need_minor(request, 1, kLastProxyMinor));
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(group, find_group(tx, request, request.param("group")));
    auto gone = network::delete_security_group(tx, group.id);
    if (!gone.ok()) return conflict_as_bad_request(gone.take_error());
    return http::accepted();
  });
}

Answer create_security_group_rule(Context& context, http::Request& request) {
  HANOK_CHECK(need_minor(request, 1, kLastProxyMinor));
  HANOK_TRY(body, body_of(request, "security_group_rule"));
  HANOK_TRY(rule, parse_rule(*body));
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(group, find_group(tx, request, rule.group_id));
    if (rule.remote_group_id) HANOK_CHECK(find_group(tx, request, *rule.remote_group_id));
    auto made = network::create_security_group_rule(tx, rule, context.clock.now_us());
    if (!made.ok()) return conflict_as_bad_request(made.take_error());
    return http::ok({{"security_group_rule", rule_json(*made)}});
  });
}

Answer delete_security_group_rule(Context& context, http::Request& request) {
  HANOK_CHECK(need_minor(request, 1, kLastProxyMinor));
  return context.database.write([&](store::Tx& tx) -> Answer {
    const std::string& id = request.param("rule");
    if (!is_uuid(id)) return not_found(fmt::format("Rule {} not found.", id.substr(0, 64)));
    auto rule = network::get_security_group_rule(tx, id);
    if (!rule.ok()) return not_found(fmt::format("Rule {} not found.", id));
    HANOK_CHECK(find_group(tx, request, rule->group_id));
    HANOK_CHECK(network::delete_security_group_rule(tx, id));
    return http::accepted();
  });
}

}  // namespace hanok::compute

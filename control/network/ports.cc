#include "control/network/ports.h"

#include "control/network/body.h"
#include "control/network/dhcp_options.h"
#include "control/network/errors.h"
#include "control/network/handlers.h"
#include "control/network/listing.h"
#include "control/network/networks.h"
#include "control/network/port_values.h"
#include "control/network/qos.h"
#include "control/network/quotas.h"
#include "control/network/security_groups.h"

namespace hanok::network {
namespace {

const Fields& port_fields() {
  static const Fields fields = {
      {"name", FieldType::kText, kPost | kPut},
      {"description", FieldType::kText, kPost | kPut},
      {"network_id", FieldType::kUuid, kPost | kRequired},
      {"admin_state_up", FieldType::kBool, kPost | kPut},
      {"mac_address", FieldType::kText, kPost | kPut},
      {"fixed_ips", FieldType::kArray, kPost | kPut},
      {"device_id", FieldType::kText, kPost | kPut},
      {"device_owner", FieldType::kText, kPost | kPut},
      {"security_groups", FieldType::kArray, kPost | kPut},
      {"qos_policy_id", FieldType::kUuidOrNull, kPost | kPut},
      {"port_security_enabled", FieldType::kBool, kPost | kPut},
      {"allowed_address_pairs", FieldType::kArray, kPost | kPut},
      {"extra_dhcp_opts", FieldType::kArray, kPost | kPut},
      {"binding:host_id", FieldType::kTextOrNull, kPost | kPut | kAdminOnly},
      {"binding:profile", FieldType::kObjectOrNull, kPost | kPut | kAdminOnly},
      {"binding:vnic_type", FieldType::kText, kPost | kPut},
  };
  return fields;
}

const Listing& port_listing() {
  static const Listing ports = {
      "ports",
      "ports",
      std::string(
          "SELECT t.*, (SELECT json_group_array(json_object('subnet_id', subnet_id, 'ip_address', ip)) FROM"
          " (SELECT subnet_id, ip FROM port_addresses WHERE port_id = t.id ORDER BY position)) AS fixed_ips,"
          " (SELECT json_group_array(group_id) FROM port_security_groups WHERE port_id = t.id) AS "
          "group_ids, (SELECT policy_id FROM qos_bindings WHERE resource_id = t.network_id)"
          " AS qos_network_policy_id, ") +
          kQosSql + ", " + kTagsSql + " FROM ports t",
      {{"name", "t.name"},
       {"network_id", "t.network_id"},
       {"project_id", "t.project_id"},
       {"description", "t.description"},
       {"device_id", "t.device_id"},
       {"device_owner", "t.device_owner"},
       {"mac_address", "t.mac"},
       {"status", "t.status"},
       {"admin_state_up", "t.admin_state_up", ColumnType::kBool},
       {"port_security_enabled", "t.port_security_enabled", ColumnType::kBool},
       {"binding:host_id", "t.host"},
       {"binding:vnic_type", "t.vnic_type"},
       {"fixed_ips.ip_address", "t.id IN (SELECT port_id FROM port_addresses WHERE ip = ?)"},
       {"fixed_ips.subnet_id", "t.id IN (SELECT port_id FROM port_addresses WHERE subnet_id = ?)"},
       {"fixed_ips.ip_address_substr", "t.id IN (SELECT port_id FROM port_addresses WHERE instr(ip, ?) > 0)"},
       {"security_groups", "t.id IN (SELECT port_id FROM port_security_groups WHERE group_id = ?)"}},
      port_not_found};
  return ports;
}

// The owner of a network sees all of its ports.
Condition visible_ports(const http::Caller& caller) {
  if (caller.is_admin) return {"1 = 1"};
  return {"(t.project_id = ? OR t.network_id IN (SELECT id FROM networks WHERE project_id = ?))",
          {caller.project_id, caller.project_id}};
}

Json port_json(const store::Row& row, const http::Caller& caller) {
  Json out = {{"name", row.text("name")},
              {"network_id", row.text("network_id")},
              {"admin_state_up", row.boolean("admin_state_up")},
              {"status", row.text("status")},
              {"mac_address", row.text("mac")},
              {"fixed_ips", row.json("fixed_ips")},
              {"device_id", row.text("device_id")},
              {"device_owner", row.text("device_owner")},
              {"security_groups", row.json("group_ids")},
              {"qos_policy_id", row.text_or_null("qos_policy_id")},
              {"qos_network_policy_id", row.text_or_null("qos_network_policy_id")},
              {"port_security_enabled", row.boolean("port_security_enabled")},
              {"allowed_address_pairs", row.json("allowed_address_pairs")},
              {"extra_dhcp_opts", row.json("extra_dhcp_opts")},
              {"binding:vnic_type", row.text("vnic_type")}};
  if (caller.is_admin) {
    const std::string host = row.text("host");
    out["binding:host_id"] = host;
    out["binding:profile"] = row.json("binding_profile");
    out["binding:vif_type"] = host.empty() ? "unbound" : "vhostuser";
    out["binding:vif_details"] = host.empty() ? Json::object() : Json{{"port_filter", true}};
  }
  add_standard_fields(out, row);
  return out;
}

bool is_l3_owner(const std::string& owner) {
  return is_router_owner(owner) || owner == kFloatingIpPort;
}

// What a project may not say about a port on a network that is not its own.
Status check_rights(const Json& body, const store::Row& network, const http::Caller& caller,
                    const std::string& verb) {
  if (owns(caller, network)) return {};
  for (const char* field : {"mac_address", "port_security_enabled", "allowed_address_pairs"}) {
    if (body.contains(field)) return not_authorized(verb + "_port:" + field);
  }
  for (const Json& fixed : body.value("fixed_ips", Json(Json::array()))) {
    if (fixed.is_object() && fixed.contains("ip_address"))
      return not_authorized(verb + "_port:fixed_ips:ip_address");
  }
  if (text_of(body, "device_owner").starts_with("network:"))
    return not_authorized(verb + "_port:device_owner");
  return {};
}

// Only the calls of routers and floating IPs make their ports.
Status check_device_owner(const Json& body) {
  const std::string owner = text_of(body, "device_owner");
  if (!is_l3_owner(owner)) return {};
  return invalid_input("device_owner " + owner + " is set by adding the port to a router or floating IP");
}

Status check_security(bool port_security, bool has_groups, bool has_pairs) {
  if (port_security) return {};
  if (has_groups) {
    return bad_request(
        "Port security must be enabled and port must have an IP address in order to use security groups.",
        "PortSecurityAndIPRequiredForSecurityGroups");
  }
  if (has_pairs) {
    return conflict("Port Security must be enabled in order to have allowed address pairs on a port.",
                    "AddressPairAndPortSecurityRequired");
  }
  return {};
}

Result<std::vector<std::string>> groups_of_new_port(store::Tx& tx, const Json& body, const NewPort& port,
                                                    const http::Caller& caller, std::int64_t now_us) {
  if (body.contains("security_groups")) {
    HANOK_TRY(ids, read_group_ids(body["security_groups"]));
    HANOK_CHECK(check_groups(tx, ids, caller));
    return ids;
  }
  std::vector<std::string> none;
  if (!port.port_security_enabled || port.device_owner.starts_with("network:") || port.project_id.empty())
    return none;
  HANOK_TRY(id, ensure_default_group(tx, port.project_id, now_us));
  return std::vector<std::string>{id};
}

Result<std::string> insert_from_body(store::Tx& tx, const Context& context, const Json& body,
                                     const http::Caller& caller) {
  HANOK_TRY(network, visible_network(tx, text_of(body, "network_id"), caller));
  HANOK_CHECK(check_rights(body, network, caller, "create"));
  HANOK_CHECK(check_device_owner(body));
  NewPort port{.network_id = network.text("id"), .project_id = text_of(body, "project_id")};
  HANOK_CHECK(check_quota(tx, "port", port.project_id));
  port.name = text_of(body, "name");
  port.description = text_of(body, "description");
  port.device_id = text_of(body, "device_id");
  port.device_owner = text_of(body, "device_owner");
  port.host = text_of(body, "binding:host_id");
  port.vnic_type = text_of(body, "binding:vnic_type", "normal");
  HANOK_CHECK(check_vnic_type(port.vnic_type));
  port.admin_state_up = flag_of(body, "admin_state_up", true);
  port.port_security_enabled =
      flag_of(body, "port_security_enabled", network.boolean("port_security_enabled"));
  if (body.contains("binding:profile") && body["binding:profile"].is_object())
    port.binding_profile = body["binding:profile"];
  if (body.contains("mac_address")) {
    HANOK_TRY(mac, read_mac(text_of(body, "mac_address")));
    port.mac = std::move(mac);
  }
  if (body.contains("fixed_ips")) {
    HANOK_TRY(fixed, read_fixed_ips(body["fixed_ips"]));
    port.fixed_ips = std::move(fixed);
  }
  const std::int64_t now_us = context.clock.now_us();
  HANOK_TRY(groups, groups_of_new_port(tx, body, port, caller, now_us));
  port.group_ids = std::move(groups);
  const Json pairs = body.value("allowed_address_pairs", Json(Json::array()));
  HANOK_CHECK(check_security(port.port_security_enabled, !port.group_ids.empty(), !pairs.empty()));
  HANOK_TRY(id, insert_port(tx, port, now_us));
  HANOK_CHECK(bind_qos_policy(tx, body, "port", id, caller));
  if (!pairs.empty()) {  // the default MAC of a pair is the port's, known only now
    HANOK_TRY(row, find_row(tx, port_listing(), id));
    HANOK_TRY(read, read_address_pairs(pairs, row.text("mac")));
    HANOK_CHECK(tx.execute("UPDATE ports SET allowed_address_pairs = ? WHERE id = ?", {read, id}));
  }
  if (body.contains("extra_dhcp_opts")) {
    HANOK_TRY(options, merge_dhcp_options(Json::array(), body["extra_dhcp_opts"]));
    HANOK_CHECK(tx.execute("UPDATE ports SET extra_dhcp_opts = ? WHERE id = ?", {options, id}));
  }
  return id;
}

Result<store::Row> visible_port(store::Tx& tx, const http::Request& request) {
  Condition where = visible_ports(request.caller);
  where.args.emplace_back(request.param("id"));
  HANOK_TRY(row, tx.query_one(port_listing().select + " WHERE " + where.sql + " AND t.id = ?", where.args));
  if (!row) return port_not_found(request.param("id"));
  return std::move(*row);
}

Status update_groups(store::Tx& tx, const store::Row& row, const Json& body, const http::Caller& caller) {
  bool has_groups = !row.json("group_ids").empty();
  if (body.contains("security_groups")) {
    HANOK_TRY(ids, read_group_ids(body["security_groups"]));
    HANOK_CHECK(check_groups(tx, ids, caller));
    has_groups = !ids.empty();
    HANOK_CHECK(set_groups(tx, row.text("id"), ids));
  }
  const bool port_security = flag_of(body, "port_security_enabled", row.boolean("port_security_enabled"));
  const Json pairs = body.value("allowed_address_pairs", row.json("allowed_address_pairs"));
  if (!port_security && has_groups && !body.contains("security_groups")) {
    return conflict(
        "Port has security group associated. Cannot disable port security or ip address until security"
        " group is removed.",
        "PortSecurityPortHasSecurityGroup");
  }
  return check_security(port_security, has_groups, !pairs.empty());
}

// The MAC and what follows from it. Only an administrator changes the MAC of a port.
Status update_link(store::Tx& tx, const store::Row& row, const Json& body, const http::Caller& caller,
                   RowUpdate& update) {
  std::string mac = row.text("mac");
  if (body.contains("mac_address")) {
    HANOK_TRY(wanted, read_mac(text_of(body, "mac_address")));
    if (wanted != mac) {
      if (!caller.is_admin) return not_authorized("update_port:mac_address");
      HANOK_TRY(other, tx.query_one("SELECT 1 AS one FROM ports WHERE network_id = ? AND mac = ?",
                                    {row.text("network_id"), wanted}));
      if (other) {
        return conflict("Unable to complete operation for network " + row.text("network_id") +
                            ". The mac address " + wanted + " is in use.",
                        "MacAddressInUse");
      }
      mac = wanted;
      update.set("mac", mac);
    }
  }
  if (body.contains("allowed_address_pairs")) {
    HANOK_TRY(pairs, read_address_pairs(body["allowed_address_pairs"], mac));
    update.set("allowed_address_pairs", pairs);
  }
  if (body.contains("extra_dhcp_opts")) {
    HANOK_TRY(options, merge_dhcp_options(row.json("extra_dhcp_opts"), body["extra_dhcp_opts"]));
    update.set("extra_dhcp_opts", options);
  }
  if (body.contains("fixed_ips")) {
    HANOK_TRY(fixed, read_fixed_ips(body["fixed_ips"]));
    const std::string owner = text_of(body, "device_owner", row.text("device_owner"));
    HANOK_CHECK(replace_addresses(tx, {row.text("id"), row.text("network_id"), mac, owner}, fixed));
  }
  return {};
}

Status check_l3_update(const store::Row& row, const Json& body) {
  if (!is_l3_owner(row.text("device_owner"))) return check_device_owner(body);
  const bool moves = text_of(body, "device_id", row.text("device_id")) != row.text("device_id") ||
                     text_of(body, "device_owner", row.text("device_owner")) != row.text("device_owner");
  if (!moves) return {};
  return conflict("Port " + row.text("id") +
                      " cannot be updated directly via the port API: has device owner " +
                      row.text("device_owner") + ".",
                  "ServicePortInUse");
}

Status apply_update(store::Tx& tx, const store::Row& row, const Json& body, const http::Request& request,
                    std::int64_t now_us) {
  const std::string id = row.text("id");
  HANOK_TRY(network, tx.query_one("SELECT * FROM networks WHERE id = ?", {row.text("network_id")}));
  HANOK_CHECK(check_rights(body, *network, request.caller, "update"));
  HANOK_CHECK(check_l3_update(row, body));
  if (body.contains("binding:vnic_type")) HANOK_CHECK(check_vnic_type(text_of(body, "binding:vnic_type")));
  HANOK_CHECK(update_groups(tx, row, body, request.caller));
  RowUpdate update("ports");
  HANOK_CHECK(update_link(tx, row, body, request.caller, update));
  for (const char* key :
       {"name", "description", "admin_state_up", "device_id", "device_owner", "port_security_enabled"}) {
    update.copy(body, key);
  }
  update.copy(body, "binding:vnic_type", "vnic_type");
  if (body.contains("binding:profile")) {
    update.set("binding_profile",
               body["binding:profile"].is_null() ? Json(Json::object()) : body["binding:profile"]);
  }
  if (body.contains("binding:host_id")) {
    const std::string host = text_of(body, "binding:host_id");
    update.set("host", host);
    if (host != row.text("host")) update.set("status", "DOWN");
  }
  HANOK_CHECK(update.apply(tx, id, now_us));
  HANOK_CHECK(drop_stale_floating_ips(tx, id, now_us));
  HANOK_CHECK(bind_qos_policy(tx, body, "port", id, request.caller));
  return touch_port(tx, id, !row.text("host").empty());
}

}  // namespace

Reply list_ports(const Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) {
    return list_rows(tx, request, port_listing(), visible_ports(request.caller), port_json);
  });
}

Reply show_port(const Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) -> Reply {
    HANOK_TRY(row, visible_port(tx, request));
    return show(request, "port", port_json(row, request.caller));
  });
}

Reply create_port_resource(const Context& context, http::Request& request) {
  HANOK_TRY(creation, read_creation(request, "port", "ports", port_fields()));
  return context.database.write([&](store::Tx& tx) -> Reply {
    Json made = Json::array();
    for (const Json& body : creation.objects) {
      HANOK_TRY(id, insert_from_body(tx, context, body, request.caller));
      HANOK_TRY(row, find_row(tx, port_listing(), id));
      made.push_back(port_json(row, request.caller));
    }
    if (creation.bulk) return http::created({{"ports", std::move(made)}});
    return http::created({{"port", std::move(made[0])}});
  });
}

Reply update_port(const Context& context, http::Request& request) {
  HANOK_TRY(body, read_update(request, "port", port_fields()));
  return context.database.write([&](store::Tx& tx) -> Reply {
    HANOK_TRY(row, visible_port(tx, request));
    HANOK_CHECK(apply_update(tx, row, body, request, context.clock.now_us()));
    HANOK_TRY(fresh, find_row(tx, port_listing(), row.text("id")));
    return http::ok({{"port", port_json(fresh, request.caller)}});
  });
}

Reply delete_port_resource(const Context& context, http::Request& request) {
  return context.database.write([&](store::Tx& tx) -> Reply {
    HANOK_TRY(row, visible_port(tx, request));
    if (is_l3_owner(row.text("device_owner"))) {
      return conflict("Port " + row.text("id") +
                          " cannot be deleted directly via the port API: has device owner " +
                          row.text("device_owner") + ".",
                      "ServicePortInUse");
    }
    HANOK_CHECK(remove_port(tx, row.text("id"), context.clock.now_us()));
    return http::no_content();
  });
}

}  // namespace hanok::network

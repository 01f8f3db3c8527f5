#include "control/network/floating_ips.h"

#include "common/uuid.h"
#include "control/network/body.h"
#include "control/network/errors.h"
#include "control/network/handlers.h"
#include "control/network/listing.h"
#include "control/network/networks.h"
#include "control/network/port_forwardings.h"
#include "control/network/ports.h"
#include "control/network/qos.h"
#include "control/network/quotas.h"

namespace hanok::network {
namespace {

const Fields& floating_ip_fields() {
  static const Fields fields = {
      {"floating_network_id", FieldType::kUuid, kPost | kRequired},
      {"floating_ip_address", FieldType::kTextOrNull, kPost | kAdminOnly},
      {"subnet_id", FieldType::kUuidOrNull, kPost},
      {"port_id", FieldType::kUuidOrNull, kPost | kPut},
      {"fixed_ip_address", FieldType::kTextOrNull, kPost | kPut},
      {"description", FieldType::kText, kPost | kPut},
      {"qos_policy_id", FieldType::kUuidOrNull, kPost | kPut},
  };
  return fields;
}

constexpr const char* kForwardingsSql =
    "(SELECT json_group_array(json_object('protocol', protocol, 'external_port', external_port,"
    " 'internal_ip_address', internal_ip, 'internal_port', internal_port)) FROM port_forwardings"
    " WHERE floating_ip_id = t.id) AS port_forwardings";

const Listing& floating_ip_listing() {
  static const Listing floating_ips = {
      "floating_ips",
      "floatingips",
      std::string("SELECT t.*, ") + kForwardingsSql + ", " + kQosSql + ", " + kTagsSql +
          " FROM floating_ips t",
      {{"project_id", "t.project_id"},
       {"description", "t.description"},
       {"floating_ip_address", "t.ip"},
       {"floating_network_id", "t.network_id"},
       {"port_id", "t.port_id"},
       {"fixed_ip_address", "t.fixed_ip"},
       {"router_id", "t.router_id"},
       {"status", "(CASE WHEN t.router_id IS NULL THEN 'DOWN' ELSE 'ACTIVE' END)"}},
      floating_ip_not_found};
  return floating_ips;
}

Json floating_ip_json(const store::Row& row, const http::Caller&) {
  Json out = {{"floating_ip_address", row.text("ip")},
              {"floating_network_id", row.text("network_id")},
              {"port_id", row.text_or_null("port_id")},
              {"fixed_ip_address", row.text_or_null("fixed_ip")},
              {"router_id", row.text_or_null("router_id")},
              {"status", row.is_null("router_id") ? "DOWN" : "ACTIVE"},
              {"port_forwardings", row.json("port_forwardings")},
              {"qos_policy_id", row.text_or_null("qos_policy_id")}};
  add_standard_fields(out, row);
  return out;
}

Error bad_floating(const std::string& reason) {
  return bad_request("Bad floatingip request: " + reason + ".", "BadRequest");
}

struct Association {
  std::string port_id, fixed_ip, router_id;
};

struct FixedAddress {
  std::string ip, subnet_id;
};

// The IPv4 address of the port that the floating IP leads to.
Result<FixedAddress> choose_fixed_ip(store::Tx& tx, const std::string& port_id, const std::string& wanted) {
  HANOK_TRY(rows,
            tx.query("SELECT a.ip, a.subnet_id FROM port_addresses a JOIN subnets s ON s.id = a.subnet_id"
                     " WHERE a.port_id = ? AND s.ip_version = 4 ORDER BY a.position",
                     {port_id}));
  if (!wanted.empty()) {
    for (const store::Row& row : rows) {
      if (row.text("ip") == wanted) return FixedAddress{wanted, row.text("subnet_id")};
    }
    return bad_floating("Port " + port_id + " does not have fixed ip " + wanted);
  }
  if (rows.empty())
    return bad_floating("Cannot add floating IP to port " + port_id + " that has no fixed IPv4 addresses");
  if (rows.size() > 1) {
    return bad_floating(
        "Port " + port_id +
        " has multiple fixed IPv4 addresses. Must provide a specific IPv4 address when assigning a"
        " floating IP");
  }
  return FixedAddress{rows.front().text("ip"), rows.front().text("subnet_id")};
}

struct Target {
  std::string floating_ip_id, ip, project_id, network_id;
};

Result<Association> associate(store::Tx& tx, const Target& target, const std::string& port_id,
                              const std::string& fixed_ip, const http::Caller& caller) {
  HANOK_TRY(port, tx.query_one("SELECT id, project_id FROM ports WHERE id = ?", {port_id}));
  if (!port || !owns(caller, *port)) return port_not_found(port_id);
  if (port->text("project_id") != target.project_id) {
    return bad_floating("Port " + port_id + " is associated with a different tenant than Floating IP " +
                        target.floating_ip_id + " and therefore cannot be bound");
  }
  HANOK_TRY(fixed, choose_fixed_ip(tx, port_id, fixed_ip));
  HANOK_TRY(router_id, router_between(tx, fixed.subnet_id, target.network_id, port_id));
  HANOK_TRY(other,
            tx.query_one("SELECT id FROM floating_ips WHERE port_id = ? AND fixed_ip = ? AND network_id = ?"
                         " AND id <> ?",
                         {port_id, fixed.ip, target.network_id, target.floating_ip_id}));
  if (other) {
    return conflict("Cannot associate floating IP " + target.ip + " (" + target.floating_ip_id +
                        ") with port " + port_id + " using fixed IP " + fixed.ip +
                        ", as that fixed IP already has a floating IP on external network " +
                        target.network_id + ".",
                    "FloatingIPPortAlreadyAssociated");
  }
  return Association{port_id, fixed.ip, router_id};
}

Status store_association(store::Tx& tx, const std::string& id, const Association& association,
                         std::int64_t now_us) {
  RowUpdate update("floating_ips");
  const auto set = [&](const char* column, const std::string& value) {
    update.set(column, value.empty() ? store::Arg(nullptr) : store::Arg(value));
  };
  set("port_id", association.port_id);
  set("fixed_ip", association.fixed_ip);
  set("router_id", association.router_id);
  return update.apply(tx, id, now_us);
}

// The external address: a port of its own, as in Neutron, so that nothing else gets it.
Result<std::string> make_external_port(store::Tx& tx, const Json& body, const std::string& network_id,
                                       const std::string& floating_ip_id, std::int64_t now_us) {
  NewPort port{.network_id = network_id, .project_id = ""};
  port.device_id = floating_ip_id;
  port.device_owner = kFloatingIpPort;
  port.status = "N/A";
  port.port_security_enabled = false;
  FixedIp wanted;
  if (!text_of(body, "floating_ip_address").empty()) {
    const auto ip = parse_ip(text_of(body, "floating_ip_address"));
    if (!ip || ip->version != 4)
      return invalid_value("floating_ip_address", "it is not a valid IPv4 address");
    wanted.ip = to_text(*ip);
  }
  if (!text_of(body, "subnet_id").empty()) wanted.subnet_id = text_of(body, "subnet_id");
  if (wanted.ip || wanted.subnet_id) port.fixed_ips = FixedIps{wanted};
  return insert_port(tx, port, now_us);
}

Result<std::string> insert_floating_ip(store::Tx& tx, const Context& context, const Json& body,
                                       const http::Caller& caller) {
  const std::string network_id = text_of(body, "floating_network_id"),
                    project_id = text_of(body, "project_id");
  HANOK_TRY(network, visible_network(tx, network_id, caller));
  if (!network.boolean("external"))
    return bad_floating("Network " + network_id + " is not a valid external network");
  HANOK_CHECK(check_quota(tx, "floatingip", project_id));
  const std::string id = new_uuid();
  const std::int64_t now_us = context.clock.now_us();
  HANOK_TRY(port_id, make_external_port(tx, body, network_id, id, now_us));
  HANOK_TRY(address, tx.query_one("SELECT a.ip FROM port_addresses a JOIN subnets s ON s.id = a.subnet_id"
                                  " WHERE a.port_id = ? AND s.ip_version = 4",
                                  {port_id}));
  if (!address) {
    return bad_request("Unable to find any IP address on external network " + network_id + ".",
                       "ExternalIpAddressExhausted");
  }
  HANOK_CHECK(
      tx.execute("INSERT INTO floating_ips (id, project_id, description, network_id, external_port_id, ip,"
                 " created_us, updated_us, revision) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)",
                 {id, project_id, text_of(body, "description"), network_id, port_id, address->text("ip"),
                  now_us, now_us}));
  const std::string fixed_ip = text_of(body, "fixed_ip_address"), inner_port = text_of(body, "port_id");
  if (!inner_port.empty()) {
    const Target target{id, address->text("ip"), project_id, network_id};
    HANOK_TRY(association, associate(tx, target, inner_port, fixed_ip, caller));
    HANOK_CHECK(store_association(tx, id, association, now_us));
  } else if (!fixed_ip.empty()) {
    return bad_floating("fixed_ip_address cannot be specified without a port_id");
  }
  HANOK_CHECK(bind_qos_policy(tx, body, "floating_ip", id, caller));
  HANOK_CHECK(tx.touch("floating_ip", id));
  return id;
}

Status change_association(store::Tx& tx, const store::Row& row, const Json& body,
                          const http::Request& request, std::int64_t now_us) {
  const std::string fixed_ip = text_of(body, "fixed_ip_address");
  if (!body.contains("port_id") && fixed_ip.empty()) return {};
  const std::string port_id = body.contains("port_id") ? text_of(body, "port_id") : row.text("port_id");
  Association association;
  if (port_id.empty()) {
    if (!fixed_ip.empty()) return bad_floating("fixed_ip_address cannot be specified without a port_id");
    if (row.is_null("port_id")) return {};  // its ports may be forwarded: that stays
  } else {
    HANOK_CHECK(check_not_forwarded(tx, row.text("id")));
    const Target target{row.text("id"), row.text("ip"), row.text("project_id"), row.text("network_id")};
    HANOK_TRY(found, associate(tx, target, port_id, fixed_ip, request.caller));
    association = std::move(found);
  }
  return store_association(tx, row.text("id"), association, now_us);
}

}  // namespace

// The one on the subnet's gateway address first.
Result<std::string> router_between(store::Tx& tx, const std::string& subnet_id, const std::string& network_id,
                                   const std::string& port_id) {
  HANOK_TRY(row, tx.query_one("SELECT r.id FROM port_addresses a JOIN ports p ON p.id = a.port_id"
                              " JOIN routers r ON r.id = p.device_id JOIN subnets s ON s.id = a.subnet_id"
                              " WHERE a.subnet_id = ? AND p.device_owner = ? AND r.gateway_network_id = ?"
                              " ORDER BY a.ip = s.gateway_ip DESC, r.id LIMIT 1",
                              {subnet_id, kRouterInterface, network_id}));
  if (row) return row->text("id");
  return not_found("External network " + network_id + " is not reachable from subnet " + subnet_id +
                       ".  Therefore, cannot associate Port " + port_id + " with a Floating IP.",
                   "ExternalGatewayForFloatingIPNotFound");
}

Reply list_floating_ips(const Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) {
    return list_rows(tx, request, floating_ip_listing(), own_rows(request.caller), floating_ip_json);
  });
}

Reply show_floating_ip(const Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) -> Reply {
    HANOK_TRY(row, find_own_row(tx, floating_ip_listing(), request.param("id"), request.caller));
    return show(request, "floatingip", floating_ip_json(row, request.caller));
  });
}

Reply create_floating_ip(const Context& context, http::Request& request) {
  HANOK_TRY(creation, read_creation(request, "floatingip", "floatingips", floating_ip_fields()));
  return context.database.write([&](store::Tx& tx) -> Reply {
    Json made = Json::array();
    for (const Json& body : creation.objects) {
      HANOK_TRY(id, insert_floating_ip(tx, context, body, request.caller));
      HANOK_TRY(row, find_row(tx, floating_ip_listing(), id));
      made.push_back(floating_ip_json(row, request.caller));
    }
    if (creation.bulk) return http::created({{"floatingips", std::move(made)}});
    return http::created({{"floatingip", std::move(made[0])}});
  });
}

Reply update_floating_ip(const Context& context, http::Request& request) {
  HANOK_TRY(body, read_update(request, "floatingip", floating_ip_fields()));
  return context.database.write([&](store::Tx& tx) -> Reply {
    HANOK_TRY(row, find_own_row(tx, floating_ip_listing(), request.param("id"), request.caller));
    const std::int64_t now_us = context.clock.now_us();
    HANOK_CHECK(change_association(tx, row, body, request, now_us));
    RowUpdate update("floating_ips");
    update.copy(body, "description");
    HANOK_CHECK(update.apply(tx, row.text("id"), now_us));
    HANOK_CHECK(bind_qos_policy(tx, body, "floating_ip", row.text("id"), request.caller));
    HANOK_CHECK(tx.touch("floating_ip", row.text("id")));
    HANOK_TRY(fresh, find_row(tx, floating_ip_listing(), row.text("id")));
    return http::ok({{"floatingip", floating_ip_json(fresh, request.caller)}});
  });
}

Reply delete_floating_ip(const Context& context, http::Request& request) {
  return context.database.write([&](store::Tx& tx) -> Reply {
    HANOK_TRY(row, find_own_row(tx, floating_ip_listing(), request.param("id"), request.caller));
    HANOK_CHECK(tx.execute("DELETE FROM network_tags WHERE resource_id = ?", {row.text("id")}));
    HANOK_CHECK(tx.execute("DELETE FROM floating_ips WHERE id = ?", {row.text("id")}));
    HANOK_CHECK(remove_port(tx, row.text("external_port_id"), context.clock.now_us()));
    HANOK_CHECK(tx.touch("floating_ip", row.text("id")));
    return http::no_content();
  });
}

}  // namespace hanok::network

#include "common/uuid.h"
#include "control/network/addresses.h"
#include "control/network/body.h"
#include "control/network/errors.h"
#include "control/network/handlers.h"
#include "control/network/listing.h"
#include "control/network/networks.h"
#include "control/network/ports.h"
#include "control/network/quotas.h"
#include "control/network/subnet_values.h"
#include "control/network/subnetpools.h"

namespace hanok::network {
namespace {

const Fields& subnet_fields() {
  static const Fields fields = {
      {"name", FieldType::kText, kPost | kPut},
      {"description", FieldType::kText, kPost | kPut},
      {"network_id", FieldType::kUuid, kPost | kRequired},
      {"ip_version", FieldType::kInteger, kPost},
      {"cidr", FieldType::kTextOrNull, kPost},
      {"prefixlen", FieldType::kIntegerOrNull, kPost},
      {"subnetpool_id", FieldType::kUuidOrNull, kPost},
      {"use_default_subnetpool", FieldType::kBool, kPost},
      {"gateway_ip", FieldType::kTextOrNull, kPost | kPut},
      {"allocation_pools", FieldType::kArray, kPost | kPut},
      {"enable_dhcp", FieldType::kBool, kPost | kPut},
      {"dns_nameservers", FieldType::kArray, kPost | kPut},
      {"host_routes", FieldType::kArray, kPost | kPut},
      {"service_types", FieldType::kArray, kPost | kPut},
      {"ipv6_address_mode", FieldType::kTextOrNull, kPost},
      {"ipv6_ra_mode", FieldType::kTextOrNull, kPost},
  };
  return fields;
}

const Listing& subnet_listing() {
  static const Listing subnets = {
      "subnets",
      "subnets",
      std::string("SELECT t.*, (SELECT json_group_array(first_key || '-' || last_key) FROM (SELECT "
                  "first_key, last_key"
                  " FROM allocation_pools WHERE subnet_id = t.id ORDER BY first_key)) AS pools, ") +
          kTagsSql + " FROM subnets t",
      {{"name", "t.name"},
       {"network_id", "t.network_id"},
       {"project_id", "t.project_id"},
       {"description", "t.description"},
       {"cidr", "t.cidr"},
       {"gateway_ip", "t.gateway_ip"},
       {"ip_version", "t.ip_version", ColumnType::kInteger},
       {"enable_dhcp", "t.enable_dhcp", ColumnType::kBool},
       {"ipv6_address_mode", "t.ipv6_address_mode"},
       {"ipv6_ra_mode", "t.ipv6_ra_mode"},
       {"subnetpool_id", "t.subnetpool_id"},
       {"shared", "(SELECT shared FROM networks WHERE id = t.network_id)", ColumnType::kBool},
       {"router:external", "(SELECT external FROM networks WHERE id = t.network_id)", ColumnType::kBool}},
      subnet_not_found};
  return subnets;
}

Condition visible_subnets(const http::Caller& caller) {
  if (caller.is_admin) return {"1 = 1"};
  return {
      "(t.project_id = ? OR t.network_id IN (SELECT id FROM networks WHERE shared = 1 OR project_id = ?))",
      {caller.project_id, caller.project_id}};
}

Json pools_json(const Json& stored) {
  Json out = Json::array();
  for (const Json& pool : stored) {
    const auto text = pool.get<std::string>();
    const auto dash = text.find('-');
    out.push_back({{"start", to_text(from_key(text.substr(0, dash)))},
                   {"end", to_text(from_key(text.substr(dash + 1)))}});
  }
  return out;
}

Json subnet_json(const store::Row& row, const http::Caller&) {
  Json out = {{"name", row.text("name")},
              {"network_id", row.text("network_id")},
              {"ip_version", row.integer("ip_version")},
              {"cidr", row.text("cidr")},
              {"gateway_ip", row.text_or_null("gateway_ip")},
              {"enable_dhcp", row.boolean("enable_dhcp")},
              {"ipv6_address_mode", row.text_or_null("ipv6_address_mode")},
              {"ipv6_ra_mode", row.text_or_null("ipv6_ra_mode")},
              {"allocation_pools", pools_json(row.json("pools"))},
              {"dns_nameservers", row.json("dns_nameservers")},
              {"host_routes", row.json("host_routes")},
              {"service_types", row.json("service_types")},
              {"subnetpool_id", row.text_or_null("subnetpool_id")}};
  add_standard_fields(out, row);
  return out;
}

Result<store::Row> own_subnet(store::Tx& tx, const http::Request& request, const char* rule) {
  const std::string& id = request.param("id");
  HANOK_TRY(row, find_row(tx, subnet_listing(), id));
  auto network = visible_network(tx, row.text("network_id"), request.caller);
  if (owns(request.caller, row) || (network.ok() && owns(request.caller, *network))) return row;
  if (network.ok() && network->boolean("shared")) return not_authorized(rule);
  return subnet_not_found(id);
}

// The prefix that the body names, or one out of a subnet pool.
Result<Prefix> choose_cidr(store::Tx& tx, Json& body, const http::Caller& caller) {
  std::optional<Prefix> cidr;
  if (!text_of(body, "cidr").empty()) {
    HANOK_TRY(read, read_cidr(text_of(body, "cidr")));
    cidr = read;
  }
  const std::int64_t version = body.value("ip_version", cidr ? std::int64_t{cidr->address.version} : 4);
  if (version != 4 && version != 6) {
    return invalid_value("ip_version", "'" + std::to_string(version) + "' is not in [4, 6]");
  }
  if (cidr && cidr->address.version != version) {
    return invalid_input("cidr '" + cidr->text() + "' does not match the ip_version '" +
                         std::to_string(version) + "'");
  }
  if (flag_of(body, "use_default_subnetpool", false)) {
    HANOK_TRY(id, default_subnetpool(tx, version));
    body["subnetpool_id"] = id;
  }
  const std::string pool = text_of(body, "subnetpool_id");
  if (!pool.empty()) {
    std::optional<std::int64_t> length;
    if (body.contains("prefixlen") && !body["prefixlen"].is_null())
      length = body["prefixlen"].get<std::int64_t>();
    return allocate_prefix(tx, {pool, cidr, length}, caller);
  }
  if (!cidr)
    return bad_request("Bad subnets request: a subnetpool must be specified in the absence of a cidr.",
                       "BadRequest");
  return *cidr;
}

Status check_overlap(store::Tx& tx, const std::string& network_id, const Prefix& cidr) {
  HANOK_TRY(other,
            tx.query_one("SELECT id FROM subnets WHERE network_id = ? AND ip_version = ?"
                         " AND first_key <= ? AND last_key >= ? LIMIT 1",
                         {network_id, cidr.address.version, to_key(cidr.last()), to_key(cidr.first())}));
  if (!other) return {};
  return invalid_input("Requested subnet with cidr: " + cidr.text() + " for network: " + network_id +
                       " overlaps with another subnet");
}

Status check_service_types(const Json& body) {
  for (const Json& type : body.value("service_types", Json(Json::array()))) {
    if (!type.is_string() || type.get_ref<const std::string&>().size() > 255) {
      return invalid_value("service_types", "it is not a list of device owners");
    }
  }
  return {};
}

store::Arg text_or_null(const std::string& text) {
  if (text.empty()) return nullptr;
  return text;
}

// Ports that are there already get their address of a subnet that gives them by MAC.
Status address_existing_ports(store::Tx& tx, const std::string& network_id, const std::string& subnet_id) {
  HANOK_TRY(subnet,
            tx.query_one("SELECT id, cidr, ipv6_address_mode FROM subnets WHERE id = ?", {subnet_id}));
  if (!is_auto_address(*subnet)) return {};
  HANOK_TRY(ports, tx.query("SELECT id, mac, device_owner FROM ports WHERE network_id = ?", {network_id}));
  for (const store::Row& port : ports) {
    const std::string owner = port.text("device_owner");
    if (is_router_owner(owner) || owner == kFloatingIpPort) continue;
    HANOK_CHECK(add_auto_address(tx, {port.text("id"), network_id, port.text("mac"), owner}, *subnet));
    HANOK_CHECK(touch_port(tx, port.text("id")));
  }
  return {};
}

Result<std::string> insert_subnet(store::Tx& tx, const Context& context, Json body,
                                  const http::Caller& caller) {
  const std::string network_id = text_of(body, "network_id");
  HANOK_TRY(network, visible_network(tx, network_id, caller));
  if (!owns(caller, network)) return not_authorized("create_subnet");
  HANOK_TRY(cidr, choose_cidr(tx, body, caller));
  HANOK_TRY(values, read_subnet_values(body, cidr));
  HANOK_CHECK(check_service_types(body));
  HANOK_CHECK(check_overlap(tx, network_id, cidr));
  HANOK_CHECK(check_quota(tx, "subnet", text_of(body, "project_id")));
  const std::string id = new_uuid();
  const std::int64_t now_us = context.clock.now_us();
  HANOK_CHECK(tx.execute(
      "INSERT INTO subnets (id, network_id, project_id, name, description, ip_version, cidr, first_key, "
      "last_key,"
      " gateway_ip, enable_dhcp, ipv6_address_mode, ipv6_ra_mode, dns_nameservers, host_routes, "
      "service_types,"
      " subnetpool_id, created_us, updated_us, revision) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
      "?, ?, ?, ?, ?, 0)",
      {id, network_id, text_of(body, "project_id"), text_of(body, "name"), text_of(body, "description"),
       cidr.address.version, cidr.text(), to_key(cidr.first()), to_key(cidr.last()),
       text_or_null(values.gateway ? to_text(*values.gateway) : ""), values.enable_dhcp,
       text_or_null(values.address_mode), text_or_null(values.ra_mode),
       body.value("dns_nameservers", Json(Json::array())), body.value("host_routes", Json(Json::array())),
       body.value("service_types", Json(Json::array())), text_or_null(text_of(body, "subnetpool_id")), now_us,
       now_us}));
  HANOK_CHECK(set_pools(tx, id, values.pools));
  HANOK_CHECK(address_existing_ports(tx, network_id, id));
  HANOK_CHECK(tx.touch("subnet", id));
  return id;
}

Result<std::vector<Range>> stored_pools(store::Tx& tx, const std::string& subnet_id) {
  HANOK_TRY(rows,
            tx.query("SELECT first_key, last_key FROM allocation_pools WHERE subnet_id = ?", {subnet_id}));
  std::vector<Range> out;
  for (const store::Row& row : rows)
    out.push_back({from_key(row.text("first_key")), from_key(row.text("last_key"))});
  return out;
}

Status check_gateway_free(store::Tx& tx, const store::Row& row) {
  if (row.is_null("gateway_ip")) return {};
  HANOK_TRY(port, tx.query_one("SELECT p.id FROM port_addresses a JOIN ports p ON p.id = a.port_id"
                               " WHERE a.subnet_id = ? AND a.ip = ? AND p.device_owner = ?",
                               {row.text("id"), row.text("gateway_ip"), kRouterInterface}));
  if (!port) return {};
  return conflict("Current gateway ip " + row.text("gateway_ip") + " already in use by port " +
                      port->text("id") + ". Unable to update.",
                  "GatewayIpInUse");
}

// The new gateway and pools of a PUT, against one another and what is stored.
Status update_addressing(store::Tx& tx, const store::Row& row, const Json& body, RowUpdate& update) {
  const Prefix cidr = parse_prefix(row.text("cidr")).value();
  const std::string id = row.text("id");
  HANOK_TRY(pools, stored_pools(tx, id));
  std::optional<IpAddress> gateway;
  if (!row.is_null("gateway_ip")) gateway = parse_ip(row.text("gateway_ip"));
  if (body.contains("gateway_ip")) {
    HANOK_TRY(wanted, read_gateway(body["gateway_ip"], cidr));
    if (wanted != gateway) HANOK_CHECK(check_gateway_free(tx, row));
    gateway = wanted;
    update.set("gateway_ip", text_or_null(gateway ? to_text(*gateway) : ""));
  }
  if (body.contains("allocation_pools")) {
    HANOK_TRY(wanted, read_pools(body["allocation_pools"], cidr));
    pools = std::move(wanted);
    HANOK_CHECK(set_pools(tx, id, pools));
  }
  return check_gateway_outside(gateway, pools);
}

Status check_update(const store::Row& row, const Json& body) {
  if (body.contains("dns_nameservers")) HANOK_CHECK(check_nameservers(body["dns_nameservers"]));
  if (body.contains("host_routes")) HANOK_CHECK(check_routes(body["host_routes"], kMaxHostRoutes));
  const bool has_mode = !row.is_null("ipv6_address_mode") || !row.is_null("ipv6_ra_mode");
  if (has_mode && !flag_of(body, "enable_dhcp", true)) {
    return invalid_input("ipv6_ra_mode or ipv6_address_mode cannot be set when enable_dhcp is set to False");
  }
  return check_service_types(body);
}

// Addresses that the network itself gave (by MAC) go with the subnet; those that were allocated hold it.
Status remove_subnet(store::Tx& tx, const store::Row& row, std::int64_t now_us) {
  const std::string id = row.text("id");
  HANOK_TRY(users,
            tx.query("SELECT a.port_id, p.device_owner FROM port_addresses a JOIN ports p ON p.id = a.port_id"
                     " WHERE a.subnet_id = ?",
                     {id}));
  const bool automatic = is_auto_address(row);
  for (const store::Row& user : users) {
    const std::string owner = user.text("device_owner");
    if (owner == "network:dhcp" || (automatic && !is_router_owner(owner))) continue;
    return conflict("Unable to complete operation on subnet " + id +
                        ": One or more ports have an IP allocation from this subnet.",
                    "SubnetInUse");
  }
  HANOK_CHECK(tx.execute("DELETE FROM port_addresses WHERE subnet_id = ?", {id}));
  for (const store::Row& user : users) {
    HANOK_CHECK(drop_stale_floating_ips(tx, user.text("port_id"), now_us));
    HANOK_CHECK(touch_port(tx, user.text("port_id")));
  }
  HANOK_CHECK(tx.execute("DELETE FROM network_tags WHERE resource_id = ?", {id}));
  HANOK_CHECK(tx.execute("DELETE FROM subnets WHERE id = ?", {id}));
  return tx.touch("subnet", id);
}

}  // namespace

Reply list_subnets(const Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) {
    return list_rows(tx, request, subnet_listing(), visible_subnets(request.caller), subnet_json);
  });
}

Reply show_subnet(const Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) -> Reply {
    Condition where = visible_subnets(request.caller);
    where.args.emplace_back(request.param("id"));
    HANOK_TRY(row,
              tx.query_one(subnet_listing().select + " WHERE " + where.sql + " AND t.id = ?", where.args));
    if (!row) return subnet_not_found(request.param("id"));
    return show(request, "subnet", subnet_json(*row, request.caller));
  });
}

Reply create_subnet(const Context& context, http::Request& request) {
  HANOK_TRY(creation, read_creation(request, "subnet", "subnets", subnet_fields()));
  return context.database.write([&](store::Tx& tx) -> Reply {
    Json made = Json::array();
    for (const Json& body : creation.objects) {
      HANOK_TRY(id, insert_subnet(tx, context, body, request.caller));
      HANOK_TRY(row, find_row(tx, subnet_listing(), id));
      made.push_back(subnet_json(row, request.caller));
    }
    if (creation.bulk) return http::created({{"subnets", std::move(made)}});
    return http::created({{"subnet", std::move(made[0])}});
  });
}

Reply update_subnet(const Context& context, http::Request& request) {
  HANOK_TRY(body, read_update(request, "subnet", subnet_fields()));
  return context.database.write([&](store::Tx& tx) -> Reply {
    HANOK_TRY(row, own_subnet(tx, request, "update_subnet"));
    HANOK_CHECK(check_update(row, body));
    RowUpdate update("subnets");
    HANOK_CHECK(update_addressing(tx, row, body, update));
    for (const char* key :
         {"name", "description", "enable_dhcp", "dns_nameservers", "host_routes", "service_types"}) {
      update.copy(body, key);
    }
    HANOK_CHECK(update.apply(tx, row.text("id"), context.clock.now_us()));
    HANOK_CHECK(tx.touch("subnet", row.text("id")));
    HANOK_TRY(fresh, find_row(tx, subnet_listing(), row.text("id")));
    return http::ok({{"subnet", subnet_json(fresh, request.caller)}});
  });
}

Reply delete_subnet(const Context& context, http::Request& request) {
  return context.database.write([&](store::Tx& tx) -> Reply {
    HANOK_TRY(row, own_subnet(tx, request, "delete_subnet"));
    HANOK_CHECK(remove_subnet(tx, row, context.clock.now_us()));
    return http::no_content();
  });
}

}  // namespace hanok::network

#include "control/network/networks.h"

#include <regex>

#include "common/uuid.h"
#include "control/network/body.h"
#include "control/network/errors.h"
#include "control/network/handlers.h"
#include "control/network/listing.h"
#include "control/network/ports.h"
#include "control/network/qos.h"
#include "control/network/quotas.h"
#include "control/network/security_groups.h"
#include "control/network/segments.h"

namespace hanok::network {
namespace {

const Fields& network_fields() {
  static const Fields fields = {
      {"name", FieldType::kText, kPost | kPut},
      {"description", FieldType::kText, kPost | kPut},
      {"admin_state_up", FieldType::kBool, kPost | kPut},
      {"shared", FieldType::kBool, kPost | kPut | kAdminOnly},
      {"router:external", FieldType::kBool, kPost | kPut | kAdminOnly},
      {"is_default", FieldType::kBool, kPost | kPut | kAdminOnly},
      {"mtu", FieldType::kInteger, kPost | kPut},
      {"port_security_enabled", FieldType::kBool, kPost | kPut},
      {"qos_policy_id", FieldType::kUuidOrNull, kPost | kPut},
      {"availability_zone_hints", FieldType::kArray, kPost},
      {"provider:network_type", FieldType::kTextOrNull, kPost | kAdminOnly},
      {"provider:physical_network", FieldType::kTextOrNull, kPost | kAdminOnly},
      {"provider:segmentation_id", FieldType::kIntegerOrNull, kPost | kAdminOnly},
      {"segments", FieldType::kArray, kPost | kAdminOnly},
      {"dns_domain", FieldType::kText, kPost | kPut},
  };
  return fields;
}

const Listing& network_listing() {
  static const Listing networks = {
      "networks",
      "networks",
      std::string(
          "SELECT t.*, (SELECT json_group_array(id) FROM (SELECT id FROM subnets WHERE network_id = t.id"
          " ORDER BY created_us, id)) AS subnet_ids, ") +
          kSegmentsSql + ", " + kQosSql + ", " + kTagsSql + " FROM networks t",
      {{"name", "t.name"},
       {"project_id", "t.project_id"},
       {"description", "t.description"},
       {"status", "'ACTIVE'"},
       {"admin_state_up", "t.admin_state_up", ColumnType::kBool},
       {"shared", "t.shared", ColumnType::kBool},
       {"router:external", "t.external", ColumnType::kBool},
       {"is_default", "t.is_default", ColumnType::kBool},
       {"mtu", "t.mtu", ColumnType::kInteger},
       {"port_security_enabled", "t.port_security_enabled", ColumnType::kBool},
       {"dns_domain", "t.dns_domain"},
       {"provider:network_type", "t.id IN (SELECT network_id FROM segments WHERE network_type = ?)"},
       {"provider:physical_network", "t.id IN (SELECT network_id FROM segments WHERE physical_network = ?)"},
       {"provider:segmentation_id", "t.id IN (SELECT network_id FROM segments WHERE segmentation_id = ?)",
        ColumnType::kInteger},
       {"subnets", "t.id IN (SELECT network_id FROM subnets WHERE id = ?)"},
       {"created_at", "t.created_us", ColumnType::kInteger}},
      network_not_found};
  return networks;
}

Condition visible_networks(const http::Caller& caller) {
  if (caller.is_admin) return {"1 = 1"};
  return {"(t.project_id = ? OR t.shared = 1 OR t.external = 1)", {caller.project_id}};
}

Json network_json(const store::Row& row, const http::Caller& caller) {
  Json out = {{"name", row.text("name")},
              {"admin_state_up", row.boolean("admin_state_up")},
              {"status", "ACTIVE"},
              {"shared", row.boolean("shared")},
              {"router:external", row.boolean("external")},
              {"mtu", row.integer("mtu")},
              {"dns_domain", row.text("dns_domain")},
              {"subnets", row.json("subnet_ids")},
              {"port_security_enabled", row.boolean("port_security_enabled")},
              {"qos_policy_id", row.text_or_null("qos_policy_id")},
              {"availability_zone_hints", row.json("availability_zone_hints")},
              {"availability_zones", Json::array({"nova"})},
              {"ipv4_address_scope", nullptr},
              {"ipv6_address_scope", nullptr}};
  if (row.boolean("external")) out["is_default"] = row.boolean("is_default");
  if (caller.is_admin) add_provider_fields(out, row);
  add_standard_fields(out, row);
  return out;
}

Status check_mtu(const Json& body) {
  if (!body.contains("mtu")) return {};
  const auto mtu = body["mtu"].get<std::int64_t>();
  if (mtu == 0 || (mtu >= 68 && mtu <= kMaxMtu)) return {};
  return invalid_value("mtu", "'" + std::to_string(mtu) + "' is too small - must be at least '68'");
}

// RFC 1035: labels of letters, digits and hyphens; a dot at the end may stand or not.
Status check_dns_domain(const Json& body) {
  static const std::regex kDomain(
      "([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\\.)*"
      "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\\.?");
  const std::string domain = text_of(body, "dns_domain");
  if (domain.empty() || (domain.size() <= 253 && std::regex_match(domain, kDomain))) return {};
  return invalid_value("dns_domain", "'" + domain.substr(0, 50) + "' is not a domain name");
}

Result<std::string> insert_network(store::Tx& tx, const Context& context, const Json& body) {
  HANOK_CHECK(check_mtu(body));
  HANOK_CHECK(check_dns_domain(body));
  const std::string project_id = text_of(body, "project_id");
  HANOK_CHECK(check_quota(tx, "network", project_id));
  const bool external = flag_of(body, "router:external", false);
  HANOK_TRY(segments, choose_segments(tx, body, external, context.options));
  std::int64_t mtu = body.value("mtu", std::int64_t{0});
  if (mtu == 0) mtu = default_mtu(segments);
  const std::string id = new_uuid();
  const std::int64_t now_us = context.clock.now_us();
  HANOK_CHECK(
      tx.execute("INSERT INTO networks (id, project_id, name, description, admin_state_up, shared, external, "
                 "is_default, mtu, dns_domain, port_security_enabled, availability_zone_hints, created_us,"
                 " updated_us, revision) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)",
                 {id, project_id, text_of(body, "name"), text_of(body, "description"),
                  flag_of(body, "admin_state_up", true), flag_of(body, "shared", false), external,
                  flag_of(body, "is_default", false), mtu, text_of(body, "dns_domain"),
                  flag_of(body, "port_security_enabled", true),
                  body.value("availability_zone_hints", Json(Json::array())), now_us, now_us}));
  for (const Segment& segment : segments) HANOK_CHECK(insert_segment(tx, id, segment, {}, now_us));
  if (!project_id.empty()) HANOK_CHECK(ensure_default_group(tx, project_id, now_us));
  HANOK_CHECK(tx.touch("network", id));
  return id;
}

// What is in use may not be taken away by changing the network.
Status check_flags(store::Tx& tx, const store::Row& row, const Json& body) {
  const std::string id = row.text("id");
  if (row.boolean("shared") && !flag_of(body, "shared", true) && !row.boolean("external")) {
    HANOK_TRY(other, tx.query_one("SELECT 1 AS one FROM ports WHERE network_id = ? AND project_id <> ?"
                                  " AND project_id <> '' LIMIT 1",
                                  {id, row.text("project_id")}));
    if (other) {
      return conflict(
          "Unable to reconfigure sharing settings for network " + id + ". Multiple projects are using it.",
          "InvalidSharedSetting");
    }
  }
  if (row.boolean("external") && !flag_of(body, "router:external", true)) {
    HANOK_TRY(user, tx.query_one(
                        "SELECT 1 AS one FROM ports WHERE network_id = ? AND device_owner IN (?, ?) LIMIT 1",
                        {id, kRouterGateway, kFloatingIpPort}));
    if (user) {
      return conflict("External network " + id +
                          " cannot be updated to be made non-external, since it has existing"
                          " gateway ports.",
                      "ExternalNetworkInUse");
    }
  }
  return {};
}

Status remove_network(store::Tx& tx, const std::string& id, std::int64_t now_us) {
  HANOK_TRY(used,
            tx.query("SELECT id FROM ports WHERE network_id = ? AND device_owner <> 'network:dhcp' LIMIT 10",
                     {id}));
  if (!used.empty()) {
    std::string ids;
    for (const store::Row& port : used) ids += (ids.empty() ? "" : ", ") + port.text("id");
    return conflict("Unable to complete operation on network " + id +
                        ". There are one or more ports still in use on the network, id for these ports is " +
                        ids + ".",
                    "NetworkInUse");
  }
  HANOK_TRY(own, tx.query("SELECT id FROM ports WHERE network_id = ?", {id}));
  for (const store::Row& port : own) HANOK_CHECK(remove_port(tx, port.text("id"), now_us));
  HANOK_TRY(subnets, tx.query("SELECT id FROM subnets WHERE network_id = ?", {id}));
  for (const store::Row& subnet : subnets) HANOK_CHECK(tx.touch("subnet", subnet.text("id")));
  HANOK_CHECK(tx.execute("DELETE FROM subnets WHERE network_id = ?", {id}));
  HANOK_CHECK(tx.execute("DELETE FROM network_tags WHERE resource_id = ?", {id}));
  HANOK_CHECK(tx.execute("DELETE FROM segments WHERE network_id = ?", {id}));
  HANOK_CHECK(tx.execute("DELETE FROM networks WHERE id = ?", {id}));
  return tx.touch("network", id);
}

Result<store::Row> changeable_network(store::Tx& tx, const http::Request& request, const char* rule) {
  const std::string& id = request.param("id");
  HANOK_TRY(row, find_row(tx, network_listing(), id));
  if (owns(request.caller, row)) return row;
  if (row.boolean("shared") || row.boolean("external")) return not_authorized(rule);
  return network_not_found(id);
}

}  // namespace

bool owns(const http::Caller& caller, const store::Row& row) {
  return caller.is_admin || (!caller.project_id.empty() && row.text("project_id") == caller.project_id);
}

Result<store::Row> visible_network(store::Tx& tx, const std::string& id, const http::Caller& caller) {
  HANOK_TRY(row, tx.query_one("SELECT * FROM networks WHERE id = ?", {id}));
  if (!row) return network_not_found(id);
  if (!owns(caller, *row) && !row->boolean("shared") && !row->boolean("external"))
    return network_not_found(id);
  return std::move(*row);
}

Reply list_networks(const Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) {
    return list_rows(tx, request, network_listing(), visible_networks(request.caller), network_json);
  });
}

Reply show_network(const Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) -> Reply {
    HANOK_CHECK(visible_network(tx, request.param("id"), request.caller));
    HANOK_TRY(row, find_row(tx, network_listing(), request.param("id")));
    return show(request, "network", network_json(row, request.caller));
  });
}

Reply create_network(const Context& context, http::Request& request) {
  HANOK_TRY(creation, read_creation(request, "network", "networks", network_fields()));
  return context.database.write([&](store::Tx& tx) -> Reply {
    Json made = Json::array();
    for (const Json& body : creation.objects) {
      HANOK_TRY(id, insert_network(tx, context, body));
      HANOK_CHECK(bind_qos_policy(tx, body, "network", id, request.caller));
      HANOK_TRY(row, find_row(tx, network_listing(), id));
      made.push_back(network_json(row, request.caller));
    }
    if (creation.bulk) return http::created({{"networks", std::move(made)}});
    return http::created({{"network", std::move(made[0])}});
  });
}

Reply update_network(const Context& context, http::Request& request) {
  HANOK_TRY(body, read_update(request, "network", network_fields()));
  return context.database.write([&](store::Tx& tx) -> Reply {
    HANOK_TRY(row, changeable_network(tx, request, "update_network"));
    const std::string id = row.text("id");
    HANOK_CHECK(check_mtu(body));
    HANOK_CHECK(check_dns_domain(body));
    HANOK_CHECK(check_flags(tx, row, body));
    RowUpdate update("networks");
    for (const char* key : {"name", "description", "admin_state_up", "shared", "is_default", "dns_domain",
                            "port_security_enabled"}) {
      update.copy(body, key);
    }
    update.copy(body, "router:external", "external");
    if (body.contains("mtu")) {
      const auto mtu = body["mtu"].get<std::int64_t>();
      HANOK_TRY(segments, segments_of(tx, id));
      update.set("mtu", mtu != 0 ? mtu : default_mtu(segments));
    }
    HANOK_CHECK(update.apply(tx, id, context.clock.now_us()));
    HANOK_CHECK(bind_qos_policy(tx, body, "network", id, request.caller));
    HANOK_CHECK(tx.touch("network", id));
    HANOK_TRY(fresh, find_row(tx, network_listing(), id));
    return http::ok({{"network", network_json(fresh, request.caller)}});
  });
}

Reply delete_network(const Context& context, http::Request& request) {
  return context.database.write([&](store::Tx& tx) -> Reply {
    HANOK_TRY(row, changeable_network(tx, request, "delete_network"));
    HANOK_CHECK(remove_network(tx, row.text("id"), context.clock.now_us()));
    return http::no_content();
  });
}

}  // namespace hanok::network

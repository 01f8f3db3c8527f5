#include "control/network/routers.h"

#include "common/uuid.h"
#include "control/network/body.h"
#include "control/network/errors.h"
#include "control/network/handlers.h"
#include "control/network/ports.h"
#include "control/network/quotas.h"

namespace hanok::network {
namespace {

const Fields& router_fields() {
  static const Fields fields = {
      {"name", FieldType::kText, kPost | kPut},
      {"description", FieldType::kText, kPost | kPut},
      {"admin_state_up", FieldType::kBool, kPost | kPut},
      {"external_gateway_info", FieldType::kObjectOrNull, kPost | kPut},
      {"routes", FieldType::kArray, kPut},
      {"availability_zone_hints", FieldType::kArray, kPost},
  };
  return fields;
}

Json gateway_json(const store::Row& row) {
  if (row.is_null("gateway_port_id")) return nullptr;
  return {{"network_id", row.text("gateway_network_id")},
          {"enable_snat", row.boolean("enable_snat")},
          {"external_fixed_ips", row.json("gateway_ips")}};
}

Result<std::string> insert_router(store::Tx& tx, const Context& context, const Json& body,
                                  const http::Caller& caller) {
  const std::string project_id = text_of(body, "project_id");
  HANOK_CHECK(check_quota(tx, "router", project_id));
  const std::string id = new_uuid();
  const std::int64_t now_us = context.clock.now_us();
  HANOK_CHECK(tx.execute(
      "INSERT INTO routers (id, project_id, name, description, admin_state_up, routes, "
      "availability_zone_hints,"
      " enable_snat, created_us, updated_us, revision) VALUES (?, ?, ?, ?, ?, '[]', ?, 1, ?, ?, 1)",
      {id, project_id, text_of(body, "name"), text_of(body, "description"),
       flag_of(body, "admin_state_up", true), body.value("availability_zone_hints", Json(Json::array())),
       now_us, now_us}));
  if (body.contains("external_gateway_info")) {
    HANOK_TRY(row, find_row(tx, router_listing(), id));
    HANOK_CHECK(set_gateway(tx, context, row, body["external_gateway_info"], caller));
  }
  HANOK_CHECK(tx.touch("router", id));
  return id;
}

}  // namespace

const Listing& router_listing() {
  static const Listing routers = {
      "routers",
      "routers",
      std::string(
          "SELECT t.*, (SELECT json_group_array(json_object('subnet_id', subnet_id, 'ip_address', ip)) FROM"
          " (SELECT subnet_id, ip FROM port_addresses WHERE port_id = t.gateway_port_id ORDER BY position))"
          " AS gateway_ips, ") +
          kTagsSql + " FROM routers t",
      {{"name", "t.name"},
       {"project_id", "t.project_id"},
       {"description", "t.description"},
       {"status", "'ACTIVE'"},
       {"admin_state_up", "t.admin_state_up", ColumnType::kBool}},
      router_not_found};
  return routers;
}

Json router_json(const store::Row& row, const http::Caller& caller) {
  Json out = {{"name", row.text("name")},
              {"admin_state_up", row.boolean("admin_state_up")},
              {"status", "ACTIVE"},
              {"external_gateway_info", gateway_json(row)},
              {"routes", row.json("routes")},
              {"availability_zone_hints", row.json("availability_zone_hints")},
              {"availability_zones", Json::array({"nova"})},
              {"flavor_id", nullptr}};
  if (caller.is_admin) {
    out["distributed"] = false;
    out["ha"] = false;
  }
  add_standard_fields(out, row);
  return out;
}

Status touch_router(store::Tx& tx, const std::string& id, std::int64_t now_us) {
  HANOK_CHECK(
      tx.execute("UPDATE routers SET updated_us = ?, revision = revision + 1 WHERE id = ?", {now_us, id}));
  return tx.touch("router", id);
}

Reply list_routers(const Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) {
    return list_rows(tx, request, router_listing(), own_rows(request.caller), router_json);
  });
}

Reply show_router(const Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) -> Reply {
    HANOK_TRY(row, find_own_row(tx, router_listing(), request.param("id"), request.caller));
    return show(request, "router", router_json(row, request.caller));
  });
}

Reply create_router(const Context& context, http::Request& request) {
  HANOK_TRY(creation, read_creation(request, "router", "routers", router_fields()));
  return context.database.write([&](store::Tx& tx) -> Reply {
    Json made = Json::array();
    for (const Json& body : creation.objects) {
      HANOK_TRY(id, insert_router(tx, context, body, request.caller));
      HANOK_TRY(row, find_row(tx, router_listing(), id));
      made.push_back(router_json(row, request.caller));
    }
    if (creation.bulk) return http::created({{"routers", std::move(made)}});
    return http::created({{"router", std::move(made[0])}});
  });
}

Reply update_router(const Context& context, http::Request& request) {
  HANOK_TRY(body, read_update(request, "router", router_fields()));
  return context.database.write([&](store::Tx& tx) -> Reply {
    HANOK_TRY(row, find_own_row(tx, router_listing(), request.param("id"), request.caller));
    const std::string id = row.text("id");
    if (body.contains("external_gateway_info")) {
      HANOK_CHECK(set_gateway(tx, context, row, body["external_gateway_info"], request.caller));
    }
    RowUpdate update("routers");
    if (body.contains("routes")) {
      HANOK_CHECK(check_router_routes(tx, id, body["routes"]));
      update.set("routes", body["routes"]);
    }
    for (const char* key : {"name", "description", "admin_state_up"}) update.copy(body, key);
    HANOK_CHECK(update.apply(tx, id, context.clock.now_us()));
    HANOK_CHECK(tx.touch("router", id));
    HANOK_TRY(fresh, find_row(tx, router_listing(), id));
    return http::ok({{"router", router_json(fresh, request.caller)}});
  });
}

Reply delete_router(const Context& context, http::Request& request) {
  return context.database.write([&](store::Tx& tx) -> Reply {
    HANOK_TRY(row, find_own_row(tx, router_listing(), request.param("id"), request.caller));
    const std::string id = row.text("id");
    HANOK_TRY(port, tx.query_one("SELECT id FROM ports WHERE device_id = ? AND device_owner = ? LIMIT 1",
                                 {id, kRouterInterface}));
    if (port) return conflict("Router " + id + " still has ports.", "RouterInUse");
    HANOK_CHECK(set_gateway(tx, context, row, nullptr, request.caller));
    HANOK_CHECK(tx.execute("DELETE FROM network_tags WHERE resource_id = ?", {id}));
    HANOK_CHECK(tx.execute("DELETE FROM routers WHERE id = ?", {id}));
    HANOK_CHECK(tx.touch("router", id));
    return http::no_content();
  });
}

}  // namespace hanok::network

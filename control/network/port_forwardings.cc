#include "control/network/port_forwardings.h"

#include <cctype>

#include "common/uuid.h"
#include "control/network/body.h"
#include "control/network/errors.h"
#include "control/network/floating_ips.h"
#include "control/network/handlers.h"
#include "control/network/listing.h"

namespace hanok::network {
namespace {

const Fields& forwarding_fields() {
  static const Fields fields = {
      {"protocol", FieldType::kText, kPost | kPut | kRequired},
      {"external_port", FieldType::kInteger, kPost | kPut | kRequired},
      {"internal_port", FieldType::kInteger, kPost | kPut | kRequired},
      {"internal_port_id", FieldType::kUuid, kPost | kPut | kRequired},
      {"internal_ip_address", FieldType::kText, kPost | kPut | kRequired},
      {"description", FieldType::kText, kPost | kPut},
  };
  return fields;
}

Error forwarding_not_found(const std::string& id) {
  return not_found("Port Forwarding " + id + " could not be found.", "PortForwardingNotFound");
}

const Listing& port_forwarding_listing() {
  static const Listing forwardings = {"port_forwardings",
                                      "port_forwardings",
                                      "SELECT t.*, '[]' AS tags FROM port_forwardings t",
                                      {{"project_id", "t.project_id"},
                                       {"description", "t.description"},
                                       {"protocol", "t.protocol"},
                                       {"external_port", "t.external_port", ColumnType::kInteger},
                                       {"internal_port", "t.internal_port", ColumnType::kInteger},
                                       {"internal_port_id", "t.internal_port_id"},
                                       {"internal_ip_address", "t.internal_ip"}},
                                      forwarding_not_found};
  return forwardings;
}

// Neutron shows no other standard fields here.
Json forwarding_json(const store::Row& row, const http::Caller&) {
  return {{"id", row.text("id")},
          {"description", row.text("description")},
          {"protocol", row.text("protocol")},
          {"external_port", row.integer("external_port")},
          {"internal_port", row.integer("internal_port")},
          {"internal_port_id", row.text("internal_port_id")},
          {"internal_ip_address", row.text("internal_ip")}};
}

Error bad_forwarding(const std::string& reason) {
  return bad_request("Bad port_forwarding request: " + reason + ".", "BadRequest");
}

Result<store::Row> own_floating_ip(store::Tx& tx, const http::Request& request) {
  const std::string& id = request.param("floatingip_id");
  HANOK_TRY(row, tx.query_one("SELECT * FROM floating_ips WHERE id = ?", {id}));
  const http::Caller& caller = request.caller;
  if (!row || (!caller.is_admin && row->text("project_id") != caller.project_id))
    return floating_ip_not_found(id);
  return std::move(*row);
}

Result<store::Row> forwarding_row(store::Tx& tx, const http::Request& request) {
  HANOK_TRY(floating, own_floating_ip(tx, request));
  HANOK_TRY(row, find_row(tx, port_forwarding_listing(), request.param("id")));
  if (row.text("floating_ip_id") != floating.text("id")) return forwarding_not_found(request.param("id"));
  return row;
}

struct Forwarding {
  std::string protocol, internal_port_id, internal_ip;
  std::int64_t external_port = 0, internal_port = 0;
};

Status check_values(Forwarding& wanted) {
  for (char& letter : wanted.protocol) letter = static_cast<char>(std::tolower(letter));
  if (wanted.protocol != "tcp" && wanted.protocol != "udp")
    return invalid_value("protocol", "'" + wanted.protocol.substr(0, 50) + "' is not in ['tcp', 'udp']");
  for (const auto& [name, value] :
       {std::pair("external_port", wanted.external_port), std::pair("internal_port", wanted.internal_port)}) {
    if (value < 1 || value > 65535)
      return invalid_value(name, "'" + std::to_string(value) + "' is not a port from 1 to 65535");
  }
  return {};
}

// What is forwarded to what: each once only (the data plane finds the way back by the inside).
Status check_unique(store::Tx& tx, const std::string& floating_ip_id, const Forwarding& wanted,
                    const std::string& id) {
  HANOK_TRY(same, tx.query_one("SELECT id FROM port_forwardings WHERE id <> ? AND protocol = ? AND"
                               " ((floating_ip_id = ? AND external_port = ?) OR"
                               " (internal_port_id = ? AND internal_ip = ? AND internal_port = ?)) LIMIT 1",
                               {id, wanted.protocol, floating_ip_id, wanted.external_port,
                                wanted.internal_port_id, wanted.internal_ip, wanted.internal_port}));
  if (!same) return {};
  return bad_forwarding("A duplicate port forwarding entry with same attributes already exists: " +
                        same->text("id"));
}

// The router that leads from the floating IP to the inside; checks that both may be used.
Result<std::string> router_to(store::Tx& tx, const store::Row& floating, const Forwarding& wanted,
                              const http::Caller& caller) {
  if (!floating.is_null("port_id")) {
    return conflict("Cannot associate floating IP " + floating.text("ip") + " (" + floating.text("id") +
                        ") with port " + wanted.internal_port_id + " using fixed IP " + wanted.internal_ip +
                        ", as that floating IP already stands for port " + floating.text("port_id") + ".",
                    "FloatingIPPortAlreadyAssociated");
  }
  HANOK_TRY(port, tx.query_one("SELECT id, project_id FROM ports WHERE id = ?", {wanted.internal_port_id}));
  if (!port || (!caller.is_admin && port->text("project_id") != caller.project_id))
    return port_not_found(wanted.internal_port_id);
  HANOK_TRY(address,
            tx.query_one("SELECT a.subnet_id FROM port_addresses a JOIN subnets s ON s.id = a.subnet_id"
                         " WHERE a.port_id = ? AND a.ip = ? AND s.ip_version = 4",
                         {wanted.internal_port_id, wanted.internal_ip}));
  if (!address) {
    return bad_forwarding("Requested internal IP address " + wanted.internal_ip.substr(0, 50) +
                          " is not an IPv4 address of port " + wanted.internal_port_id);
  }
  HANOK_TRY(taken, tx.query_one("SELECT id FROM floating_ips WHERE port_id = ? AND fixed_ip = ?",
                                {wanted.internal_port_id, wanted.internal_ip}));
  if (taken) {
    return bad_forwarding("Port " + wanted.internal_port_id + " with " + wanted.internal_ip +
                          " already has floating IP " + taken->text("id"));
  }
  HANOK_TRY(router_id, router_between(tx, address->text("subnet_id"), floating.text("network_id"),
                                      wanted.internal_port_id));
  if (!floating.is_null("router_id") && floating.text("router_id") != router_id)
    return bad_forwarding("Floating IP " + floating.text("id") + " is served by another router");
  return router_id;
}

Status set_router(store::Tx& tx, const std::string& floating_ip_id,
                  const std::optional<std::string>& router_id, std::int64_t now_us) {
  HANOK_CHECK(
      tx.execute("UPDATE floating_ips SET router_id = ?, updated_us = ?, revision = revision + 1"
                 " WHERE id = ?",
                 {router_id, now_us, floating_ip_id}));
  return tx.touch("floating_ip", floating_ip_id);
}

// After a forwarding went: without any, the floating IP leads nowhere.
Status settle(store::Tx& tx, const std::string& floating_ip_id, std::int64_t now_us) {
  HANOK_TRY(left, tx.query_one("SELECT id FROM port_forwardings WHERE floating_ip_id = ? LIMIT 1",
                               {floating_ip_id}));
  if (!left) return set_router(tx, floating_ip_id, std::nullopt, now_us);
  return tx.touch("floating_ip", floating_ip_id);
}

}  // namespace

Status check_not_forwarded(store::Tx& tx, const std::string& floating_ip_id) {
  HANOK_TRY(row, tx.query_one("SELECT id FROM port_forwardings WHERE floating_ip_id = ? LIMIT 1",
                              {floating_ip_id}));
  if (!row) return {};
  return conflict("Floating IP " + floating_ip_id + " in use by Port Forwarding resources.",
                  "FipInUseByPortForwarding");
}

Status drop_stale_forwardings(store::Tx& tx, const std::string& port_id, std::int64_t now_us) {
  HANOK_TRY(stale, tx.query("SELECT id, floating_ip_id FROM port_forwardings WHERE internal_port_id = ?"
                            " AND internal_ip NOT IN (SELECT ip FROM port_addresses WHERE port_id = ?)",
                            {port_id, port_id}));
  for (const store::Row& row : stale) {
    HANOK_CHECK(tx.execute("DELETE FROM port_forwardings WHERE id = ?", {row.text("id")}));
    HANOK_CHECK(settle(tx, row.text("floating_ip_id"), now_us));
  }
  return {};
}

Reply list_port_forwardings(const Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) -> Reply {
    HANOK_TRY(floating, own_floating_ip(tx, request));
    const Condition of_this{"t.floating_ip_id = ?", {floating.text("id")}};
    return list_rows(tx, request, port_forwarding_listing(), of_this, forwarding_json);
  });
}

Reply show_port_forwarding(const Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) -> Reply {
    HANOK_TRY(row, forwarding_row(tx, request));
    return show(request, "port_forwarding", forwarding_json(row, request.caller));
  });
}

Reply create_port_forwarding(const Context& context, http::Request& request) {
  HANOK_TRY(creation, read_creation(request, "port_forwarding", "port_forwardings", forwarding_fields()));
  return context.database.write([&](store::Tx& tx) -> Reply {
    HANOK_TRY(floating, own_floating_ip(tx, request));
    Json made = Json::array();
    for (const Json& body : creation.objects) {
      Forwarding wanted{text_of(body, "protocol"), text_of(body, "internal_port_id"),
                        text_of(body, "internal_ip_address"), body["external_port"].get<std::int64_t>(),
                        body["internal_port"].get<std::int64_t>()};
      HANOK_CHECK(check_values(wanted));
      HANOK_TRY(router_id, router_to(tx, floating, wanted, request.caller));
      const std::string id = new_uuid();
      HANOK_CHECK(check_unique(tx, floating.text("id"), wanted, id));
      const std::int64_t now_us = context.clock.now_us();
      HANOK_CHECK(
          tx.execute("INSERT INTO port_forwardings (id, floating_ip_id, project_id, description, protocol,"
                     " external_port, internal_port, internal_port_id, internal_ip, created_us, updated_us,"
                     " revision) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
                     {id, floating.text("id"), floating.text("project_id"), text_of(body, "description"),
                      wanted.protocol, wanted.external_port, wanted.internal_port, wanted.internal_port_id,
                      wanted.internal_ip, now_us, now_us}));
      HANOK_CHECK(set_router(tx, floating.text("id"), router_id, now_us));
      HANOK_TRY(row, find_row(tx, port_forwarding_listing(), id));
      made.push_back(forwarding_json(row, request.caller));
    }
    if (creation.bulk) return http::created({{"port_forwardings", std::move(made)}});
    return http::created({{"port_forwarding", std::move(made[0])}});
  });
}

Reply update_port_forwarding(const Context& context, http::Request& request) {
  HANOK_TRY(body, read_update(request, "port_forwarding", forwarding_fields()));
  return context.database.write([&](store::Tx& tx) -> Reply {
    HANOK_TRY(floating, own_floating_ip(tx, request));
    HANOK_TRY(row, forwarding_row(tx, request));
    const auto number = [&](const char* key) {
      return body.contains(key) ? body[key].get<std::int64_t>() : row.integer(key);
    };
    Forwarding wanted{text_of(body, "protocol", row.text("protocol")),
                      text_of(body, "internal_port_id", row.text("internal_port_id")),
                      text_of(body, "internal_ip_address", row.text("internal_ip")), number("external_port"),
                      number("internal_port")};
    HANOK_CHECK(check_values(wanted));
    HANOK_TRY(router_id, router_to(tx, floating, wanted, request.caller));
    HANOK_CHECK(check_unique(tx, floating.text("id"), wanted, row.text("id")));
    RowUpdate update("port_forwardings");
    update.copy(body, "description");
    update.set("protocol", wanted.protocol);
    update.set("external_port", wanted.external_port);
    update.set("internal_port", wanted.internal_port);
    update.set("internal_port_id", wanted.internal_port_id);
    update.set("internal_ip", wanted.internal_ip);
    HANOK_CHECK(update.apply(tx, row.text("id"), context.clock.now_us()));
    HANOK_CHECK(set_router(tx, floating.text("id"), router_id, context.clock.now_us()));
    HANOK_TRY(fresh, find_row(tx, port_forwarding_listing(), row.text("id")));
    return http::ok({{"port_forwarding", forwarding_json(fresh, request.caller)}});
  });
}

Reply delete_port_forwarding(const Context& context, http::Request& request) {
  return context.database.write([&](store::Tx& tx) -> Reply {
    HANOK_TRY(row, forwarding_row(tx, request));
    HANOK_CHECK(tx.execute("DELETE FROM port_forwardings WHERE id = ?", {row.text("id")}));
    HANOK_CHECK(settle(tx, row.text("floating_ip_id"), context.clock.now_us()));
    return http::no_content();
  });
}

}  // namespace hanok::network

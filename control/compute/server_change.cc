// Show, update and delete one server.

#include <fmt/format.h>

#include "control/compute/actions.h"
#include "control/compute/create_request.h"
#include "control/compute/servers.h"
#include "control/compute/tasks.h"

namespace hanok::compute {
namespace {

Status apply_update(const http::Request& request, const Json& body, Server& server) {
  if (body.contains("name")) {
    HANOK_TRY(name, need_name(body, "name"));
    server.name = name;
  }
  if (body.contains("description")) {
    HANOK_TRY(description, get_string(body, "description", 1020));
    if (description && utf8_length(*description) > 255)
      return bad_request("Invalid input: description is too long.");
    server.description = description;
  }
  if (body.contains("hostname")) {
    HANOK_TRY(hostname, need_string(body, "hostname"));
    if (!is_hostname(hostname)) return bad_request("Invalid input for field/attribute hostname.");
    server.hostname = hostname;
  }
  HANOK_CHECK(parse_access(body, server.access_ipv4, server.access_ipv6));
  HANOK_TRY(disk_config, parse_disk_config(body, server.disk_config));
  server.disk_config = disk_config;
  if (request.minor_version < 19 && body.contains("description")) {
    return bad_request("Additional properties are not allowed ('description' was unexpected)");
  }
  if (request.minor_version < 90 && body.contains("hostname")) {
    return bad_request("Additional properties are not allowed ('hostname' was unexpected)");
  }
  return {};
}

}  // namespace

Answer show_server(Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(server, find_server(tx, request.param("id"), request.caller));
    HANOK_TRY(view, server_view(tx, request, server, View::kShow));
    return http::ok({{"server", std::move(view)}});
  });
}

Answer update_server(Context& context, http::Request& request) {
  HANOK_TRY(body, body_of(request, "server"));
  HANOK_CHECK(only_fields(
      *body, {"name", "description", "hostname", "accessIPv4", "accessIPv6", "OS-DCF:diskConfig"}));
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(server, find_server(tx, request.param("id"), request.caller));
    HANOK_CHECK(apply_update(request, *body, server));
    HANOK_CHECK(change_server(tx, server, context.clock.now_us()));
    HANOK_TRY(view, server_view(tx, request, server, View::kUpdate));
    return http::ok({{"server", std::move(view)}});
  });
}

Answer delete_server(Context& context, http::Request& request) {
  return context.database.write([&](store::Tx& tx) -> Answer {
    const std::int64_t now_us = context.clock.now_us();
    HANOK_TRY(server, find_unlocked(tx, request));
    if (server.task_state == "deleting") return http::no_content();
    server.request_id = request.request_id;
    HANOK_CHECK(begin_action(tx, server, request, "delete", now_us));
    HANOK_CHECK(start_delete(tx, server, now_us));
    return http::no_content();
  });
}

}  // namespace hanok::compute

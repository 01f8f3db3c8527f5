// Metadata of servers. Values reach the guest through the config drive, so agents are told.

#include <fmt/format.h>

#include "control/compute/quota.h"
#include "control/compute/server.h"
#include "control/compute/servers.h"
#include "control/compute/validate.h"

namespace hanok::compute {
namespace {

Result<Metadata> load_metadata(store::Tx& tx, const std::string& server_id) {
  HANOK_TRY(rows, tx.query("SELECT name, value FROM server_metadata WHERE server_id = ?", {server_id}));
  Metadata out;
  for (const auto& row : rows) out[row.text("name")] = row.text("value");
  return out;
}

Status save_metadata(store::Tx& tx, Server& server, const Metadata& metadata, std::int64_t now_us) {
  HANOK_TRY(most, quota_limit(tx, server.project_id, "metadata_items"));
  if (most >= 0 && static_cast<std::int64_t>(metadata.size()) > most) {
    return over_quota(fmt::format("Maximum number of metadata items exceeds {}", most));
  }
  HANOK_CHECK(tx.execute("DELETE FROM server_metadata WHERE server_id = ?", {server.id}));
  for (const auto& [name, value] : metadata) {
    HANOK_CHECK(tx.execute("INSERT INTO server_metadata (server_id, name, value) VALUES (?, ?, ?)",
                           {server.id, name, value}));
  }
  return change_server(tx, server, now_us);
}

Result<Metadata> parse_body(const http::Request& request) {
  HANOK_TRY(body, body_of(request, "metadata"));
  HANOK_CHECK(only_fields(request.json, {"metadata"}));
  return parse_metadata(*body);
}

Answer change(Context& context, http::Request& request, bool keep) {
  HANOK_TRY(metadata, parse_body(request));
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(server, find_unlocked(tx, request));
    if (keep) {
      HANOK_TRY(old, load_metadata(tx, server.id));
      metadata.merge(old);
    }
    HANOK_CHECK(save_metadata(tx, server, metadata, context.clock.now_us()));
    return http::ok({{"metadata", metadata_json(metadata)}});
  });
}

}  // namespace

Answer list_metadata(Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(server, find_server(tx, request.param("id"), request.caller));
    HANOK_TRY(metadata, load_metadata(tx, server.id));
    return http::ok({{"metadata", metadata_json(metadata)}});
  });
}

Answer replace_metadata(Context& context, http::Request& request) {
  return change(context, request, false);
}

Answer update_metadata(Context& context, http::Request& request) {
  return change(context, request, true);
}

Answer show_metadata_item(Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(server, find_server(tx, request.param("id"), request.caller));
    HANOK_TRY(metadata, load_metadata(tx, server.id));
    const auto it = metadata.find(request.param("key"));
    if (it == metadata.end()) return not_found("Metadata item was not found");
    return http::ok({{"meta", {{it->first, it->second}}}});
  });
}

Answer update_metadata_item(Context& context, http::Request& request) {
  HANOK_TRY(body, body_of(request, "meta"));
  HANOK_TRY(item, parse_metadata(*body, false));
  const std::string& key = request.param("key");
  if (item.size() != 1) return bad_request("Request body contains too many items");
  if (item.begin()->first != key) return bad_request("Request body and URI mismatch");
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(server, find_unlocked(tx, request));
    HANOK_TRY(metadata, load_metadata(tx, server.id));
    metadata[key] = item.begin()->second;
    HANOK_CHECK(save_metadata(tx, server, metadata, context.clock.now_us()));
    return http::ok({{"meta", metadata_json(item)}});
  });
}

Answer delete_metadata_item(Context& context, http::Request& request) {
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(server, find_unlocked(tx, request));
    HANOK_TRY(metadata, load_metadata(tx, server.id));
    if (metadata.erase(request.param("key")) == 0) return not_found("Metadata item was not found");
    HANOK_CHECK(save_metadata(tx, server, metadata, context.clock.now_us()));
    return http::no_content();
  });
}

}  // namespace hanok::compute

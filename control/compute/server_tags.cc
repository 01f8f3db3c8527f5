// Tags of servers (2.26).

#include <fmt/format.h>

#include <set>

#include "control/compute/server.h"
#include "control/compute/servers.h"
#include "control/compute/validate.h"

namespace hanok::compute {
namespace {

constexpr int kSince = 26;

Result<std::set<std::string>> load_tags(store::Tx& tx, const std::string& server_id) {
  HANOK_TRY(rows, tx.query("SELECT tag FROM server_tags WHERE server_id = ?", {server_id}));
  std::set<std::string> out;
  for (const auto& row : rows) out.insert(row.text("tag"));
  return out;
}

Json tags_json(const std::set<std::string>& tags) {
  return {{"tags", Json(std::vector<std::string>(tags.begin(), tags.end()))}};
}

Error no_tag(const Server& server, const std::string& tag) {
  return not_found(fmt::format("Server {} has no tag '{}'", server.id, tag.substr(0, 60)));
}

}  // namespace

Answer list_tags(Context& context, http::Request& request) {
  HANOK_CHECK(need_minor(request, kSince));
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(server, find_server(tx, request.param("id"), request.caller));
    HANOK_TRY(tags, load_tags(tx, server.id));
    return http::ok(tags_json(tags));
  });
}

Answer replace_tags(Context& context, http::Request& request) {
  HANOK_CHECK(need_minor(request, kSince));
  if (!request.json.is_object()) return bad_request("Invalid input: tags must be a list.");
  HANOK_CHECK(only_fields(request.json, {"tags"}));
  HANOK_TRY(list, get_array(request.json, "tags", kMaxTags));
  if (list == nullptr) return bad_request("Invalid input: 'tags' is a required property.");
  std::set<std::string> tags;
  for (const auto& tag : *list) {
    HANOK_CHECK(check_tag(tag));
    tags.insert(tag.get<std::string>());
  }
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(server, find_unlocked(tx, request));
    HANOK_CHECK(tx.execute("DELETE FROM server_tags WHERE server_id = ?", {server.id}));
    for (const auto& tag : tags) {
      HANOK_CHECK(tx.execute("INSERT INTO server_tags (server_id, tag) VALUES (?, ?)", {server.id, tag}));
    }
    return http::ok(tags_json(tags));
  });
}

Answer delete_tags(Context& context, http::Request& request) {
  HANOK_CHECK(need_minor(request, kSince));
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(server, find_unlocked(tx, request));
    HANOK_CHECK(tx.execute("DELETE FROM server_tags WHERE server_id = ?", {server.id}));
    return http::no_content();
  });
}

Answer check_one_tag(Context& context, http::Request& request) {
  HANOK_CHECK(need_minor(request, kSince));
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(server, find_server(tx, request.param("id"), request.caller));
    HANOK_TRY(tags, load_tags(tx, server.id));
    if (!tags.contains(request.param("tag"))) return no_tag(server, request.param("tag"));
    return http::no_content();
  });
}

Answer add_tag(Context& context, http::Request& request) {
  HANOK_CHECK(need_minor(request, kSince));
  const std::string& tag = request.param("tag");
  HANOK_CHECK(check_tag(Json(tag)));
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(server, find_unlocked(tx, request));
    HANOK_TRY(tags, load_tags(tx, server.id));
    if (tags.contains(tag)) return http::no_content();
    if (tags.size() >= kMaxTags)
      return bad_request(fmt::format("The number of tags exceeded the per-server limit {}", kMaxTags));
    HANOK_CHECK(tx.execute("INSERT INTO server_tags (server_id, tag) VALUES (?, ?)", {server.id, tag}));
    http::Response response{.status = 201};
    response.headers["Location"] =
        fmt::format("{}/v2.1/servers/{}/tags/{}", request.base_url, server.id, tag);
    return response;
  });
}

Answer delete_tag(Context& context, http::Request& request) {
  HANOK_CHECK(need_minor(request, kSince));
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(server, find_unlocked(tx, request));
    HANOK_TRY(count, tx.execute("DELETE FROM server_tags WHERE server_id = ? AND tag = ?",
                                {server.id, request.param("tag")}));
    if (count == 0) return no_tag(server, request.param("tag"));
    return http::no_content();
  });
}

}  // namespace hanok::compute

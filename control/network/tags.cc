// Tags of any resource (extension standard-attr-tag).

#include <array>
#include <set>

#include "control/network/errors.h"
#include "control/network/handlers.h"
#include "control/network/networks.h"

namespace hanok::network {
namespace {

constexpr std::size_t kMaxTagLength = 60;
constexpr std::size_t kMaxTags = 50;

struct Tagged {
  std::string_view collection, table;
};
constexpr std::array<Tagged, 8> kTagged = {{{"networks", "networks"},
                                            {"subnets", "subnets"},
                                            {"subnetpools", "subnetpools"},
                                            {"ports", "ports"},
                                            {"routers", "routers"},
                                            {"floatingips", "floating_ips"},
                                            {"security-groups", "security_groups"},
                                            {"security-group-rules", "security_group_rules"}}};

Error resource_not_found(const http::Request& request) {
  return not_found(
      "Resource " + request.param("collection") + " " + request.param("id") + " could not be found.",
      "TagResourceNotFound");
}

Status check_resource(store::Tx& tx, const http::Request& request) {
  for (const Tagged& tagged : kTagged) {
    if (tagged.collection != request.param("collection")) continue;
    HANOK_TRY(row, tx.query_one("SELECT project_id FROM " + std::string(tagged.table) + " WHERE id = ?",
                                {request.param("id")}));
    if (!row || !owns(request.caller, *row)) return resource_not_found(request);
    return {};
  }
  return not_found("The resource could not be found.", "HTTPNotFound");
}

Result<Json> tags_of(store::Tx& tx, const std::string& id) {
  HANOK_TRY(rows, tx.query("SELECT tag FROM network_tags WHERE resource_id = ? ORDER BY tag", {id}));
  Json out = Json::array();
  for (const store::Row& row : rows) out.push_back(row.text("tag"));
  return out;
}

Status check_tag(const std::string& tag) {
  if (!tag.empty() && tag.size() <= kMaxTagLength && tag.find(',') == std::string::npos) return {};
  return invalid_value("tags",
                       "'" + tag.substr(0, 100) + "' is not a tag of 1 to 60 characters without commas");
}

Status insert_tag(store::Tx& tx, const std::string& id, const std::string& tag) {
  HANOK_CHECK(tx.execute("INSERT OR IGNORE INTO network_tags (resource_id, tag) VALUES (?, ?)", {id, tag}));
  return {};
}

Result<std::set<std::string>> read_tags(const http::Request& request) {
  HANOK_TRY(given, get_array(request.json, "tags", 1000));
  if (given == nullptr) return bad_request("Invalid input for operation: tags is required.", "InvalidInput");
  std::set<std::string> out;
  for (const Json& tag : *given) {
    if (!tag.is_string()) return invalid_value("tags", "it is not a list of strings");
    HANOK_CHECK(check_tag(tag.get<std::string>()));
    out.insert(tag.get<std::string>());
  }
  if (out.size() > kMaxTags) return invalid_value("tags", "more than 50 tags");
  return out;
}

Error tag_not_found(const http::Request& request) {
  return not_found("Tag " + request.param("tag") + " could not be found.", "TagNotFound");
}

}  // namespace

Reply list_tags(const Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) -> Reply {
    HANOK_CHECK(check_resource(tx, request));
    HANOK_TRY(tags, tags_of(tx, request.param("id")));
    return http::ok({{"tags", std::move(tags)}});
  });
}

Reply replace_tags(const Context& context, http::Request& request) {
  HANOK_TRY(tags, read_tags(request));
  return context.database.write([&](store::Tx& tx) -> Reply {
    HANOK_CHECK(check_resource(tx, request));
    HANOK_CHECK(tx.execute("DELETE FROM network_tags WHERE resource_id = ?", {request.param("id")}));
    for (const std::string& tag : tags) HANOK_CHECK(insert_tag(tx, request.param("id"), tag));
    return http::ok({{"tags", tags}});
  });
}

Reply remove_tags(const Context& context, http::Request& request) {
  return context.database.write([&](store::Tx& tx) -> Reply {
    HANOK_CHECK(check_resource(tx, request));
    HANOK_CHECK(tx.execute("DELETE FROM network_tags WHERE resource_id = ?", {request.param("id")}));
    return http::no_content();
  });
}

Reply show_tag(const Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) -> Reply {
    HANOK_CHECK(check_resource(tx, request));
    HANOK_TRY(row, tx.query_one("SELECT 1 AS one FROM network_tags WHERE resource_id = ? AND tag = ?",
                                {request.param("id"), request.param("tag")}));
    if (!row) return tag_not_found(request);
    return http::no_content();
  });
}

Reply add_tag(const Context& context, http::Request& request) {
  HANOK_CHECK(check_tag(request.param("tag")));
  return context.database.write([&](store::Tx& tx) -> Reply {
    HANOK_CHECK(check_resource(tx, request));
    HANOK_TRY(tags, tags_of(tx, request.param("id")));
    if (tags.size() >= kMaxTags) return invalid_value("tags", "more than 50 tags");
    HANOK_CHECK(insert_tag(tx, request.param("id"), request.param("tag")));
    return http::Response{.status = 201};
  });
}

Reply remove_tag(const Context& context, http::Request& request) {
  return context.database.write([&](store::Tx& tx) -> Reply {
    HANOK_CHECK(check_resource(tx, request));
    HANOK_TRY(removed, tx.execute("DELETE FROM network_tags WHERE resource_id = ? AND tag = ?",
                                  {request.param("id"), request.param("tag")}));
    if (removed == 0) return tag_not_found(request);
    return http::no_content();
  });
}

}  // namespace hanok::network

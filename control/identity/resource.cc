#include "control/identity/resource.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "control/http/url.h"
#include "control/store/keyset.h"

namespace hanok::identity {
namespace {

constexpr std::int64_t kMaxPage = 1000;

Result<std::int64_t> page_size(const http::Request& request) {
  const auto text = request.query_one("limit");
  if (!text) return kMaxPage;
  std::int64_t limit = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), limit);
  if (error != std::errc() || end != text->data() + text->size() || limit < 1) {
    return bad_request("Invalid input for query parameter 'limit': it must be a positive integer.");
  }
  return std::min(limit, kMaxPage);
}

}  // namespace

Error missing(const std::string& what, const std::string& id) {
  return not_found(fmt::format("Could not find {}: {}.", what, id.substr(0, 64)));
}

Status check_self_or_admin(const http::Request& request, const std::string& user_id) {
  if (request.caller.is_admin || request.caller.user_id == user_id) return {};
  return forbidden("You are not authorized to perform the requested action.");
}

void add_self(const http::Request& request, Json& object, const std::string& collection) {
  object["links"] = {
      {"self", request.base_url + "/v3/" + collection + "/" + object.at("id").get<std::string>()}};
}

http::Response list_response(const http::Request& request, const std::string& collection, Json objects) {
  return http::ok(
      {{collection, std::move(objects)},
       {"links", {{"self", request.base_url + request.path}, {"previous", nullptr}, {"next", nullptr}}}});
}

Result<store::Rows> list_rows(store::Tx& tx, const http::Request& request, const ListQuery& list,
                              bool* more) {
  HANOK_TRY(limit, page_size(request));
  const std::vector<store::SortKey> keys = {{"id"}};
  std::string sql = "SELECT * FROM " + list.table + " WHERE 1 = 1";
  store::Args args;
  if (!list.where.empty()) {
    sql += " AND (" + list.where + ")";
    args = list.args;
  }
  for (const Filter& filter : list.filters) {
    const auto wanted = request.query_one(filter.name);
    if (!wanted) continue;
    sql += std::string(" AND ") + filter.column + " = ?";
    if (filter.type == FilterType::kText) {
      args.emplace_back(*wanted);
      continue;
    }
    HANOK_TRY(flag, get_bool(Json{{filter.name, *wanted}}, filter.name));
    args.emplace_back(flag.value_or(true));
  }
  if (const auto marker = request.query_one("marker")) {
    store::add_marker(list.table, keys, *marker, sql, args);
  }
  sql += store::order_by(keys) + " LIMIT ?";
  args.emplace_back(limit + 1);
  HANOK_TRY(rows, tx.query(sql, args));
  *more = static_cast<std::int64_t>(rows.size()) > limit;
  if (*more) rows.pop_back();
  return rows;
}

void add_next(const http::Request& request, http::Response& response, const std::string& collection) {
  const Json& objects = response.body.at(collection);
  if (objects.empty()) return;
  std::string next = request.base_url + request.path + "?";
  for (const auto& [name, value] : request.query) {
    if (name != "marker") next += http::percent_encode(name) + "=" + http::percent_encode(value) + "&";
  }
  response.body["links"]["next"] = next + "marker=" + objects.back().at("id").get<std::string>();
}

Result<Json> extra_attributes(const Json& body, std::span<const std::string_view> known) {
  Json out = Json::object();
  for (const auto& [name, value] : body.items()) {
    if (std::find(known.begin(), known.end(), name) == known.end()) out[name] = value;
  }
  if (out.size() > 32 || dump_json(out).size() > 16384) {
    return bad_request("Too many or too long additional attributes.");
  }
  return out;
}

void show_extra(Json& object, const store::Row& row) {
  const Json extra = row.json("extra");
  for (const auto& [name, value] : extra.items()) {
    if (!object.contains(name)) object[name] = value;
  }
}

Result<std::string> need_name(const Json& body, std::size_t max_length) {
  HANOK_TRY(name, need_string(body, "name", max_length));
  if (name.find_first_not_of(" \t") == std::string::npos)
    return bad_request("Invalid input: 'name' may not be empty.");
  return name;
}

Result<store::Row> need_row(store::Tx& tx, const std::string& table, const std::string& what,
                            const std::string& id) {
  HANOK_TRY(row, tx.query_one("SELECT * FROM " + table + " WHERE id = ?", {id}));
  if (!row) return missing(what, id);
  return std::move(*row);
}

}  // namespace hanok::identity

#include "control/compute/context.h"

#include <fmt/format.h>

#include <algorithm>

#include "control/http/url.h"

namespace hanok::compute {
namespace {

constexpr std::int64_t kMaxPage = 1000;

}  // namespace

Result<const Json*> body_of(const http::Request& request, const std::string& name) {
  if (!request.json.is_object()) return bad_request("The request body must be a JSON object.");
  const auto it = request.json.find(name);
  if (it == request.json.end()) {
    return bad_request(fmt::format("Invalid input: '{}' is a required property.", name));
  }
  if (!it->is_object()) {
    return bad_request(fmt::format("Invalid input for field/attribute {}: it must be an object.", name));
  }
  return &*it;
}

Status need_minor(const http::Request& request, int first, int last) {
  if (request.minor_version >= first && request.minor_version <= last) return {};
  return not_found(fmt::format("API version {} is not supported on this method.", request.service_version));
}

Result<bool> query_flag(const http::Request& request, const std::string& name) {
  const auto value = request.query_one(name);
  if (!value) return false;
  if (value->empty()) return true;  // "?all_tenants"
  HANOK_TRY(flag, get_bool(Json{{name, *value}}, name));
  return flag.value_or(false);
}

Result<Page> page_of(const http::Request& request) {
  Page page;
  if (const auto text = request.query_one("limit")) {
    HANOK_TRY(limit, get_int(Json{{"limit", *text}}, "limit"));
    if (!limit || *limit < 0) return bad_request("Invalid input for query parameters limit: not a count.");
    if (*limit > 0) page.limit = std::min(*limit, kMaxPage);
  }
  page.marker = request.query_one("marker").value_or("");
  return page;
}

Json next_link(const http::Request& request, const std::string& marker) {
  std::string query;
  for (const auto& [name, value] : request.query) {
    if (name == "marker") continue;
    query += fmt::format("{}={}&", http::percent_encode(name), http::percent_encode(value));
  }
  return Json::array({{{"rel", "next"},
                       {"href", fmt::format("{}{}?{}marker={}", request.base_url, request.path, query,
                                            http::percent_encode(marker))}}});
}

Json links_of(const http::Request& request, const std::string& path) {
  return Json::array({{{"rel", "self"}, {"href", fmt::format("{}/v2.1/{}", request.base_url, path)}},
                      {{"rel", "bookmark"}, {"href", fmt::format("{}/{}", request.base_url, path)}}});
}

Status only_fields(const Json& object, std::initializer_list<const char*> allowed) {
  for (const auto& item : object.items()) {
    const std::string& name = item.key();
    if (std::find(allowed.begin(), allowed.end(), name) == allowed.end()) {
      return bad_request(
          fmt::format("Invalid input for field/attribute: additional properties are not allowed ('{}' was "
                      "unexpected).",
                      name.substr(0, 64)));
    }
  }
  return {};
}

Json optional_json(const std::optional<std::string>& text) {
  return text ? Json(*text) : Json();
}

}  // namespace hanok::compute

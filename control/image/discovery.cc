#include <fmt/format.h>

#include <array>

#include "control/image/context.h"

namespace hanok::image {
namespace {

// 2.8 is multiple stores, which there are not.
constexpr std::array kVersions = {"v2.9", "v2.7", "v2.6", "v2.5", "v2.4", "v2.3", "v2.2", "v2.1", "v2.0"};

Json versions(const http::Request& request) {
  Json list = Json::array();
  for (const char* id : kVersions) {
    list.push_back({{"id", id},
                    {"status", list.empty() ? "CURRENT" : "SUPPORTED"},
                    {"links", Json::array({{{"rel", "self"}, {"href", request.base_url + "/v2/"}}})}});
  }
  return {{"versions", list}};
}

}  // namespace

Answer show_versions(const Context&, http::Request& request) {
  return http::Response{.status = 300, .body = versions(request)};
}

Answer show_all_versions(const Context&, http::Request& request) {
  return http::ok(versions(request));
}

// The interoperable import is not offered: no methods.
Answer show_import_info(const Context&, http::Request&) {
  return http::ok(
      {{"import-methods",
        {{"description", "Import methods available."}, {"type", "array"}, {"value", Json::array()}}}});
}

}  // namespace hanok::image

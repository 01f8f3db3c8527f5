#include <fmt/format.h>

#include "control/volume/context.h"

namespace hanok::volume {
namespace {

Json versions(const http::Request& request) {
  const std::string base = request.base_url;
  return {{"versions",
           Json::array({{{"id", "v3.0"},
                         {"status", "CURRENT"},
                         {"version", fmt::format("3.{}", kMaxMinor)},
                         {"min_version", "3.0"},
                         {"updated", "2026-01-01T00:00:00Z"},
                         {"links", Json::array({{{"rel", "self"}, {"href", base + "/v3/"}}})},
                         {"media-types",
                          Json::array({{{"base", "application/json"},
                                        {"type", "application/vnd.openstack.volume+json;version=3"}}})}}})}};
}

}  // namespace

Answer list_versions(const Context&, http::Request& request) {
  return http::Response{.status = 300, .body = versions(request)};
}

Answer show_version(const Context&, http::Request& request) {
  return http::ok(versions(request));
}

}  // namespace hanok::volume

#include "control/identity/discovery.h"

namespace hanok::identity {
namespace {

Json version(const http::Request& request) {
  return {{"id", "v3.14"},
          {"status", "stable"},
          {"updated", "2020-04-07T00:00:00Z"},
          {"links", Json::array({{{"rel", "self"}, {"href", request.base_url + "/v3/"}}})},
          {"media-types", Json::array({{{"base", "application/json"},
                                        {"type", "application/vnd.openstack.identity-v3+json"}}})}};
}

}  // namespace

Result<http::Response> list_versions(Context&, http::Request& request) {
  http::Response out = http::ok({{"versions", {{"values", Json::array({version(request)})}}}});
  out.status = 300;
  out.headers["Location"] = request.base_url + "/v3/";
  return out;
}

Result<http::Response> show_version(Context&, http::Request& request) {
  return http::ok({{"version", version(request)}});
}

}  // namespace hanok::identity

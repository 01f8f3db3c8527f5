// What the service is, for clients that have no token yet.

#include <array>

#include "control/network/handlers.h"

namespace hanok::network {
namespace {

struct Resource {
  const char *name, *collection;
};
constexpr std::array<Resource, 8> kResources = {{{"network", "networks"},
                                                 {"subnet", "subnets"},
                                                 {"subnetpool", "subnetpools"},
                                                 {"port", "ports"},
                                                 {"router", "routers"},
                                                 {"floatingip", "floatingips"},
                                                 {"security_group", "security-groups"},
                                                 {"security_group_rule", "security-group-rules"}}};

}  // namespace

Reply list_versions(const Context&, http::Request& request) {
  const Json link = {{"rel", "self"}, {"href", request.base_url + "/v2.0/"}};
  return http::ok(
      {{"versions", Json::array({{{"id", "v2.0"}, {"status", "CURRENT"}, {"links", Json::array({link})}}})}});
}

Reply show_version(const Context&, http::Request& request) {
  Json resources = Json::array();
  for (const Resource& resource : kResources) {
    const Json link = {{"rel", "self"}, {"href", request.base_url + "/v2.0/" + resource.collection}};
    resources.push_back(
        {{"name", resource.name}, {"collection", resource.collection}, {"links", Json::array({link})}});
  }
  return http::ok({{"resources", std::move(resources)}});
}

}  // namespace hanok::network

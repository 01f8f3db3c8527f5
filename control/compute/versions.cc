#include "control/compute/versions.h"

#include <fmt/format.h>

#include <array>

namespace hanok::compute {
namespace {

Json version_entry(const http::Request& request, bool newest) {
  const char* id = newest ? "v2.1" : "v2.0";
  const char* path = newest ? "v2.1" : "v2";
  return {
      {"id", id},
      {"status", newest ? "CURRENT" : "SUPPORTED"},
      {"version", newest ? fmt::format("2.{}", kMaxMinor) : ""},
      {"min_version", newest ? "2.1" : ""},
      {"updated", newest ? "2013-07-23T11:33:21Z" : "2011-01-21T11:33:21Z"},
      {"links", Json::array({{{"rel", "self"}, {"href", fmt::format("{}/{}/", request.base_url, path)}}})}};
}

Json version_details(const http::Request& request, bool newest) {
  Json entry = version_entry(request, newest);
  entry["links"].push_back(
      {{"rel", "describedby"}, {"type", "text/html"}, {"href", "http://docs.openstack.org/"}});
  entry["media-types"] = Json::array(
      {{{"base", "application/json"},
        {"type", fmt::format("application/vnd.openstack.compute+json;version={}", newest ? "2.1" : "2")}}});
  return {{"version", std::move(entry)}};
}

struct Extension {
  const char* alias;
  const char* name;
  const char* description;
};
constexpr std::array kExtensions = {
    Extension{"os-availability-zone", "AvailabilityZone", "Availability zones of hosts and servers."},
    Extension{"os-console-output", "ConsoleOutput", "Console log output of a server."},
    Extension{"os-flavor-access", "FlavorAccess", "Which projects may use a flavor."},
    Extension{"os-flavor-extra-specs", "FlavorExtraSpecs", "Extra specifications of flavors."},
    Extension{"os-hypervisors", "Hypervisors", "The hosts that run servers."},
    Extension{"os-keypairs", "Keypairs", "SSH key pairs of users."},
    Extension{"os-lock-server", "LockServer", "Locking servers against changes."},
    Extension{"os-pause-server", "PauseServer", "Pausing servers."},
    Extension{"os-quota-sets", "Quotas", "Quotas of projects."},
    Extension{"os-security-groups", "SecurityGroups", "Security groups of servers."},
    Extension{"os-server-groups", "ServerGroups", "Groups of servers with a policy."},
    Extension{"os-services", "Services", "The services of hosts."},
    Extension{"os-suspend-server", "SuspendServer", "Suspending servers."},
    Extension{"os-volumes", "Volumes", "Volume attachments of servers."},
};

Json extension_json(const Extension& extension) {
  return {{"alias", extension.alias},
          {"name", extension.name},
          {"description", extension.description},
          {"links", Json::array()},
          {"namespace", "http://docs.openstack.org/compute/ext/fake_xml"},
          {"updated", "2014-12-03T00:00:00Z"}};
}

}  // namespace

Answer list_versions(Context&, http::Request& request) {
  return http::ok({{"versions", Json::array({version_entry(request, false), version_entry(request, true)})}});
}

Answer show_version(Context&, http::Request& request) {
  return http::ok(version_details(request, true));
}

Answer show_old_version(Context&, http::Request& request) {
  return http::ok(version_details(request, false));
}

Answer list_extensions(Context&, http::Request&) {
  Json out = Json::array();
  for (const auto& extension : kExtensions) out.push_back(extension_json(extension));
  return http::ok({{"extensions", std::move(out)}});
}

Answer show_extension(Context&, http::Request& request) {
  for (const auto& extension : kExtensions) {
    if (request.param("alias") == extension.alias)
      return http::ok({{"extension", extension_json(extension)}});
  }
  return not_found("Extension not found.");
}

}  // namespace hanok::compute

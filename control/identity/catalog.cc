#include "control/identity/catalog.h"

#include <openssl/sha.h>

#include <array>

#include "common/secret.h"
#include "control/identity/resource.h"

namespace hanok::identity {
namespace {

constexpr std::array<const char*, 3> kInterfaces = {"public", "internal", "admin"};

std::string stable_id(const std::string& what) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(what.data()), what.size(), digest.data());
  return hex({reinterpret_cast<const char*>(digest.data()), 16});
}

std::string service_id(const CatalogService& service) {
  return stable_id("service " + service.type);
}

std::string endpoint_id(const Settings& settings, const CatalogService& service, const char* interface) {
  return stable_id("endpoint " + service.type + " " + interface + " " + settings.region);
}

Json find_by_id(const Json& list, const std::string& id) {
  for (const Json& one : list) {
    if (one.at("id") == id) return one;
  }
  return nullptr;
}

// Keeps what fits the query's filters of those names.
Json filtered(const http::Request& request, const Json& list, std::initializer_list<const char*> names) {
  Json out = Json::array();
  for (const Json& one : list) {
    bool fits = true;
    for (const char* name : names) {
      const auto wanted = request.query_one(name);
      if (wanted && one.at(name) != *wanted) fits = false;
    }
    if (fits) out.push_back(one);
  }
  return out;
}

Json regions(const Settings& settings) {
  return Json::array({{{"id", settings.region}, {"description", ""}, {"parent_region_id", nullptr}}});
}

Result<http::Response> show_one(const http::Request& request, const Json& list, const std::string& name) {
  const std::string& id = request.param("id");
  Json found = find_by_id(list, id);
  if (found.is_null()) return missing(name, id);
  add_self(request, found, name + "s");
  return http::ok({{name, std::move(found)}});
}

Result<http::Response> list_all(const http::Request& request, Json list, const std::string& collection) {
  for (Json& one : list) add_self(request, one, collection);
  return list_response(request, collection, std::move(list));
}

}  // namespace

Json catalog(const Settings& settings, const std::string& project_id) {
  Json out = Json::array();
  for (const CatalogService& service : settings.catalog) {
    std::string url = service.url;
    static constexpr std::string_view kProject = "$(project_id)s";
    if (const auto at = url.find(kProject); at != std::string::npos) {
      if (project_id.empty()) continue;  // as Keystone: nothing to put in
      url.replace(at, kProject.size(), project_id);
    }
    Json endpoints = Json::array();
    for (const char* interface : kInterfaces) {
      endpoints.push_back({{"id", endpoint_id(settings, service, interface)},
                           {"interface", interface},
                           {"region", settings.region},
                           {"region_id", settings.region},
                           {"url", url}});
    }
    out.push_back({{"id", service_id(service)},
                   {"type", service.type},
                   {"name", service.name},
                   {"endpoints", std::move(endpoints)}});
  }
  return out;
}

Json catalog_services(const Settings& settings) {
  Json out = Json::array();
  for (const CatalogService& service : settings.catalog) {
    out.push_back({{"id", service_id(service)},
                   {"type", service.type},
                   {"name", service.name},
                   {"description", ""},
                   {"enabled", true}});
  }
  return out;
}

Json catalog_endpoints(const Settings& settings) {
  Json out = Json::array();
  for (const CatalogService& service : settings.catalog) {
    for (const char* interface : kInterfaces) {
      out.push_back({{"id", endpoint_id(settings, service, interface)},
                     {"interface", interface},
                     {"region", settings.region},
                     {"region_id", settings.region},
                     {"service_id", service_id(service)},
                     {"url", service.url},
                     {"enabled", true}});
    }
  }
  return out;
}

Result<http::Response> list_services(Context& context, http::Request& request) {
  return list_all(request, filtered(request, catalog_services(context.settings), {"type", "name"}),
                  "services");
}
Result<http::Response> show_service(Context& context, http::Request& request) {
  return show_one(request, catalog_services(context.settings), "service");
}
Result<http::Response> list_endpoints(Context& context, http::Request& request) {
  return list_all(
      request,
      filtered(request, catalog_endpoints(context.settings), {"interface", "service_id", "region_id"}),
      "endpoints");
}
Result<http::Response> show_endpoint(Context& context, http::Request& request) {
  return show_one(request, catalog_endpoints(context.settings), "endpoint");
}
Result<http::Response> list_regions(Context& context, http::Request& request) {
  return list_all(request, regions(context.settings), "regions");
}
Result<http::Response> show_region(Context& context, http::Request& request) {
  return show_one(request, regions(context.settings), "region");
}

}  // namespace hanok::identity

#pragma once
// The service catalog. It comes from the configuration, not from the database: one process is all services.

#include "control/identity/context.h"

namespace hanok::identity {

// The list that tokens carry. `project_id` goes into the URLs that ask for it.
[[nodiscard]] Json catalog(const Settings& settings, const std::string& project_id);

// The same as GET /v3/services, /v3/endpoints, /v3/regions show it. Identifiers are stable: they are derived
// from type, interface and region.
[[nodiscard]] Json catalog_services(const Settings& settings);
[[nodiscard]] Json catalog_endpoints(const Settings& settings);

[[nodiscard]] Result<http::Response> list_services(Context& context, http::Request& request);
[[nodiscard]] Result<http::Response> show_service(Context& context, http::Request& request);
[[nodiscard]] Result<http::Response> list_endpoints(Context& context, http::Request& request);
[[nodiscard]] Result<http::Response> show_endpoint(Context& context, http::Request& request);
[[nodiscard]] Result<http::Response> list_regions(Context& context, http::Request& request);
[[nodiscard]] Result<http::Response> show_region(Context& context, http::Request& request);

}  // namespace hanok::identity

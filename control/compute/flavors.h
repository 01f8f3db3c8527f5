#pragma once
// Flavors: the sizes that servers come in, their extra specs, and which projects may use the private ones.

#include <optional>

#include "control/compute/context.h"

namespace hanok::compute {

struct Flavor {
  std::string id, name;
  std::int64_t vcpus = 1, ram_mib = 0, disk_gib = 0, ephemeral_gib = 0, swap_mib = 0;
  double rxtx_factor = 1.0;
  bool is_public = true;
  std::optional<std::string> description;
  Json extra_specs = Json::object();
};

// kNotFound when there is none or the project may not see it.
[[nodiscard]] Result<Flavor> find_flavor(store::Tx& tx, const std::string& id, const http::Caller& caller);
// A server keeps the flavor it was made with, as JSON; and back.
[[nodiscard]] Json flavor_to_json(const Flavor& flavor);
[[nodiscard]] Flavor flavor_from_json(const Json& json);

[[nodiscard]] Answer list_flavors(Context& context, http::Request& request);
[[nodiscard]] Answer list_flavors_detail(Context& context, http::Request& request);
[[nodiscard]] Answer show_flavor(Context& context, http::Request& request);
[[nodiscard]] Answer create_flavor(Context& context, http::Request& request);
[[nodiscard]] Answer update_flavor(Context& context, http::Request& request);
[[nodiscard]] Answer delete_flavor(Context& context, http::Request& request);

// flavor_extra_specs.cc
[[nodiscard]] Answer list_extra_specs(Context& context, http::Request& request);
[[nodiscard]] Answer create_extra_specs(Context& context, http::Request& request);
[[nodiscard]] Answer show_extra_spec(Context& context, http::Request& request);
[[nodiscard]] Answer update_extra_spec(Context& context, http::Request& request);
[[nodiscard]] Answer delete_extra_spec(Context& context, http::Request& request);

// flavor_access.cc
[[nodiscard]] Answer list_flavor_access(Context& context, http::Request& request);
[[nodiscard]] Answer flavor_action(Context& context, http::Request& request);  // add/removeTenantAccess

}  // namespace hanok::compute

#include <fmt/format.h>

#include <algorithm>

#include "control/compute/flavors.h"
#include "control/volume/volume.h"

namespace hanok::compute {
namespace {

constexpr std::size_t kMaxSpecs = 128;

// Names are letters, digits, "_-. :"; values are text or numbers.
Result<std::map<std::string, std::string>> parse_specs(const Json& json) {
  if (!json.is_object() || json.empty()) return bad_request("Invalid input: extra specs must be an object.");
  if (json.size() > kMaxSpecs) return bad_request("Invalid input: too many extra specs.");
  std::map<std::string, std::string> out;
  for (const auto& [name, value] : json.items()) {
    const bool good =
        !name.empty() && name.size() <= 255 && std::all_of(name.begin(), name.end(), [](char c) {
          return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
                 std::string_view("_-. :").find(c) != std::string_view::npos;
        });
    if (!good)
      return bad_request("Invalid input: an extra spec's name may hold letters, digits and _-. : only.");
    std::string text;
    if (value.is_string()) {
      text = value.get<std::string>();
    } else if (value.is_number() || value.is_boolean()) {
      text = value.dump();
    } else {
      return bad_request(fmt::format("Invalid input for extra spec {}: it must be text or a number.", name));
    }
    if (text.size() > 255)
      return bad_request(fmt::format("Invalid input for extra spec {}: too long.", name));
    if (name == volume::kTransportSpec) HANOK_CHECK(volume::check_transport(text));
    out[name] = text;
  }
  return out;
}

Json specs_json(const std::map<std::string, std::string>& specs) {
  Json out = Json::object();
  for (const auto& [name, value] : specs) out[name] = value;
  return out;
}

Status save_specs(store::Tx& tx, const std::string& flavor_id,
                  const std::map<std::string, std::string>& specs) {
  for (const auto& [name, value] : specs) {
    HANOK_CHECK(
        tx.execute("INSERT OR REPLACE INTO flavor_extra_specs (flavor_id, name, value) VALUES (?, ?, ?)",
                   {flavor_id, name, value}));
  }
  return {};
}

Error no_spec(const Flavor& flavor, const std::string& name) {
  return not_found(fmt::format("Flavor {} has no extra specs with key {}.", flavor.id, name.substr(0, 255)));
}

}  // namespace

Answer list_extra_specs(Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(flavor, find_flavor(tx, request.param("id"), request.caller));
    return http::ok({{"extra_specs", flavor.extra_specs}});
  });
}

Answer create_extra_specs(Context& context, http::Request& request) {
  HANOK_TRY(body, body_of(request, "extra_specs"));
  HANOK_TRY(specs, parse_specs(*body));
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(flavor, find_flavor(tx, request.param("id"), request.caller));
    HANOK_CHECK(save_specs(tx, flavor.id, specs));
    return http::ok({{"extra_specs", specs_json(specs)}});
  });
}

Answer show_extra_spec(Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(flavor, find_flavor(tx, request.param("id"), request.caller));
    const std::string& name = request.param("key");
    if (!flavor.extra_specs.contains(name)) return no_spec(flavor, name);
    return http::ok({{name, flavor.extra_specs[name]}});
  });
}

Answer update_extra_spec(Context& context, http::Request& request) {
  HANOK_TRY(specs, parse_specs(request.json));
  if (specs.size() != 1 || specs.begin()->first != request.param("key")) {
    return bad_request("Request body and URI mismatch");
  }
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(flavor, find_flavor(tx, request.param("id"), request.caller));
    HANOK_CHECK(save_specs(tx, flavor.id, specs));
    return http::ok(specs_json(specs));
  });
}

Answer delete_extra_spec(Context& context, http::Request& request) {
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(flavor, find_flavor(tx, request.param("id"), request.caller));
    HANOK_TRY(count, tx.execute("DELETE FROM flavor_extra_specs WHERE flavor_id = ? AND name = ?",
                                {flavor.id, request.param("key")}));
    if (count == 0) return no_spec(flavor, request.param("key"));
    return http::Response{.status = 200};
  });
}

}  // namespace hanok::compute

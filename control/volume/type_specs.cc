// Extra specs of volume types.
#include <fmt/format.h>

#include "control/volume/types.h"
#include "control/volume/view.h"
#include "control/volume/volume.h"

namespace hanok::volume {
namespace {

Result<Json> requested_specs(store::Tx& tx, const http::Request& request) {
  HANOK_TRY(row, tx.query_one("SELECT extra_specs FROM volume_types WHERE id = ?", {request.param("type")}));
  if (!row)
    return not_found(fmt::format("Volume type {} could not be found.", request.param("type").substr(0, 64)));
  return row->json("extra_specs");
}

Status save(store::Tx& tx, const http::Request& request, const Json& specs) {
  HANOK_TRY(checked, check_type_specs(specs));
  HANOK_CHECK(
      tx.execute("UPDATE volume_types SET extra_specs = ? WHERE id = ?", {checked, request.param("type")}));
  return {};
}

Error no_spec(const std::string& key) {
  return not_found(fmt::format("Volume Type has no extra spec with key {}.", key.substr(0, 64)));
}

}  // namespace

Result<Json> check_type_specs(const Json& specs) {
  HANOK_TRY(checked, check_metadata(specs));
  const std::string transport = checked.value(kTransportSpec, std::string(kTransportRbd));
  HANOK_CHECK(check_transport(transport));
  return checked;
}

Answer list_type_specs(const Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(specs, requested_specs(tx, request));
    return http::ok({{"extra_specs", specs}});
  });
}

Answer add_type_specs(const Context& context, http::Request& request) {
  HANOK_TRY(body, body_of(request, "extra_specs"));
  HANOK_TRY(added, check_metadata(*body));
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(specs, requested_specs(tx, request));
    specs.update(added);
    HANOK_CHECK(save(tx, request, specs));
    return http::ok({{"extra_specs", added}});
  });
}

Answer show_type_spec(const Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(specs, requested_specs(tx, request));
    const std::string& key = request.param("key");
    if (!specs.contains(key)) return no_spec(key);
    return http::ok({{key, specs[key]}});
  });
}

Answer update_type_spec(const Context& context, http::Request& request) {
  const std::string& key = request.param("key");
  if (!request.json.is_object() || request.json.size() != 1 || !request.json.contains(key)) {
    return bad_request("Request body and URI mismatch: the body must hold the key alone.");
  }
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(specs, requested_specs(tx, request));
    specs[key] = request.json[key];
    HANOK_CHECK(save(tx, request, specs));
    return http::ok(request.json);
  });
}

Answer delete_type_spec(const Context& context, http::Request& request) {
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(specs, requested_specs(tx, request));
    if (specs.erase(request.param("key")) == 0) return no_spec(request.param("key"));
    HANOK_CHECK(save(tx, request, specs));
    return http::accepted();
  });
}

}  // namespace hanok::volume

#include <fmt/format.h>

#include "control/compute/flavors.h"

namespace hanok::compute {
namespace {

Answer access_list(store::Tx& tx, const std::string& flavor_id) {
  HANOK_TRY(rows, tx.query("SELECT project_id FROM flavor_access WHERE flavor_id = ? ORDER BY project_id",
                           {flavor_id}));
  Json out = Json::array();
  for (const auto& row : rows)
    out.push_back({{"flavor_id", flavor_id}, {"tenant_id", row.text("project_id")}});
  return http::ok({{"flavor_access", std::move(out)}});
}

Status grant(store::Tx& tx, const Flavor& flavor, const std::string& project) {
  if (flavor.is_public) return conflict("Can not add access to a public flavor.");
  HANOK_TRY(count, tx.execute("INSERT OR IGNORE INTO flavor_access (flavor_id, project_id) VALUES (?, ?)",
                              {flavor.id, project}));
  if (count == 0) {
    return conflict(fmt::format("Flavor access already exists for flavor {} and project {} combination.",
                                flavor.id, project));
  }
  return {};
}

Status revoke(store::Tx& tx, const Flavor& flavor, const std::string& project) {
  HANOK_TRY(count, tx.execute("DELETE FROM flavor_access WHERE flavor_id = ? AND project_id = ?",
                              {flavor.id, project}));
  if (count == 0) {
    return not_found(fmt::format("Flavor access not found for {} / {} combination.", flavor.id, project));
  }
  return {};
}

}  // namespace

Answer list_flavor_access(Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(flavor, find_flavor(tx, request.param("id"), request.caller));
    if (flavor.is_public) return not_found("Access list not available for public flavors.");
    return access_list(tx, flavor.id);
  });
}

Answer flavor_action(Context& context, http::Request& request) {
  const bool add = request.json.is_object() && request.json.contains("addTenantAccess");
  const std::string name = add ? "addTenantAccess" : "removeTenantAccess";
  HANOK_TRY(body, body_of(request, name));
  HANOK_TRY(project, need_string(*body, "tenant"));
  if (project.empty()) return bad_request("Invalid input for field/attribute tenant.");
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(flavor, find_flavor(tx, request.param("id"), request.caller));
    HANOK_CHECK(add ? grant(tx, flavor, project) : revoke(tx, flavor, project));
    return access_list(tx, flavor.id);
  });
}

}  // namespace hanok::compute

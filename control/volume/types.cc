#include "control/volume/types.h"

#include <fmt/format.h>

#include "common/clock.h"
#include "control/bus/bus.h"
#include "control/volume/record.h"

namespace hanok::volume {

Result<std::optional<std::string>> find_type(store::Tx& tx, const std::optional<std::string>& id_or_name,
                                             const std::string& project_id, bool is_admin) {
  const std::string wanted = id_or_name.value_or(kDefaultType);
  HANOK_TRY(row, tx.query_one(
                     "SELECT id, is_public FROM volume_types WHERE id = ? OR name = ? ORDER BY id = ? DESC",
                     {wanted, wanted, wanted}));
  if (row && !row->boolean("is_public") && !is_admin) {
    HANOK_TRY(access,
              tx.query_one("SELECT 1 AS yes FROM volume_type_access WHERE type_id = ? AND project_id = ?",
                           {row->text("id"), project_id}));
    if (!access) row.reset();
  }
  if (row) return std::optional<std::string>{row->text("id")};
  if (!id_or_name) return std::optional<std::string>{};  // the default was removed: volumes without a type
  return not_found(fmt::format("Volume type {} could not be found.", wanted.substr(0, 64)));
}

Result<std::map<std::string, Json>> volume_pools(store::Tx& tx) {
  std::map<std::string, Json> out = {{kPool, Json::object()}};
  HANOK_TRY(hosts, bus::list_hosts(tx, SystemClock{}.now_us()));
  for (const bus::Host& host : hosts) {
    if (!host.details.is_object()) continue;
    const Json pools = host.details.value("volume_pools", Json::object());
    for (const auto& [name, room] : pools.items()) {
      if (out[name].empty()) out[name] = room;
    }
  }
  return out;
}

Result<std::string> pool_of_type(store::Tx& tx, const std::optional<std::string>& type_id) {
  if (!type_id) return std::string(kPool);
  HANOK_TRY(row, tx.query_one("SELECT extra_specs FROM volume_types WHERE id = ?", {*type_id}));
  const Json specs = row ? row->json("extra_specs") : Json::object();
  const std::string backend = specs.value(kBackendSpec, std::string(kBackend));
  const std::string pool = specs.value(kPoolSpec, std::string(kPool));
  HANOK_TRY(pools, volume_pools(tx));
  if (backend == kBackend && pools.contains(pool)) return pool;
  return bad_request(fmt::format("No valid backend was found: there is no pool {}@{}#{}.", "hanok",
                                 backend.substr(0, 64), pool.substr(0, 64)));
}

Result<std::optional<std::string>> type_name(store::Tx& tx, const std::optional<std::string>& id) {
  if (!id) return std::optional<std::string>{};
  HANOK_TRY(row, tx.query_one("SELECT name FROM volume_types WHERE id = ?", {*id}));
  if (!row) return std::optional<std::string>{};
  return std::optional<std::string>{row->text("name")};
}

}  // namespace hanok::volume

#include "control/bus/changes.h"

#include <algorithm>

#include "common/log.h"

namespace hanok::bus {

Result<std::int64_t> newest_generation(store::Tx& tx) {
  HANOK_TRY(row, tx.query_one("SELECT value FROM generation"));
  return row ? row->integer("value") : 0;
}

Result<Changes> changes_since(store::Tx& tx, const std::vector<Kind>& kinds, const std::string& host,
                              std::int64_t since) {
  Changes out;
  HANOK_TRY(newest, newest_generation(tx));
  out.generation = newest;
  out.whole = since <= 0 || since > newest;
  HANOK_TRY(rows, tx.query("SELECT kind, id FROM changes WHERE generation > ? ORDER BY generation",
                           {out.whole ? std::int64_t{0} : since}));
  for (const store::Row& row : rows) {
    const std::string name = row.text("kind");
    const auto kind =
        std::find_if(kinds.begin(), kinds.end(), [&](const Kind& each) { return each.name == name; });
    if (kind == kinds.end()) {
      spdlog::error("bus: no service shows objects of kind {}", name);
      continue;
    }
    HANOK_TRY(object, kind->render(tx, row.text("id"), host));
    if (!object.is_null() || !out.whole) out.objects[name][row.text("id")] = std::move(object);
  }
  return out;
}

}  // namespace hanok::bus

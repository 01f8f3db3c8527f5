#pragma once
// What changed since a generation, as the agents of a host see it now.

#include <vector>

#include "control/bus/bus.h"

namespace hanok::bus {

struct Changes {
  std::int64_t generation = 0;
  bool whole = false;  // everything: what is not named does not exist
  Json objects = Json::object();
};

// since <= 0, or above the newest generation (the agent knew another database): everything.
[[nodiscard]] Result<Changes> changes_since(store::Tx& tx, const std::vector<Kind>& kinds,
                                            const std::string& host, std::int64_t since);
[[nodiscard]] Result<std::int64_t> newest_generation(store::Tx& tx);

}  // namespace hanok::bus

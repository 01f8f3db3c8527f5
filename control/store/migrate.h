#pragma once
// Brings the schema of each module to its newest version. Only for control/store/*.cc.

#include <vector>

#include "control/store/connection.h"

namespace hanok::store {

// Each migration is one transaction together with its row in schema_migrations, so that a crash leaves either
// all of it or nothing. kConflict: the database was written by a newer program.
[[nodiscard]] Status migrate(Connection& connection, const std::vector<Module>& modules);

}  // namespace hanok::store

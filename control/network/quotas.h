#pragma once
// How many of each resource a project may have.

#include <string>

#include "control/store/store.h"

namespace hanok::network {

// Refuses (kOverQuota, type OverQuota) when `more` of the resource would pass the project's limit. `table` is
// a table with a project_id column; `resource` its name as quotas have it: "network", "floatingip" ...
[[nodiscard]] Status check_quota(store::Tx& tx, const std::string& resource, const std::string& project_id,
                                 std::int64_t more = 1);

}  // namespace hanok::network

#pragma once
// Security groups as the other resources of this service use them.

#include <string>
#include <vector>

#include "control/http/http.h"
#include "control/store/store.h"

namespace hanok::network {

// The project's default group; made, with its usual four rules, when the project has none.
[[nodiscard]] Result<std::string> ensure_default_group(store::Tx& tx, const std::string& project_id,
                                                       std::int64_t now_us);
// A group with the two egress rules (and, as `is_default`, the two ingress rules from its own members).
[[nodiscard]] Result<std::string> insert_group(store::Tx& tx, const std::string& project_id,
                                               const std::string& name, const std::string& description,
                                               bool is_default, std::int64_t now_us);
// The groups exist and the caller's project (or an administrator) may use them.
[[nodiscard]] Status check_groups(store::Tx& tx, const std::vector<std::string>& ids,
                                  const http::Caller& caller);
[[nodiscard]] Error cannot_remove_default();
// SecurityGroupInUse when a port has it. Rules of other groups that name it go too.
[[nodiscard]] Status remove_group(store::Tx& tx, const std::string& id, std::int64_t now_us);
[[nodiscard]] Status touch_group(store::Tx& tx, const std::string& id, std::int64_t now_us);

}  // namespace hanok::network

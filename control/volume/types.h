#pragma once
// Volume types: lookups that the other resources need. The type "rbd" is the default.

#include <map>
#include <optional>
#include <string>

#include "control/store/store.h"

namespace hanok::volume {

inline constexpr const char* kDefaultType = "rbd";

// Id of the type that an id or a name stands for; the default type without one; kNotFound for unknown ones
// and private ones of others.
[[nodiscard]] Result<std::optional<std::string>> find_type(store::Tx& tx,
                                                           const std::optional<std::string>& id_or_name,
                                                           const std::string& project_id, bool is_admin);
// Where volumes of a type are: the pool that its extra spec kPoolSpec names. kBadRequest when no agent knows
// it, or another back end is asked for.
inline constexpr const char* kPoolSpec = "pool_name";
inline constexpr const char* kBackendSpec = "volume_backend_name";
inline constexpr const char* kBackend = "rbd";
[[nodiscard]] Result<std::string> pool_of_type(store::Tx& tx, const std::optional<std::string>& type_id);
// All pools for volumes by name, with what the agents last said of their room (may be empty).
[[nodiscard]] Result<std::map<std::string, Json>> volume_pools(store::Tx& tx);
[[nodiscard]] Result<std::optional<std::string>> type_name(store::Tx& tx,
                                                           const std::optional<std::string>& id);

}  // namespace hanok::volume

#pragma once
// Volume types: lookups that the other resources need. The type "rbd" is the default.

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
[[nodiscard]] Result<std::optional<std::string>> type_name(store::Tx& tx,
                                                           const std::optional<std::string>& id);

}  // namespace hanok::volume

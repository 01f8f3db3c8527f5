#pragma once
// Encryption of volumes by librbd's LUKS, as their types ask for it. A volume keeps what it was made with:
// {"id", "format": "luks1"|"luks2", "cipher", "key_size", "provider", "control_location", "sealed"}.

#include <optional>
#include <string>

#include "control/store/store.h"
#include "control/volume/record.h"

namespace hanok::volume {

// For a new volume of the type, without its key; null: the type asks for none.
[[nodiscard]] Result<Json> encryption_of_type(store::Tx& tx, const std::optional<std::string>& type_id);
// As agents see it: the format alone, or with cipher and key for what needs them.
[[nodiscard]] Json encryption_for_agent(const Json& encryption, bool with_key);

}  // namespace hanok::volume

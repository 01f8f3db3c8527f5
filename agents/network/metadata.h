#pragma once
// What the metadata service tells a guest, made from its instance object: OpenStack's files and EC2's view of
// the same. Pure.

#include "common/json.h"

namespace hanok::agent {

// base64 by path, as a port of the state document has it; an empty object when there is nothing to tell.
[[nodiscard]] Json metadata_files(const Json& instance, const Json& port);

}  // namespace hanok::agent

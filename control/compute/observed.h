#pragma once
// What an agent's report about an instance does to its server.

#include <string>

#include "control/compute/server.h"

namespace hanok::compute {

// Reports of other hosts than the server's and of unknown servers change nothing. Reports are idempotent; one
// that carries an older generation than the server's does not end its task.
[[nodiscard]] Status observe_instance(store::Tx& tx, const std::string& host, const std::string& id,
                                      const Json& observed, std::int64_t now_us);

}  // namespace hanok::compute

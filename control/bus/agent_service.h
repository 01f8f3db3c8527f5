#pragma once
// The agents' side of hanok-api (docs/architecture.md, "Agent protocol").

#include <string>
#include <vector>

#include "common/clock.h"
#include "control/bus/bus.h"
#include "control/bus/sessions.h"
#include "control/http/http.h"

namespace hanok::bus {

// `database`, `clock` and `sessions` must outlive the service. `kinds` gets the kind `host` added.
[[nodiscard]] http::Service agent_service(store::Database& database, const Clock& clock, Sessions& sessions,
                                          std::vector<Kind> kinds, std::string agent_token);

}  // namespace hanok::bus

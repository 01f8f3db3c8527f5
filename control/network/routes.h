#pragma once
// The network API's table of routes.

#include <vector>

#include "control/network/context.h"

namespace hanok::network {

[[nodiscard]] std::vector<http::Route> network_routes(const Context& context);

}  // namespace hanok::network

#pragma once
// Server groups: a policy (affinity, anti-affinity, their soft forms) that placement of new members follows.

#include "control/compute/context.h"

namespace hanok::compute {

[[nodiscard]] Answer list_server_groups(Context& context, http::Request& request);
[[nodiscard]] Answer create_server_group(Context& context, http::Request& request);
[[nodiscard]] Answer show_server_group(Context& context, http::Request& request);
[[nodiscard]] Answer delete_server_group(Context& context, http::Request& request);

}  // namespace hanok::compute

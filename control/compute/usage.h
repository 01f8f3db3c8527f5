#pragma once
// os-simple-tenant-usage: what servers of a project used over a period.

#include "control/compute/context.h"

namespace hanok::compute {

[[nodiscard]] Answer list_usage(Context& context, http::Request& request);
[[nodiscard]] Answer show_usage(Context& context, http::Request& request);

}  // namespace hanok::compute

#pragma once
// Version discovery: GET / and GET /v2.1.

#include "control/compute/context.h"

namespace hanok::compute {

[[nodiscard]] Answer list_versions(Context& context, http::Request& request);
[[nodiscard]] Answer show_version(Context& context, http::Request& request);
[[nodiscard]] Answer show_old_version(Context& context, http::Request& request);
// The API extensions of old; since 2.1 all of them are always there.
[[nodiscard]] Answer list_extensions(Context& context, http::Request& request);
[[nodiscard]] Answer show_extension(Context& context, http::Request& request);

}  // namespace hanok::compute

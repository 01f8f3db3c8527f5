#pragma once
#include "control/identity/context.h"

namespace hanok::identity {

[[nodiscard]] Result<http::Response> list_versions(Context& context, http::Request& request);  // GET /
[[nodiscard]] Result<http::Response> show_version(Context& context, http::Request& request);   // GET /v3

}  // namespace hanok::identity

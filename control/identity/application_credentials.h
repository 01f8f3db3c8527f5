#pragma once
// Secrets that a user makes for a program: they give (some of) the user's roles on one project.

#include "control/identity/context.h"

namespace hanok::identity {

[[nodiscard]] Result<http::Response> list_application_credentials(Context& context, http::Request& request);
[[nodiscard]] Result<http::Response> create_application_credential(Context& context, http::Request& request);
[[nodiscard]] Result<http::Response> show_application_credential(Context& context, http::Request& request);
[[nodiscard]] Result<http::Response> delete_application_credential(Context& context, http::Request& request);

}  // namespace hanok::identity

#pragma once
// /v3/auth: getting, showing and giving up tokens, and what a token may see.

#include "control/identity/context.h"

namespace hanok::identity {

[[nodiscard]] Result<http::Response> create_token(Context& context, http::Request& request);
[[nodiscard]] Result<http::Response> show_subject_token(Context& context, http::Request& request);
[[nodiscard]] Result<http::Response> delete_subject_token(Context& context, http::Request& request);
[[nodiscard]] Result<http::Response> show_catalog(Context& context, http::Request& request);
[[nodiscard]] Result<http::Response> list_auth_projects(Context& context, http::Request& request);
[[nodiscard]] Result<http::Response> list_auth_domains(Context& context, http::Request& request);
[[nodiscard]] Result<http::Response> list_auth_system(Context& context, http::Request& request);

}  // namespace hanok::identity

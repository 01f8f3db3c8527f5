#pragma once
#include "control/identity/context.h"

namespace hanok::identity {

[[nodiscard]] Result<http::Response> list_roles(Context& context, http::Request& request);
[[nodiscard]] Result<http::Response> list_roles_where(Context& context, const http::Request& request,
                                                      const std::string& where, const store::Args& args);
[[nodiscard]] Result<http::Response> create_role(Context& context, http::Request& request);
[[nodiscard]] Result<http::Response> show_role(Context& context, http::Request& request);
[[nodiscard]] Result<http::Response> update_role(Context& context, http::Request& request);
[[nodiscard]] Result<http::Response> delete_role(Context& context, http::Request& request);
[[nodiscard]] Result<http::Response> list_role_inferences(Context& context, http::Request& request);

}  // namespace hanok::identity

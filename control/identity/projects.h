#pragma once
#include "control/identity/context.h"

namespace hanok::identity {

[[nodiscard]] Result<http::Response> list_projects(Context& context, http::Request& request);
[[nodiscard]] Result<http::Response> list_projects_where(Context& context, const http::Request& request,
                                                         const std::string& where, const store::Args& args);
[[nodiscard]] Result<http::Response> create_project(Context& context, http::Request& request);
[[nodiscard]] Result<http::Response> show_project(Context& context, http::Request& request);
[[nodiscard]] Result<http::Response> update_project(Context& context, http::Request& request);
[[nodiscard]] Result<http::Response> delete_project(Context& context, http::Request& request);

}  // namespace hanok::identity

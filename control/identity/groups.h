#pragma once
#include "control/identity/context.h"

namespace hanok::identity {

[[nodiscard]] Result<http::Response> list_groups(Context& context, http::Request& request);
[[nodiscard]] Result<http::Response> create_group(Context& context, http::Request& request);
[[nodiscard]] Result<http::Response> show_group(Context& context, http::Request& request);
[[nodiscard]] Result<http::Response> update_group(Context& context, http::Request& request);
[[nodiscard]] Result<http::Response> delete_group(Context& context, http::Request& request);
[[nodiscard]] Result<http::Response> list_group_users(Context& context, http::Request& request);
[[nodiscard]] Result<http::Response> list_user_groups(Context& context, http::Request& request);
[[nodiscard]] Result<http::Response> add_group_user(Context& context, http::Request& request);
[[nodiscard]] Result<http::Response> check_group_user(Context& context, http::Request& request);
[[nodiscard]] Result<http::Response> remove_group_user(Context& context, http::Request& request);

}  // namespace hanok::identity

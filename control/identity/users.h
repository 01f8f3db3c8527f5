#pragma once
#include "control/identity/context.h"

namespace hanok::identity {

[[nodiscard]] Result<http::Response> list_users(Context& context, http::Request& request);
[[nodiscard]] Result<http::Response> list_users_where(Context& context, const http::Request& request,
                                                      const std::string& where, const store::Args& args);
[[nodiscard]] Result<http::Response> create_user(Context& context, http::Request& request);
[[nodiscard]] Result<http::Response> show_user(Context& context, http::Request& request);
[[nodiscard]] Result<http::Response> update_user(Context& context, http::Request& request);
[[nodiscard]] Result<http::Response> delete_user(Context& context, http::Request& request);
[[nodiscard]] Result<http::Response> list_user_projects(Context& context, http::Request& request);
// POST /v3/users/{id}/password: by who knows the old one.
[[nodiscard]] Result<http::Response> change_password(Context& context, http::Request& request);

// The stored hash changes, the old one goes into the history, the user's tokens are void.
[[nodiscard]] Status store_password(Context& context, store::Tx& tx, const std::string& user_id,
                                    const std::string& hash);

}  // namespace hanok::identity

#pragma once
#include "control/identity/context.h"

namespace hanok::identity {

[[nodiscard]] Result<http::Response> list_domains(Context& context, http::Request& request);
[[nodiscard]] Result<http::Response> list_domains_where(Context& context, const http::Request& request,
                                                        const std::string& where, const store::Args& args);
[[nodiscard]] Result<http::Response> create_domain(Context& context, http::Request& request);
[[nodiscard]] Result<http::Response> show_domain(Context& context, http::Request& request);
[[nodiscard]] Result<http::Response> update_domain(Context& context, http::Request& request);
// Only a disabled one; its projects, users and groups go with it.
[[nodiscard]] Result<http::Response> delete_domain(Context& context, http::Request& request);

}  // namespace hanok::identity

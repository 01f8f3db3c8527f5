#pragma once
// Key pairs: SSH public keys of users, put into the servers that name them.

#include "control/compute/context.h"

namespace hanok::compute {

[[nodiscard]] Answer list_keypairs(Context& context, http::Request& request);
[[nodiscard]] Answer create_keypair(Context& context, http::Request& request);
[[nodiscard]] Answer show_keypair(Context& context, http::Request& request);
[[nodiscard]] Answer delete_keypair(Context& context, http::Request& request);

}  // namespace hanok::compute

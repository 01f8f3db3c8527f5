#pragma once
// The compute API's old view of security groups (up to 2.35); the groups are the network service's.

#include "control/compute/context.h"
#include "control/network/network.h"

namespace hanok::compute {

[[nodiscard]] Json security_group_json(const network::SecurityGroupView& group);

[[nodiscard]] Answer list_security_groups(Context& context, http::Request& request);
[[nodiscard]] Answer show_security_group(Context& context, http::Request& request);
[[nodiscard]] Answer create_security_group(Context& context, http::Request& request);
[[nodiscard]] Answer update_security_group(Context& context, http::Request& request);
[[nodiscard]] Answer delete_security_group(Context& context, http::Request& request);
[[nodiscard]] Answer create_security_group_rule(Context& context, http::Request& request);
[[nodiscard]] Answer delete_security_group_rule(Context& context, http::Request& request);

}  // namespace hanok::compute

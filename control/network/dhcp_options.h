#pragma once
// extra_dhcp_opts of a port: what clients write, and what the data plane answers. No SQL.

#include "common/json.h"
#include "common/result.h"

namespace hanok::network {

// [{"opt_name", "opt_value", "ip_version"}] of a request upon what is stored: a value of null takes an option
// away, others stay. The result is what to store.
[[nodiscard]] Result<Json> merge_dhcp_options(const Json& stored, const Json& value);

// What is stored as the state document says it: [{"ip_version", "code", "data"}]. An option whose name or
// value this code does not know, and one that is DHCP's own (lease time, message type, ...), is left out.
[[nodiscard]] Json render_dhcp_options(const Json& stored);

}  // namespace hanok::network

#pragma once
// Ports of a floating IP that lead to ports of guests, for the other resources of this service.

#include <string>

#include "control/store/store.h"

namespace hanok::network {

// kConflict FipInUseByPortForwarding where there are any: the floating IP may not be given to a port.
[[nodiscard]] Status check_not_forwarded(store::Tx& tx, const std::string& floating_ip_id);
// Forwardings to addresses that the port does not have (any more) go; so does a floating IP's router with its
// last one.
[[nodiscard]] Status drop_stale_forwardings(store::Tx& tx, const std::string& port_id, std::int64_t now_us);

}  // namespace hanok::network

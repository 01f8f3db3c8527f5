#pragma once
// What other resources ask about floating IPs.

#include <string>

#include "control/store/store.h"

namespace hanok::network {

// The router between the subnet and the external network; kNotFound where there is none.
[[nodiscard]] Result<std::string> router_between(store::Tx& tx, const std::string& subnet_id,
                                                 const std::string& external_network_id,
                                                 const std::string& port_id);

}  // namespace hanok::network

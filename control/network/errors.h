#pragma once
// The error types and texts that Neutron's clients know; each is made in one place.

#include <string>

#include "common/error.h"

namespace hanok::network {

[[nodiscard]] Error invalid_input(const std::string& reason);                            // 400 InvalidInput
[[nodiscard]] Error invalid_value(const std::string& field, const std::string& reason);  // 400 HTTPBadRequest
[[nodiscard]] Error not_authorized(const std::string& rule);                             // 403

[[nodiscard]] Error network_not_found(const std::string& id);
[[nodiscard]] Error segment_not_found(const std::string& id);
[[nodiscard]] Error subnet_not_found(const std::string& id);
[[nodiscard]] Error port_not_found(const std::string& id);
[[nodiscard]] Error router_not_found(const std::string& id);
[[nodiscard]] Error floating_ip_not_found(const std::string& id);
[[nodiscard]] Error group_not_found(const std::string& id);
[[nodiscard]] Error rule_not_found(const std::string& id);
[[nodiscard]] Error subnetpool_not_found(const std::string& id);

}  // namespace hanok::network

#pragma once
// QoS policies as the other resources of this service use them. A port goes by its own policy, or else by its
// network's; a floating IP by its own.

#include <string>

#include "common/json.h"
#include "control/http/http.h"
#include "control/store/store.h"

namespace hanok::network {

// Goes into a Listing's select: the policy of the resource itself.
constexpr const char* kQosSql =
    "(SELECT policy_id FROM qos_bindings WHERE resource_id = t.id) AS qos_policy_id";

// Sets, changes or takes away the policy of a resource ("port", "network", "floating_ip") as the body's
// qos_policy_id says; nothing when it says nothing. kNotFound QosPolicyNotFound for one that the caller does
// not see. For a network, its ports are touched; others are touched by their own handlers.
[[nodiscard]] Status bind_qos_policy(store::Tx& tx, const Json& body, const std::string& kind,
                                     const std::string& resource_id, const http::Caller& caller);

// What the data plane is to do, {"ingress": {"kbps", "burst_kbits"}, "egress": {...}, "dscp"}; null: nothing.
[[nodiscard]] Result<Json> render_port_qos(store::Tx& tx, const std::string& port_id,
                                           const std::string& network_id);
[[nodiscard]] Result<Json> render_floating_ip_qos(store::Tx& tx, const std::string& floating_ip_id);

}  // namespace hanok::network

#pragma once
// Rows of QoS policies and rules, shared by their handlers.

#include <string>

#include "common/json.h"
#include "control/http/http.h"
#include "control/store/store.h"

namespace hanok::network {

// A policy that the caller sees: its own project's, a shared one, or any for an administrator.
[[nodiscard]] Result<store::Row> visible_qos_policy(store::Tx& tx, const std::string& id,
                                                    const http::Caller& caller);
// All ports and floating IPs that go by the policy are looked at again by their hosts.
[[nodiscard]] Status touch_qos_users(store::Tx& tx, const std::string& policy_id);
// The rule, without what a policy's list of rules says besides.
[[nodiscard]] Json qos_rule_json(const store::Row& row);

}  // namespace hanok::network

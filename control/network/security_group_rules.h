#pragma once
// Rules of security groups: checks and rows, for the API and for network.h.

#include <string>

#include "control/network/network.h"
#include "control/store/store.h"

namespace hanok::network {

// Checks values against one another and completes them (protocol in lower case). Errors are Neutron's.
[[nodiscard]] Status normalize_rule(SecurityGroupRuleView& rule);
// The group exists. Gives the id. SecurityGroupRuleExists, SecurityGroupNotFound (also for the remote group),
// OverQuota.
[[nodiscard]] Result<std::string> insert_rule(store::Tx& tx, const SecurityGroupRuleView& rule,
                                              const std::string& description, std::int64_t now_us);
// How the API shows a rule; the row has its tags.
[[nodiscard]] Json rule_json(const store::Row& row, const http::Caller& caller);
// Removes a rule; its group is touched.
[[nodiscard]] Status remove_rule(store::Tx& tx, const std::string& rule_id, const std::string& group_id,
                                 std::int64_t now_us);

}  // namespace hanok::network

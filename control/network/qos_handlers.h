#pragma once
// Handlers of QoS policies and their rules; routes.cc maps paths to them.

#include "control/network/context.h"

namespace hanok::network {

// qos_policies.cc
Result<http::Response> list_qos_policies(const Context& context, http::Request& request);
Result<http::Response> show_qos_policy(const Context& context, http::Request& request);
Result<http::Response> create_qos_policy(const Context& context, http::Request& request);
Result<http::Response> update_qos_policy(const Context& context, http::Request& request);
Result<http::Response> delete_qos_policy(const Context& context, http::Request& request);
// qos_rules.cc: of both types, told apart by the path
Result<http::Response> list_bandwidth_rules(const Context& context, http::Request& request);
Result<http::Response> show_bandwidth_rule(const Context& context, http::Request& request);
Result<http::Response> create_bandwidth_rule(const Context& context, http::Request& request);
Result<http::Response> update_bandwidth_rule(const Context& context, http::Request& request);
Result<http::Response> list_dscp_rules(const Context& context, http::Request& request);
Result<http::Response> show_dscp_rule(const Context& context, http::Request& request);
Result<http::Response> create_dscp_rule(const Context& context, http::Request& request);
Result<http::Response> update_dscp_rule(const Context& context, http::Request& request);
Result<http::Response> delete_qos_rule(const Context& context, http::Request& request);
Result<http::Response> list_qos_rule_types(const Context& context, http::Request& request);
Result<http::Response> show_qos_rule_type(const Context& context, http::Request& request);

}  // namespace hanok::network

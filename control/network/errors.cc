#include "control/network/errors.h"

namespace hanok::network {

Error invalid_input(const std::string& reason) {
  return bad_request("Invalid input for operation: " + reason + ".", "InvalidInput");
}

Error invalid_value(const std::string& field, const std::string& reason) {
  return bad_request("Invalid input for " + field + ". Reason: " + reason + ".", "HTTPBadRequest");
}

Error not_authorized(const std::string& rule) {
  return forbidden("(rule:" + rule + ") is disallowed by policy", "PolicyNotAuthorized");
}

Error network_not_found(const std::string& id) {
  return not_found("Network " + id + " could not be found.", "NetworkNotFound");
}

Error segment_not_found(const std::string& id) {
  return not_found("Segment " + id + " could not be found.", "SegmentNotFound");
}

Error subnet_not_found(const std::string& id) {
  return not_found("Subnet " + id + " could not be found.", "SubnetNotFound");
}

Error port_not_found(const std::string& id) {
  return not_found("Port " + id + " could not be found.", "PortNotFound");
}

Error router_not_found(const std::string& id) {
  return not_found("Router " + id + " could not be found", "RouterNotFound");
}

Error floating_ip_not_found(const std::string& id) {
  return not_found("Floating IP " + id + " could not be found", "FloatingIPNotFound");
}

Error group_not_found(const std::string& id) {
  return not_found("Security group " + id + " does not exist", "SecurityGroupNotFound");
}

Error rule_not_found(const std::string& id) {
  return not_found("Security group rule " + id + " does not exist", "SecurityGroupRuleNotFound");
}

Error subnetpool_not_found(const std::string& id) {
  return not_found("Subnet pool " + id + " could not be found.", "SubnetPoolNotFound");
}

}  // namespace hanok::network

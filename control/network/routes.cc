#include "control/network/routes.h"

#include "control/network/handlers.h"
#include "control/network/qos_handlers.h"

namespace hanok::network {
namespace {

using http::Access;
using http::Method;

struct Route {
  Method method;
  const char* pattern;
  Access access;
  Reply (*handler)(const Context&, http::Request&);
};

constexpr Route kRoutes[] = {
    {Method::kGet, "/", Access::kPublic, list_versions},
    {Method::kGet, "/v2.0", Access::kPublic, show_version},

    {Method::kGet, "/v2.0/extensions", Access::kToken, list_extensions},
    {Method::kGet, "/v2.0/extensions/{alias}", Access::kToken, show_extension},

    {Method::kGet, "/v2.0/networks", Access::kReader, list_networks},
    {Method::kPost, "/v2.0/networks", Access::kMember, create_network},
    {Method::kGet, "/v2.0/networks/{id}", Access::kReader, show_network},
    {Method::kPut, "/v2.0/networks/{id}", Access::kMember, update_network},
    {Method::kDelete, "/v2.0/networks/{id}", Access::kMember, delete_network},

    {Method::kGet, "/v2.0/segments", Access::kAdmin, list_segments},
    {Method::kPost, "/v2.0/segments", Access::kAdmin, create_segment},
    {Method::kGet, "/v2.0/segments/{id}", Access::kAdmin, show_segment},
    {Method::kPut, "/v2.0/segments/{id}", Access::kAdmin, update_segment},
    {Method::kDelete, "/v2.0/segments/{id}", Access::kAdmin, delete_segment},

    {Method::kGet, "/v2.0/subnets", Access::kReader, list_subnets},
    {Method::kPost, "/v2.0/subnets", Access::kMember, create_subnet},
    {Method::kGet, "/v2.0/subnets/{id}", Access::kReader, show_subnet},
    {Method::kPut, "/v2.0/subnets/{id}", Access::kMember, update_subnet},
    {Method::kDelete, "/v2.0/subnets/{id}", Access::kMember, delete_subnet},

    {Method::kGet, "/v2.0/subnetpools", Access::kReader, list_subnetpools},
    {Method::kPost, "/v2.0/subnetpools", Access::kMember, create_subnetpool},
    {Method::kGet, "/v2.0/subnetpools/{id}", Access::kReader, show_subnetpool},
    {Method::kPut, "/v2.0/subnetpools/{id}", Access::kMember, update_subnetpool},
    {Method::kDelete, "/v2.0/subnetpools/{id}", Access::kMember, delete_subnetpool},

    {Method::kGet, "/v2.0/ports", Access::kReader, list_ports},
    {Method::kPost, "/v2.0/ports", Access::kMember, create_port_resource},
    {Method::kGet, "/v2.0/ports/{id}", Access::kReader, show_port},
    {Method::kPut, "/v2.0/ports/{id}", Access::kMember, update_port},
    {Method::kDelete, "/v2.0/ports/{id}", Access::kMember, delete_port_resource},

    {Method::kGet, "/v2.0/security-groups", Access::kReader, list_groups},
    {Method::kPost, "/v2.0/security-groups", Access::kMember, create_group},
    {Method::kGet, "/v2.0/security-groups/{id}", Access::kReader, show_group},
    {Method::kPut, "/v2.0/security-groups/{id}", Access::kMember, update_group},
    {Method::kDelete, "/v2.0/security-groups/{id}", Access::kMember, delete_group},

    {Method::kGet, "/v2.0/security-group-rules", Access::kReader, list_rules},
    {Method::kPost, "/v2.0/security-group-rules", Access::kMember, create_rule},
    {Method::kGet, "/v2.0/security-group-rules/{id}", Access::kReader, show_rule},
    {Method::kDelete, "/v2.0/security-group-rules/{id}", Access::kMember, delete_rule},

    {Method::kGet, "/v2.0/routers", Access::kReader, list_routers},
    {Method::kPost, "/v2.0/routers", Access::kMember, create_router},
    {Method::kGet, "/v2.0/routers/{id}", Access::kReader, show_router},
    {Method::kPut, "/v2.0/routers/{id}", Access::kMember, update_router},
    {Method::kDelete, "/v2.0/routers/{id}", Access::kMember, delete_router},
    {Method::kPut, "/v2.0/routers/{id}/add_router_interface", Access::kMember, add_router_interface},
    {Method::kPut, "/v2.0/routers/{id}/remove_router_interface", Access::kMember, remove_router_interface},
    {Method::kPut, "/v2.0/routers/{id}/add_extraroutes", Access::kMember, add_extra_routes},
    {Method::kPut, "/v2.0/routers/{id}/remove_extraroutes", Access::kMember, remove_extra_routes},

    {Method::kGet, "/v2.0/floatingips", Access::kReader, list_floating_ips},
    {Method::kPost, "/v2.0/floatingips", Access::kMember, create_floating_ip},
    {Method::kGet, "/v2.0/floatingips/{id}", Access::kReader, show_floating_ip},
    {Method::kPut, "/v2.0/floatingips/{id}", Access::kMember, update_floating_ip},
    {Method::kDelete, "/v2.0/floatingips/{id}", Access::kMember, delete_floating_ip},
    {Method::kGet, "/v2.0/floatingips/{floatingip_id}/port_forwardings", Access::kReader,
     list_port_forwardings},
    {Method::kPost, "/v2.0/floatingips/{floatingip_id}/port_forwardings", Access::kMember,
     create_port_forwarding},
    {Method::kGet, "/v2.0/floatingips/{floatingip_id}/port_forwardings/{id}", Access::kReader,
     show_port_forwarding},
    {Method::kPut, "/v2.0/floatingips/{floatingip_id}/port_forwardings/{id}", Access::kMember,
     update_port_forwarding},
    {Method::kDelete, "/v2.0/floatingips/{floatingip_id}/port_forwardings/{id}", Access::kMember,
     delete_port_forwarding},

    {Method::kGet, "/v2.0/qos/policies", Access::kReader, list_qos_policies},
    {Method::kPost, "/v2.0/qos/policies", Access::kAdmin, create_qos_policy},
    {Method::kGet, "/v2.0/qos/policies/{id}", Access::kReader, show_qos_policy},
    {Method::kPut, "/v2.0/qos/policies/{id}", Access::kAdmin, update_qos_policy},
    {Method::kDelete, "/v2.0/qos/policies/{id}", Access::kAdmin, delete_qos_policy},
    {Method::kGet, "/v2.0/qos/policies/{policy_id}/bandwidth_limit_rules", Access::kReader,
     list_bandwidth_rules},
    {Method::kPost, "/v2.0/qos/policies/{policy_id}/bandwidth_limit_rules", Access::kAdmin,
     create_bandwidth_rule},
    {Method::kGet, "/v2.0/qos/policies/{policy_id}/bandwidth_limit_rules/{id}", Access::kReader,
     show_bandwidth_rule},
    {Method::kPut, "/v2.0/qos/policies/{policy_id}/bandwidth_limit_rules/{id}", Access::kAdmin,
     update_bandwidth_rule},
    {Method::kDelete, "/v2.0/qos/policies/{policy_id}/bandwidth_limit_rules/{id}", Access::kAdmin,
     delete_qos_rule},
    {Method::kGet, "/v2.0/qos/policies/{policy_id}/dscp_marking_rules", Access::kReader, list_dscp_rules},
    {Method::kPost, "/v2.0/qos/policies/{policy_id}/dscp_marking_rules", Access::kAdmin, create_dscp_rule},
    {Method::kGet, "/v2.0/qos/policies/{policy_id}/dscp_marking_rules/{id}", Access::kReader, show_dscp_rule},
    {Method::kPut, "/v2.0/qos/policies/{policy_id}/dscp_marking_rules/{id}", Access::kAdmin,
     update_dscp_rule},
    {Method::kDelete, "/v2.0/qos/policies/{policy_id}/dscp_marking_rules/{id}", Access::kAdmin,
     delete_qos_rule},
    {Method::kGet, "/v2.0/qos/rule-types", Access::kReader, list_qos_rule_types},
    {Method::kGet, "/v2.0/qos/rule-types/{type}", Access::kAdmin, show_qos_rule_type},

    {Method::kGet, "/v2.0/quotas", Access::kAdmin, list_quotas},
    {Method::kGet, "/v2.0/quotas/{project_id}", Access::kReader, show_quota},
    {Method::kGet, "/v2.0/quotas/{project_id}/default", Access::kReader, show_default_quota},
    {Method::kGet, "/v2.0/quotas/{project_id}/details", Access::kReader, show_quota_details},
    {Method::kGet, "/v2.0/quotas/{project_id}/details.json", Access::kReader, show_quota_details},
    {Method::kPut, "/v2.0/quotas/{project_id}", Access::kAdmin, update_quota},
    {Method::kDelete, "/v2.0/quotas/{project_id}", Access::kAdmin, delete_quota},

    {Method::kGet, "/v2.0/agents", Access::kAdmin, list_agents},
    {Method::kGet, "/v2.0/agents/{id}", Access::kAdmin, show_agent},
    {Method::kGet, "/v2.0/availability_zones", Access::kReader, list_availability_zones},

    {Method::kGet, "/v2.0/{collection}/{id}/tags", Access::kReader, list_tags},
    {Method::kPut, "/v2.0/{collection}/{id}/tags", Access::kMember, replace_tags},
    {Method::kDelete, "/v2.0/{collection}/{id}/tags", Access::kMember, remove_tags},
    {Method::kGet, "/v2.0/{collection}/{id}/tags/{tag}", Access::kReader, show_tag},
    {Method::kPut, "/v2.0/{collection}/{id}/tags/{tag}", Access::kMember, add_tag},
    {Method::kDelete, "/v2.0/{collection}/{id}/tags/{tag}", Access::kMember, remove_tag},
};

// Neutron answers 409 where a quota is full.
Reply as_neutron(Reply reply) {
  if (reply.ok() || reply.error().code != ErrorCode::kOverQuota) return reply;
  Error error = reply.take_error();
  error.code = ErrorCode::kConflict;
  return error;
}

}  // namespace

std::vector<http::Route> network_routes(const Context& context) {
  std::vector<http::Route> out;
  for (const Route& row : kRoutes) {
    out.push_back({.method = row.method,
                   .pattern = row.pattern,
                   .access = row.access,
                   .handler = [context, handler = row.handler](http::Request& request) {
                     return as_neutron(handler(context, request));
                   }});
  }
  return out;
}

}  // namespace hanok::network

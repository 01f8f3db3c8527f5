#pragma once
// Every handler of the network API; routes.cc maps paths to them. A handler is one transaction.

#include "control/network/context.h"

namespace hanok::network {

using Reply = Result<http::Response>;

// versions.cc
Reply list_versions(const Context& context, http::Request& request);
Reply show_version(const Context& context, http::Request& request);
// extensions.cc
Reply list_extensions(const Context& context, http::Request& request);
Reply show_extension(const Context& context, http::Request& request);
// networks.cc
Reply list_networks(const Context& context, http::Request& request);
Reply show_network(const Context& context, http::Request& request);
Reply create_network(const Context& context, http::Request& request);
Reply update_network(const Context& context, http::Request& request);
Reply delete_network(const Context& context, http::Request& request);
// segment_calls.cc
Reply list_segments(const Context& context, http::Request& request);
Reply show_segment(const Context& context, http::Request& request);
Reply create_segment(const Context& context, http::Request& request);
Reply update_segment(const Context& context, http::Request& request);
Reply delete_segment(const Context& context, http::Request& request);
// subnets.cc
Reply list_subnets(const Context& context, http::Request& request);
Reply show_subnet(const Context& context, http::Request& request);
Reply create_subnet(const Context& context, http::Request& request);
Reply update_subnet(const Context& context, http::Request& request);
Reply delete_subnet(const Context& context, http::Request& request);
// subnetpools.cc
Reply list_subnetpools(const Context& context, http::Request& request);
Reply show_subnetpool(const Context& context, http::Request& request);
Reply create_subnetpool(const Context& context, http::Request& request);
Reply update_subnetpool(const Context& context, http::Request& request);
Reply delete_subnetpool(const Context& context, http::Request& request);
// ports.cc
Reply list_ports(const Context& context, http::Request& request);
Reply show_port(const Context& context, http::Request& request);
Reply create_port_resource(const Context& context, http::Request& request);
Reply update_port(const Context& context, http::Request& request);
Reply delete_port_resource(const Context& context, http::Request& request);
// security_groups.cc
Reply list_groups(const Context& context, http::Request& request);
Reply show_group(const Context& context, http::Request& request);
Reply create_group(const Context& context, http::Request& request);
Reply update_group(const Context& context, http::Request& request);
Reply delete_group(const Context& context, http::Request& request);
// security_group_rules.cc
Reply list_rules(const Context& context, http::Request& request);
Reply show_rule(const Context& context, http::Request& request);
Reply create_rule(const Context& context, http::Request& request);
Reply delete_rule(const Context& context, http::Request& request);
// routers.cc
Reply list_routers(const Context& context, http::Request& request);
Reply show_router(const Context& context, http::Request& request);
Reply create_router(const Context& context, http::Request& request);
Reply update_router(const Context& context, http::Request& request);
Reply delete_router(const Context& context, http::Request& request);
// router_interfaces.cc
Reply add_router_interface(const Context& context, http::Request& request);
Reply remove_router_interface(const Context& context, http::Request& request);
// router_routes.cc
Reply add_extra_routes(const Context& context, http::Request& request);
Reply remove_extra_routes(const Context& context, http::Request& request);
// floating_ips.cc
Reply list_floating_ips(const Context& context, http::Request& request);
Reply show_floating_ip(const Context& context, http::Request& request);
Reply create_floating_ip(const Context& context, http::Request& request);
Reply update_floating_ip(const Context& context, http::Request& request);
Reply delete_floating_ip(const Context& context, http::Request& request);
// port_forwardings.cc
Reply list_port_forwardings(const Context& context, http::Request& request);
Reply show_port_forwarding(const Context& context, http::Request& request);
Reply create_port_forwarding(const Context& context, http::Request& request);
Reply update_port_forwarding(const Context& context, http::Request& request);
Reply delete_port_forwarding(const Context& context, http::Request& request);
// quotas.cc
Reply list_quotas(const Context& context, http::Request& request);
Reply show_quota(const Context& context, http::Request& request);
Reply show_default_quota(const Context& context, http::Request& request);
Reply show_quota_details(const Context& context, http::Request& request);
Reply update_quota(const Context& context, http::Request& request);
Reply delete_quota(const Context& context, http::Request& request);
// agents.cc
Reply list_agents(const Context& context, http::Request& request);
Reply show_agent(const Context& context, http::Request& request);
Reply list_availability_zones(const Context& context, http::Request& request);
// tags.cc
Reply list_tags(const Context& context, http::Request& request);
Reply replace_tags(const Context& context, http::Request& request);
Reply remove_tags(const Context& context, http::Request& request);
Reply show_tag(const Context& context, http::Request& request);
Reply add_tag(const Context& context, http::Request& request);
Reply remove_tag(const Context& context, http::Request& request);

}  // namespace hanok::network

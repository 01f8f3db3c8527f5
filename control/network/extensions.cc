// The extensions that clients may count on: only what works.

#include <array>

#include "control/network/handlers.h"
#include "control/network/listing.h"

namespace hanok::network {
namespace {

struct Extension {
  const char *alias, *name, *description;
};

constexpr Extension kExtensions[] = {
    {"agent", "agent", "The agents and whether they are alive."},
    {"allowed-address-pairs", "Allowed Address Pairs", "More addresses that a port may send from."},
    {"availability_zone", "Availability Zone", "The availability zones."},
    {"binding", "Port Binding", "The host of a port, for administrators."},
    {"default-subnetpools", "Default Subnetpools", "A subnet pool may be the default of its IP version."},
    {"empty-string-filtering", "Empty String Filtering Extension", "Lists may be filtered by empty values."},
    {"ext-gw-mode", "Neutron L3 Configurable external gateway mode", "SNAT of a router may be turned off."},
    {"external-net", "Neutron external network", "Networks that lead outside."},
    {"extraroute", "Neutron Extra Route", "Static routes of a router."},
    {"extraroute-atomic", "Atomically add/remove extra routes", "Static routes may be changed one by one."},
    {"expose-port-forwarding-in-fip", "Expose Port Forwarding in Floating IP",
     "A floating IP shows its port forwardings."},
    {"floating-ip-port-forwarding", "Floating IP Port Forwarding",
     "Single ports of a floating IP lead to ports."},
    {"floating-ip-port-forwarding-description", "Floating IP Port Forwarding Description",
     "Port forwardings have a description."},
    {"extra_dhcp_opt", "Neutron Extra DHCP options", "More DHCP options for a port."},
    {"ip-substring-filtering", "IP address substring filtering",
     "Ports may be filtered by part of an address."},
    {"multi-provider", "Multi Provider Network", "A network may have several segments."},
    {"net-mtu", "Network MTU", "The MTU of a network."},
    {"net-mtu-writable", "Network MTU (writable)", "The MTU of a network may be set."},
    {"network_availability_zone", "Network Availability Zone", "Availability zones of networks."},
    {"pagination", "Pagination support", "Lists may be read by page."},
    {"port-security", "Port Security", "Anti-spoofing of a port may be turned off."},
    {"project-id", "project_id field enabled", "Resources say their project_id."},
    {"provider", "Provider Network", "The segment of a network, for administrators."},
    {"qos", "Quality of Service", "Policies that limit and mark the traffic of ports and networks."},
    {"qos-bw-limit-direction", "Direction for QoS bandwidth limit rule", "Limits either way."},
    {"qos-fip", "Floating IP QoS", "Floating IPs may have a QoS policy."},
    {"qos-port-network-policy", "QoS Port Network Policy", "A port shows its network's policy."},
    {"qos-rule-type-details", "Details of QoS rule types", "Rule types may be shown one by one."},
    {"quota_details", "Quota details management support", "How much of each quota is used."},
    {"quotas", "Quota management support", "Limits per project."},
    {"router", "Neutron L3 Router", "Routers and floating IPs."},
    {"router_availability_zone", "Router Availability Zone", "Availability zones of routers."},
    {"security-group", "security-group", "Security groups and their rules."},
    {"segment", "Segment", "The segments of a network may be listed, added and taken away."},
    {"sorting", "Sorting support", "Lists may be sorted."},
    {"standard-attr-description", "standard-attr-description", "Resources have a description."},
    {"standard-attr-revisions", "Resource revision numbers", "Resources have a revision_number."},
    {"standard-attr-tag", "Tag support for resources with standard attribute", "Resources may have tags."},
    {"standard-attr-timestamp", "Resource timestamps", "Resources say when they were made and changed."},
    {"subnet_allocation", "Subnet Allocation", "Subnets out of subnet pools."},
};

Json extension_json(const Extension& extension) {
  return {{"alias", extension.alias},
          {"name", extension.name},
          {"description", extension.description},
          {"updated", "2024-01-01T00:00:00-00:00"},
          {"links", Json::array()}};
}

}  // namespace

Reply list_extensions(const Context&, http::Request& request) {
  Json out = Json::array();
  for (const Extension& extension : kExtensions)
    out.push_back(pick_fields(request, extension_json(extension)));
  return http::ok({{"extensions", std::move(out)}});
}

Reply show_extension(const Context&, http::Request& request) {
  for (const Extension& extension : kExtensions) {
    if (extension.alias == request.param("alias"))
      return show(request, "extension", extension_json(extension));
  }
  return not_found("Extension with alias " + request.param("alias") + " does not exist", "ExtensionNotFound");
}

}  // namespace hanok::network

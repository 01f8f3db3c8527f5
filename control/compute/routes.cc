// The routes of the compute service, one row per call.

#include <memory>

#include "control/compute/actions.h"
#include "control/compute/compute.h"
#include "control/compute/flavors.h"
#include "control/compute/hosts.h"
#include "control/compute/images_proxy.h"
#include "control/compute/keypairs.h"
#include "control/compute/quota.h"
#include "control/compute/security_groups.h"
#include "control/compute/server_groups.h"
#include "control/compute/servers.h"
#include "control/compute/usage.h"
#include "control/compute/versions.h"
#include "control/image/image.h"

namespace hanok::compute {
namespace {

using http::Access;
using http::Method;

struct Row {
  Method method;
  const char* pattern;
  Access access;
  Answer (*call)(Context&, http::Request&);
};

// A collection is not deleted; Nova takes the empty id for one that is not there.
Answer no_security_group(Context&, http::Request&) {
  return not_found("Security group  not found.");
}

constexpr Row kRows[] = {
    {Method::kGet, "/", Access::kPublic, list_versions},
    {Method::kGet, "/v2", Access::kPublic, show_old_version},
    {Method::kGet, "/v2.1", Access::kPublic, show_version},
    {Method::kGet, "/v2.1/extensions", Access::kToken, list_extensions},
    {Method::kGet, "/v2.1/extensions/{alias}", Access::kToken, show_extension},
    {Method::kGet, "/v2.1/limits", Access::kReader, show_limits},

    {Method::kGet, "/v2.1/flavors", Access::kReader, list_flavors},
    {Method::kGet, "/v2.1/flavors/detail", Access::kReader, list_flavors_detail},
    {Method::kPost, "/v2.1/flavors", Access::kAdmin, create_flavor},
    {Method::kGet, "/v2.1/flavors/{id}", Access::kReader, show_flavor},
    {Method::kPut, "/v2.1/flavors/{id}", Access::kAdmin, update_flavor},
    {Method::kDelete, "/v2.1/flavors/{id}", Access::kAdmin, delete_flavor},
    {Method::kPost, "/v2.1/flavors/{id}/action", Access::kAdmin, flavor_action},
    {Method::kGet, "/v2.1/flavors/{id}/os-flavor-access", Access::kAdmin, list_flavor_access},
    {Method::kGet, "/v2.1/flavors/{id}/os-extra_specs", Access::kReader, list_extra_specs},
    {Method::kPost, "/v2.1/flavors/{id}/os-extra_specs", Access::kAdmin, create_extra_specs},
    {Method::kGet, "/v2.1/flavors/{id}/os-extra_specs/{key}", Access::kReader, show_extra_spec},
    {Method::kPut, "/v2.1/flavors/{id}/os-extra_specs/{key}", Access::kAdmin, update_extra_spec},
    {Method::kDelete, "/v2.1/flavors/{id}/os-extra_specs/{key}", Access::kAdmin, delete_extra_spec},

    {Method::kGet, "/v2.1/os-keypairs", Access::kReader, list_keypairs},
    {Method::kPost, "/v2.1/os-keypairs", Access::kMember, create_keypair},
    {Method::kGet, "/v2.1/os-keypairs/{name}", Access::kReader, show_keypair},
    {Method::kDelete, "/v2.1/os-keypairs/{name}", Access::kMember, delete_keypair},

    {Method::kGet, "/v2.1/servers", Access::kReader, list_servers},
    {Method::kGet, "/v2.1/servers/detail", Access::kReader, list_servers_detail},
    {Method::kPost, "/v2.1/servers", Access::kMember, create_server},
    {Method::kGet, "/v2.1/servers/{id}", Access::kReader, show_server},
    {Method::kPut, "/v2.1/servers/{id}", Access::kMember, update_server},
    {Method::kDelete, "/v2.1/servers/{id}", Access::kMember, delete_server},
    {Method::kPost, "/v2.1/servers/{id}/action", Access::kMember, server_action},
    {Method::kGet, "/v2.1/servers/{id}/metadata", Access::kReader, list_metadata},
    {Method::kPut, "/v2.1/servers/{id}/metadata", Access::kMember, replace_metadata},
    {Method::kPost, "/v2.1/servers/{id}/metadata", Access::kMember, update_metadata},
    {Method::kGet, "/v2.1/servers/{id}/metadata/{key}", Access::kReader, show_metadata_item},
    {Method::kPut, "/v2.1/servers/{id}/metadata/{key}", Access::kMember, update_metadata_item},
    {Method::kDelete, "/v2.1/servers/{id}/metadata/{key}", Access::kMember, delete_metadata_item},
    {Method::kGet, "/v2.1/servers/{id}/tags", Access::kReader, list_tags},
    {Method::kPut, "/v2.1/servers/{id}/tags", Access::kMember, replace_tags},
    {Method::kDelete, "/v2.1/servers/{id}/tags", Access::kMember, delete_tags},
    {Method::kGet, "/v2.1/servers/{id}/tags/{tag}", Access::kReader, check_one_tag},
    {Method::kPut, "/v2.1/servers/{id}/tags/{tag}", Access::kMember, add_tag},
    {Method::kDelete, "/v2.1/servers/{id}/tags/{tag}", Access::kMember, delete_tag},
    {Method::kGet, "/v2.1/servers/{id}/ips", Access::kReader, list_addresses},
    {Method::kGet, "/v2.1/servers/{id}/ips/{label}", Access::kReader, list_network_addresses},
    {Method::kGet, "/v2.1/servers/{id}/os-security-groups", Access::kReader, server_security_groups},
    {Method::kGet, "/v2.1/servers/{id}/os-interface", Access::kReader, list_interfaces},
    {Method::kPost, "/v2.1/servers/{id}/os-interface", Access::kMember, attach_interface},
    {Method::kGet, "/v2.1/servers/{id}/os-interface/{port}", Access::kReader, show_interface},
    {Method::kDelete, "/v2.1/servers/{id}/os-interface/{port}", Access::kMember, detach_interface},
    {Method::kGet, "/v2.1/servers/{id}/os-volume_attachments", Access::kReader, list_attachments},
    {Method::kPost, "/v2.1/servers/{id}/os-volume_attachments", Access::kMember, attach_volume},
    {Method::kGet, "/v2.1/servers/{id}/os-volume_attachments/{volume}", Access::kReader, show_attachment},
    {Method::kPut, "/v2.1/servers/{id}/os-volume_attachments/{volume}", Access::kMember, update_attachment},
    {Method::kDelete, "/v2.1/servers/{id}/os-volume_attachments/{volume}", Access::kMember, detach_volume},
    {Method::kGet, "/v2.1/servers/{id}/os-instance-actions", Access::kReader, list_actions},
    {Method::kGet, "/v2.1/servers/{id}/os-instance-actions/{request}", Access::kReader, show_action},

    {Method::kGet, "/v2.1/images", Access::kReader, list_images},
    {Method::kGet, "/v2.1/images/detail", Access::kReader, list_images_detail},
    {Method::kGet, "/v2.1/images/{image}", Access::kReader, show_image},
    {Method::kDelete, "/v2.1/images/{image}", Access::kMember, delete_image},
    {Method::kGet, "/v2.1/images/{image}/metadata", Access::kReader, show_image_metadata},

    {Method::kGet, "/v2.1/os-server-groups", Access::kReader, list_server_groups},
    {Method::kPost, "/v2.1/os-server-groups", Access::kMember, create_server_group},
    {Method::kGet, "/v2.1/os-server-groups/{group}", Access::kReader, show_server_group},
    {Method::kDelete, "/v2.1/os-server-groups/{group}", Access::kMember, delete_server_group},

    {Method::kGet, "/v2.1/os-security-groups", Access::kReader, list_security_groups},
    {Method::kPost, "/v2.1/os-security-groups", Access::kMember, create_security_group},
    {Method::kDelete, "/v2.1/os-security-groups", Access::kMember, no_security_group},
    {Method::kGet, "/v2.1/os-security-groups/{group}", Access::kReader, show_security_group},
    {Method::kPut, "/v2.1/os-security-groups/{group}", Access::kMember, update_security_group},
    {Method::kDelete, "/v2.1/os-security-groups/{group}", Access::kMember, delete_security_group},
    {Method::kPost, "/v2.1/os-security-group-rules", Access::kMember, create_security_group_rule},
    {Method::kDelete, "/v2.1/os-security-group-rules/{rule}", Access::kMember, delete_security_group_rule},

    {Method::kGet, "/v2.1/os-quota-sets/{project}", Access::kReader, show_quota},
    {Method::kGet, "/v2.1/os-quota-sets/{project}/detail", Access::kReader, show_quota_detail},
    {Method::kGet, "/v2.1/os-quota-sets/{project}/defaults", Access::kReader, show_default_quota},
    {Method::kPut, "/v2.1/os-quota-sets/{project}", Access::kAdmin, update_quota},
    {Method::kDelete, "/v2.1/os-quota-sets/{project}", Access::kAdmin, delete_quota},

    {Method::kGet, "/v2.1/os-availability-zone", Access::kReader, list_zones},
    {Method::kGet, "/v2.1/os-availability-zone/detail", Access::kAdmin, list_zones_detail},
    {Method::kGet, "/v2.1/os-aggregates", Access::kAdmin, list_aggregates},
    {Method::kGet, "/v2.1/os-hypervisors", Access::kAdmin, list_hypervisors},
    {Method::kGet, "/v2.1/os-hypervisors/detail", Access::kAdmin, list_hypervisors_detail},
    {Method::kGet, "/v2.1/os-hypervisors/statistics", Access::kAdmin, hypervisor_statistics},
    {Method::kGet, "/v2.1/os-hypervisors/{id}", Access::kAdmin, show_hypervisor},
    {Method::kGet, "/v2.1/os-hypervisors/{id}/uptime", Access::kAdmin, hypervisor_uptime},
    {Method::kGet, "/v2.1/os-services", Access::kAdmin, list_services},
    {Method::kPut, "/v2.1/os-services/{id}", Access::kAdmin, update_service},
    {Method::kGet, "/v2.1/os-simple-tenant-usage", Access::kAdmin, list_usage},
    {Method::kGet, "/v2.1/os-simple-tenant-usage/{project}", Access::kReader, show_usage},
};

}  // namespace

http::Service compute_service(store::Database& database, const Clock& clock, bus::Asker& asker) {
  const auto context = std::make_shared<Context>(
      Context{database, clock, asker,
              std::make_shared<const ImageCalls>(image::image_service(database, clock, nullptr))});
  http::Service out;
  out.name = "compute";
  out.envelope = http::Envelope::kCompute;
  out.microversion_type = "compute";
  out.major = 2;
  out.min_minor = 1;
  out.max_minor = kMaxMinor;
  for (const auto& row : kRows) {
    const auto call = row.call;
    out.routes.push_back(
        {row.method, row.pattern, row.access, [context, call](http::Request& request) -> Answer {
           auto answer = call(*context, request);
           // Nova's own name for the request id; clients look actions up by it.
           if (answer.ok()) answer->headers["X-Compute-Request-Id"] = request.request_id;
           return answer;
         }});
  }
  return out;
}

}  // namespace hanok::compute

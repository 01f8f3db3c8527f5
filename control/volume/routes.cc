// The volume API's flat table. Each row stands for two paths: /v3/{project_id}/... and /v3/...
#include "control/volume/context.h"
#include "control/volume/volume.h"

namespace hanok::volume {
namespace {

using http::Access;
using http::Method;

struct RouteRow {
  Method method;
  const char* pattern;
  Access access;
  Operation operation;
};

Answer nothing_here(const Context&, http::Request&) {
  return not_found("The resource could not be found.");
}

constexpr RouteRow kRoutes[] = {
    {Method::kGet, "/volumes", Access::kReader, list_volumes},
    {Method::kPost, "/volumes", Access::kMember, create_volume_call},
    {Method::kPut, "/volumes", Access::kMember, nothing_here},
    {Method::kDelete, "/volumes", Access::kMember, nothing_here},
    {Method::kGet, "/volumes/detail", Access::kReader, list_volumes_detail},
    {Method::kGet, "/volumes/summary", Access::kReader, show_summary},
    {Method::kGet, "/os-volume-manage", Access::kAdmin, list_manageable},
    {Method::kGet, "/os-volume-manage/detail", Access::kAdmin, list_manageable_detail},
    {Method::kPost, "/os-volume-manage", Access::kAdmin, manage_volume},
    {Method::kGet, "/manageable_volumes", Access::kAdmin, list_manageable_3_8},
    {Method::kGet, "/manageable_volumes/detail", Access::kAdmin, list_manageable_detail_3_8},
    {Method::kPost, "/manageable_volumes", Access::kAdmin, manage_volume_3_8},
    {Method::kGet, "/os-snapshot-manage", Access::kAdmin, list_manageable_snapshots},
    {Method::kGet, "/os-snapshot-manage/detail", Access::kAdmin, list_manageable_snapshots_detail},
    {Method::kPost, "/os-snapshot-manage", Access::kAdmin, manage_snapshot},
    {Method::kGet, "/manageable_snapshots", Access::kAdmin, list_manageable_snapshots_3_8},
    {Method::kGet, "/manageable_snapshots/detail", Access::kAdmin, list_manageable_snapshots_detail_3_8},
    {Method::kPost, "/manageable_snapshots", Access::kAdmin, manage_snapshot_3_8},
    {Method::kGet, "/volumes/{id}", Access::kReader, show_volume},
    {Method::kPut, "/volumes/{id}", Access::kMember, update_volume},
    {Method::kDelete, "/volumes/{id}", Access::kMember, delete_volume},
    {Method::kPost, "/volumes/{id}/action", Access::kMember, volume_action},
    {Method::kGet, "/volumes/{id}/encryption", Access::kReader, show_volume_encryption},
    {Method::kGet, "/volumes/{id}/metadata", Access::kReader, show_volume_metadata},
    {Method::kPost, "/volumes/{id}/metadata", Access::kMember, add_volume_metadata},
    {Method::kPut, "/volumes/{id}/metadata", Access::kMember, replace_volume_metadata},
    {Method::kGet, "/volumes/{id}/metadata/{key}", Access::kReader, show_volume_metadata_item},
    {Method::kPut, "/volumes/{id}/metadata/{key}", Access::kMember, set_volume_metadata_item},
    {Method::kDelete, "/volumes/{id}/metadata/{key}", Access::kMember, delete_volume_metadata_item},
    {Method::kGet, "/snapshots", Access::kReader, list_snapshots},
    {Method::kPost, "/snapshots", Access::kMember, create_snapshot},
    {Method::kPut, "/snapshots", Access::kMember, nothing_here},
    {Method::kDelete, "/snapshots", Access::kMember, nothing_here},
    {Method::kGet, "/snapshots/detail", Access::kReader, list_snapshots_detail},
    {Method::kGet, "/snapshots/{id}", Access::kReader, show_snapshot},
    {Method::kPut, "/snapshots/{id}", Access::kMember, update_snapshot},
    {Method::kDelete, "/snapshots/{id}", Access::kMember, delete_snapshot},
    {Method::kPost, "/snapshots/{id}/action", Access::kMember, snapshot_action},
    {Method::kGet, "/snapshots/{id}/metadata", Access::kReader, show_snapshot_metadata},
    {Method::kPost, "/snapshots/{id}/metadata", Access::kMember, add_snapshot_metadata},
    {Method::kPut, "/snapshots/{id}/metadata", Access::kMember, replace_snapshot_metadata},
    {Method::kGet, "/snapshots/{id}/metadata/{key}", Access::kReader, show_snapshot_metadata_item},
    {Method::kPut, "/snapshots/{id}/metadata/{key}", Access::kMember, set_snapshot_metadata_item},
    {Method::kDelete, "/snapshots/{id}/metadata/{key}", Access::kMember, delete_snapshot_metadata_item},
    {Method::kGet, "/types", Access::kReader, list_types},
    {Method::kPost, "/types", Access::kAdmin, create_type},
    {Method::kGet, "/types/{type}", Access::kReader, show_type},
    {Method::kPut, "/types/{type}", Access::kAdmin, update_type},
    {Method::kDelete, "/types/{type}", Access::kAdmin, delete_type},
    {Method::kPost, "/types/{type}/action", Access::kAdmin, type_action},
    {Method::kGet, "/types/{type}/os-volume-type-access", Access::kAdmin, list_type_access},
    {Method::kGet, "/types/{type}/extra_specs", Access::kReader, list_type_specs},
    {Method::kPost, "/types/{type}/extra_specs", Access::kAdmin, add_type_specs},
    {Method::kGet, "/types/{type}/extra_specs/{key}", Access::kReader, show_type_spec},
    {Method::kPut, "/types/{type}/extra_specs/{key}", Access::kAdmin, update_type_spec},
    {Method::kDelete, "/types/{type}/extra_specs/{key}", Access::kAdmin, delete_type_spec},
    {Method::kGet, "/types/{type}/encryption", Access::kAdmin, show_type_encryption},
    {Method::kPost, "/types/{type}/encryption", Access::kAdmin, create_type_encryption},
    {Method::kGet, "/types/{type}/encryption/{encryption}", Access::kAdmin, show_type_encryption_item},
    {Method::kPut, "/types/{type}/encryption/{encryption}", Access::kAdmin, update_type_encryption},
    {Method::kDelete, "/types/{type}/encryption/{encryption}", Access::kAdmin, delete_type_encryption},
    {Method::kGet, "/qos-specs", Access::kAdmin, list_qos},
    {Method::kPost, "/qos-specs", Access::kAdmin, create_qos},
    {Method::kGet, "/qos-specs/{qos}", Access::kAdmin, show_qos},
    {Method::kPut, "/qos-specs/{qos}", Access::kAdmin, update_qos},
    {Method::kDelete, "/qos-specs/{qos}", Access::kAdmin, delete_qos},
    {Method::kPut, "/qos-specs/{qos}/delete_keys", Access::kAdmin, delete_qos_keys},
    {Method::kGet, "/qos-specs/{qos}/associations", Access::kAdmin, list_qos_associations},
    {Method::kGet, "/qos-specs/{qos}/associate", Access::kAdmin, associate_qos},
    {Method::kGet, "/qos-specs/{qos}/disassociate", Access::kAdmin, disassociate_qos},
    {Method::kGet, "/qos-specs/{qos}/disassociate_all", Access::kAdmin, disassociate_all_qos},
    {Method::kGet, "/attachments", Access::kReader, list_attachments},
    {Method::kPost, "/attachments", Access::kMember, create_attachment},
    {Method::kGet, "/attachments/detail", Access::kReader, list_attachments_detail},
    {Method::kGet, "/attachments/{id}", Access::kReader, show_attachment},
    {Method::kPut, "/attachments/{id}", Access::kMember, update_attachment},
    {Method::kDelete, "/attachments/{id}", Access::kMember, delete_attachment},
    {Method::kPost, "/attachments/{id}/action", Access::kMember, attachment_action},
    {Method::kGet, "/os-volume-transfer", Access::kReader, list_transfers},
    {Method::kPost, "/os-volume-transfer", Access::kMember, create_transfer},
    {Method::kGet, "/os-volume-transfer/detail", Access::kReader, list_transfers_detail},
    {Method::kGet, "/os-volume-transfer/{id}", Access::kReader, show_transfer},
    {Method::kDelete, "/os-volume-transfer/{id}", Access::kMember, delete_transfer},
    {Method::kPost, "/os-volume-transfer/{id}/accept", Access::kMember, accept_transfer},
    {Method::kGet, "/volume-transfers", Access::kReader, list_transfers},
    {Method::kPost, "/volume-transfers", Access::kMember, create_transfer},
    {Method::kGet, "/volume-transfers/detail", Access::kReader, list_transfers_detail},
    {Method::kGet, "/volume-transfers/{id}", Access::kReader, show_transfer},
    {Method::kDelete, "/volume-transfers/{id}", Access::kMember, delete_transfer},
    {Method::kPost, "/volume-transfers/{id}/accept", Access::kMember, accept_transfer},
    {Method::kGet, "/backups", Access::kReader, list_backups},
    {Method::kPost, "/backups", Access::kMember, create_backup},
    {Method::kGet, "/backups/detail", Access::kReader, list_backups_detail},
    {Method::kGet, "/backups/{id}", Access::kReader, show_backup},
    {Method::kPut, "/backups/{id}", Access::kMember, update_backup},
    {Method::kDelete, "/backups/{id}", Access::kMember, delete_backup},
    {Method::kPost, "/backups/{id}/restore", Access::kMember, restore_backup},
    {Method::kPost, "/backups/{id}/action", Access::kMember, backup_action},
    {Method::kGet, "/group_types", Access::kReader, list_group_types},
    {Method::kPost, "/group_types", Access::kAdmin, create_group_type},
    {Method::kGet, "/group_types/{group_type}", Access::kReader, show_group_type},
    {Method::kPut, "/group_types/{group_type}", Access::kAdmin, update_group_type},
    {Method::kDelete, "/group_types/{group_type}", Access::kAdmin, delete_group_type},
    {Method::kGet, "/group_types/{group_type}/group_specs", Access::kAdmin, list_group_specs},
    {Method::kPost, "/group_types/{group_type}/group_specs", Access::kAdmin, add_group_specs},
    {Method::kGet, "/group_types/{group_type}/group_specs/{key}", Access::kAdmin, show_group_spec},
    {Method::kPut, "/group_types/{group_type}/group_specs/{key}", Access::kAdmin, update_group_spec},
    {Method::kDelete, "/group_types/{group_type}/group_specs/{key}", Access::kAdmin, delete_group_spec},
    {Method::kGet, "/groups", Access::kReader, list_groups},
    {Method::kPost, "/groups", Access::kMember, create_group},
    {Method::kGet, "/groups/detail", Access::kReader, list_groups_detail},
    {Method::kPost, "/groups/action", Access::kMember, create_group_from_source},
    {Method::kGet, "/groups/{id}", Access::kReader, show_group},
    {Method::kPut, "/groups/{id}", Access::kMember, update_group},
    {Method::kPost, "/groups/{id}/action", Access::kMember, group_action},
    {Method::kGet, "/group_snapshots", Access::kReader, list_group_snapshots},
    {Method::kPost, "/group_snapshots", Access::kMember, create_group_snapshot_call},
    {Method::kGet, "/group_snapshots/detail", Access::kReader, list_group_snapshots_detail},
    {Method::kGet, "/group_snapshots/{id}", Access::kReader, show_group_snapshot},
    {Method::kDelete, "/group_snapshots/{id}", Access::kMember, delete_group_snapshot},
    {Method::kPost, "/group_snapshots/{id}/action", Access::kMember, group_snapshot_action},
    {Method::kGet, "/messages", Access::kReader, list_messages},
    {Method::kGet, "/messages/{id}", Access::kReader, show_message},
    {Method::kDelete, "/messages/{id}", Access::kMember, delete_message},
    {Method::kGet, "/limits", Access::kReader, show_limits},
    {Method::kGet, "/os-quota-sets/{target}", Access::kReader, show_quota_set},
    {Method::kGet, "/os-quota-sets/{target}/defaults", Access::kReader, show_default_quota_set},
    {Method::kPut, "/os-quota-sets/{target}", Access::kAdmin, update_quota_set},
    {Method::kDelete, "/os-quota-sets/{target}", Access::kAdmin, delete_quota_set},
    {Method::kGet, "/os-quota-class-sets/{target}", Access::kAdmin, show_quota_class},
    {Method::kPut, "/os-quota-class-sets/{target}", Access::kAdmin, update_quota_class},
    {Method::kGet, "/os-availability-zone", Access::kReader, list_zones},
    {Method::kGet, "/extensions", Access::kReader, list_extensions},
    {Method::kGet, "/os-services", Access::kAdmin, list_services},
    {Method::kGet, "/os-hosts", Access::kAdmin, list_hosts},
    {Method::kGet, "/os-hosts/{host}", Access::kAdmin, show_host},
    {Method::kGet, "/scheduler-stats/get_pools", Access::kAdmin, list_pools},
};

http::Handler bind(const Context& context, Operation operation) {
  return [context, operation](http::Request& request) -> Answer {
    const auto project = request.params.find("project_id");
    if (project != request.params.end() && project->second != request.caller.project_id &&
        !request.caller.is_admin) {
      return forbidden("The project of the URL is not that of the token.");
    }
    return operation(context, request);
  };
}

}  // namespace

http::Service volume_service(store::Database& database, const Clock& clock, bus::Asker& asker,
                             const Keys& keys) {
  const Context context{database, clock, asker, keys};
  http::Service out;
  out.name = "volume";
  out.envelope = http::Envelope::kVolume;
  out.microversion_type = "volume";
  out.major = 3;
  out.min_minor = 0;
  out.max_minor = kMaxMinor;
  const auto open = [&](const char* pattern, Operation operation) {
    out.routes.push_back(
        {Method::kGet, pattern, Access::kPublic,
         [context, operation](http::Request& request) { return operation(context, request); }});
  };
  open("/", list_versions);
  open("/v3", show_version);
  for (const RouteRow& row : kRoutes) {
    for (const char* prefix : {"/v3/{project_id}", "/v3"}) {
      out.routes.push_back(
          {row.method, std::string(prefix) + row.pattern, row.access, bind(context, row.operation)});
    }
  }
  return out;
}

}  // namespace hanok::volume

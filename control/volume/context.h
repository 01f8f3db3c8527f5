#pragma once
// What the volume API's handlers have at hand, and the handlers, one file per resource.

#include "common/clock.h"
#include "control/bus/bus.h"
#include "control/http/http.h"
#include "control/store/store.h"
#include "control/volume/keys.h"
#include "control/volume/record.h"

namespace hanok::volume {

constexpr int kMaxMinor = 60;  // newest microversion: 3.60

struct Context {
  store::Database& database;
  const Clock& clock;
  bus::Asker& asker;
  const Keys& keys;
};
using Answer = Result<http::Response>;
using Operation = Answer (*)(const Context&, http::Request&);

// versions.cc
[[nodiscard]] Answer list_versions(const Context& context, http::Request& request);
[[nodiscard]] Answer show_version(const Context& context, http::Request& request);
// volumes_create.cc, volumes_list.cc, volumes.cc
[[nodiscard]] Answer create_volume_call(const Context& context, http::Request& request);
[[nodiscard]] Answer list_volumes(const Context& context, http::Request& request);
[[nodiscard]] Answer list_volumes_detail(const Context& context, http::Request& request);
[[nodiscard]] Answer show_volume(const Context& context, http::Request& request);
[[nodiscard]] Answer update_volume(const Context& context, http::Request& request);
[[nodiscard]] Answer delete_volume(const Context& context, http::Request& request);
[[nodiscard]] Answer show_summary(const Context& context, http::Request& request);
// manage.cc
[[nodiscard]] Answer list_manageable(const Context& context, http::Request& request);
[[nodiscard]] Answer list_manageable_detail(const Context& context, http::Request& request);
[[nodiscard]] Answer manage_volume(const Context& context, http::Request& request);
[[nodiscard]] Answer list_manageable_3_8(const Context& context, http::Request& request);
[[nodiscard]] Answer list_manageable_detail_3_8(const Context& context, http::Request& request);
[[nodiscard]] Answer manage_volume_3_8(const Context& context, http::Request& request);
// manage_snapshots.cc
[[nodiscard]] Answer list_manageable_snapshots(const Context& context, http::Request& request);
[[nodiscard]] Answer list_manageable_snapshots_detail(const Context& context, http::Request& request);
[[nodiscard]] Answer manage_snapshot(const Context& context, http::Request& request);
[[nodiscard]] Answer list_manageable_snapshots_3_8(const Context& context, http::Request& request);
[[nodiscard]] Answer list_manageable_snapshots_detail_3_8(const Context& context, http::Request& request);
[[nodiscard]] Answer manage_snapshot_3_8(const Context& context, http::Request& request);
[[nodiscard]] Answer unmanage_snapshot(store::Tx& tx, const Snapshot& snapshot);
// actions.cc
[[nodiscard]] Answer volume_action(const Context& context, http::Request& request);
// metadata.cc: of volumes and of snapshots
[[nodiscard]] Answer show_volume_metadata(const Context& context, http::Request& request);
[[nodiscard]] Answer add_volume_metadata(const Context& context, http::Request& request);
[[nodiscard]] Answer replace_volume_metadata(const Context& context, http::Request& request);
[[nodiscard]] Answer show_volume_metadata_item(const Context& context, http::Request& request);
[[nodiscard]] Answer set_volume_metadata_item(const Context& context, http::Request& request);
[[nodiscard]] Answer delete_volume_metadata_item(const Context& context, http::Request& request);
[[nodiscard]] Answer show_snapshot_metadata(const Context& context, http::Request& request);
[[nodiscard]] Answer add_snapshot_metadata(const Context& context, http::Request& request);
[[nodiscard]] Answer replace_snapshot_metadata(const Context& context, http::Request& request);
[[nodiscard]] Answer show_snapshot_metadata_item(const Context& context, http::Request& request);
[[nodiscard]] Answer set_snapshot_metadata_item(const Context& context, http::Request& request);
[[nodiscard]] Answer delete_snapshot_metadata_item(const Context& context, http::Request& request);
// snapshots.cc, snapshots_list.cc
[[nodiscard]] Answer create_snapshot(const Context& context, http::Request& request);
[[nodiscard]] Answer list_snapshots(const Context& context, http::Request& request);
[[nodiscard]] Answer list_snapshots_detail(const Context& context, http::Request& request);
[[nodiscard]] Answer show_snapshot(const Context& context, http::Request& request);
[[nodiscard]] Answer update_snapshot(const Context& context, http::Request& request);
[[nodiscard]] Answer delete_snapshot(const Context& context, http::Request& request);
[[nodiscard]] Answer snapshot_action(const Context& context, http::Request& request);
// type_calls.cc, type_specs.cc
[[nodiscard]] Answer list_types(const Context& context, http::Request& request);
[[nodiscard]] Answer show_type(const Context& context, http::Request& request);
[[nodiscard]] Answer create_type(const Context& context, http::Request& request);
[[nodiscard]] Answer update_type(const Context& context, http::Request& request);
[[nodiscard]] Answer delete_type(const Context& context, http::Request& request);
[[nodiscard]] Answer list_type_specs(const Context& context, http::Request& request);
[[nodiscard]] Answer add_type_specs(const Context& context, http::Request& request);
[[nodiscard]] Answer show_type_spec(const Context& context, http::Request& request);
[[nodiscard]] Answer update_type_spec(const Context& context, http::Request& request);
[[nodiscard]] Answer delete_type_spec(const Context& context, http::Request& request);
[[nodiscard]] Answer list_type_access(const Context& context, http::Request& request);
[[nodiscard]] Answer type_action(const Context& context, http::Request& request);
// encryption.cc
[[nodiscard]] Answer show_type_encryption(const Context& context, http::Request& request);
[[nodiscard]] Answer show_type_encryption_item(const Context& context, http::Request& request);
[[nodiscard]] Answer create_type_encryption(const Context& context, http::Request& request);
[[nodiscard]] Answer update_type_encryption(const Context& context, http::Request& request);
[[nodiscard]] Answer delete_type_encryption(const Context& context, http::Request& request);
[[nodiscard]] Answer show_volume_encryption(const Context& context, http::Request& request);
// qos_calls.cc
[[nodiscard]] Answer list_qos(const Context& context, http::Request& request);
[[nodiscard]] Answer show_qos(const Context& context, http::Request& request);
[[nodiscard]] Answer create_qos(const Context& context, http::Request& request);
[[nodiscard]] Answer update_qos(const Context& context, http::Request& request);
[[nodiscard]] Answer delete_qos(const Context& context, http::Request& request);
[[nodiscard]] Answer delete_qos_keys(const Context& context, http::Request& request);
[[nodiscard]] Answer list_qos_associations(const Context& context, http::Request& request);
[[nodiscard]] Answer associate_qos(const Context& context, http::Request& request);
[[nodiscard]] Answer disassociate_qos(const Context& context, http::Request& request);
[[nodiscard]] Answer disassociate_all_qos(const Context& context, http::Request& request);
// quota_sets.cc
[[nodiscard]] Answer show_limits(const Context& context, http::Request& request);
[[nodiscard]] Answer show_quota_set(const Context& context, http::Request& request);
[[nodiscard]] Answer show_default_quota_set(const Context& context, http::Request& request);
[[nodiscard]] Answer update_quota_set(const Context& context, http::Request& request);
[[nodiscard]] Answer delete_quota_set(const Context& context, http::Request& request);
[[nodiscard]] Answer show_quota_class(const Context& context, http::Request& request);
[[nodiscard]] Answer update_quota_class(const Context& context, http::Request& request);
// attachments.cc
[[nodiscard]] Answer list_attachments(const Context& context, http::Request& request);
[[nodiscard]] Answer list_attachments_detail(const Context& context, http::Request& request);
[[nodiscard]] Answer show_attachment(const Context& context, http::Request& request);
[[nodiscard]] Answer create_attachment(const Context& context, http::Request& request);
[[nodiscard]] Answer update_attachment(const Context& context, http::Request& request);
[[nodiscard]] Answer delete_attachment(const Context& context, http::Request& request);
[[nodiscard]] Answer attachment_action(const Context& context, http::Request& request);
// transfers.cc
[[nodiscard]] Answer list_transfers(const Context& context, http::Request& request);
[[nodiscard]] Answer list_transfers_detail(const Context& context, http::Request& request);
[[nodiscard]] Answer show_transfer(const Context& context, http::Request& request);
[[nodiscard]] Answer create_transfer(const Context& context, http::Request& request);
[[nodiscard]] Answer accept_transfer(const Context& context, http::Request& request);
[[nodiscard]] Answer delete_transfer(const Context& context, http::Request& request);
// backups.cc, backups_list.cc
[[nodiscard]] Answer list_backups(const Context& context, http::Request& request);
[[nodiscard]] Answer list_backups_detail(const Context& context, http::Request& request);
[[nodiscard]] Answer show_backup(const Context& context, http::Request& request);
[[nodiscard]] Answer create_backup(const Context& context, http::Request& request);
[[nodiscard]] Answer update_backup(const Context& context, http::Request& request);
[[nodiscard]] Answer delete_backup(const Context& context, http::Request& request);
[[nodiscard]] Answer restore_backup(const Context& context, http::Request& request);
[[nodiscard]] Answer backup_action(const Context& context, http::Request& request);
// group_types.cc
[[nodiscard]] Answer list_group_types(const Context& context, http::Request& request);
[[nodiscard]] Answer show_group_type(const Context& context, http::Request& request);
[[nodiscard]] Answer create_group_type(const Context& context, http::Request& request);
[[nodiscard]] Answer update_group_type(const Context& context, http::Request& request);
[[nodiscard]] Answer delete_group_type(const Context& context, http::Request& request);
[[nodiscard]] Answer list_group_specs(const Context& context, http::Request& request);
[[nodiscard]] Answer add_group_specs(const Context& context, http::Request& request);
[[nodiscard]] Answer show_group_spec(const Context& context, http::Request& request);
[[nodiscard]] Answer update_group_spec(const Context& context, http::Request& request);
[[nodiscard]] Answer delete_group_spec(const Context& context, http::Request& request);
// groups.cc, groups_list.cc, groups_source.cc
[[nodiscard]] Answer list_groups(const Context& context, http::Request& request);
[[nodiscard]] Answer list_groups_detail(const Context& context, http::Request& request);
[[nodiscard]] Answer show_group(const Context& context, http::Request& request);
[[nodiscard]] Answer create_group(const Context& context, http::Request& request);
[[nodiscard]] Answer create_group_from_source(const Context& context, http::Request& request);
[[nodiscard]] Answer update_group(const Context& context, http::Request& request);
[[nodiscard]] Answer group_action(const Context& context, http::Request& request);
// group_snapshots.cc
[[nodiscard]] Answer list_group_snapshots(const Context& context, http::Request& request);
[[nodiscard]] Answer list_group_snapshots_detail(const Context& context, http::Request& request);
[[nodiscard]] Answer show_group_snapshot(const Context& context, http::Request& request);
[[nodiscard]] Answer create_group_snapshot_call(const Context& context, http::Request& request);
[[nodiscard]] Answer delete_group_snapshot(const Context& context, http::Request& request);
[[nodiscard]] Answer group_snapshot_action(const Context& context, http::Request& request);
// messages.cc
[[nodiscard]] Answer list_messages(const Context& context, http::Request& request);
[[nodiscard]] Answer show_message(const Context& context, http::Request& request);
[[nodiscard]] Answer delete_message(const Context& context, http::Request& request);
// infrastructure.cc
[[nodiscard]] Answer list_zones(const Context& context, http::Request& request);
[[nodiscard]] Answer list_extensions(const Context& context, http::Request& request);
[[nodiscard]] Answer list_services(const Context& context, http::Request& request);
[[nodiscard]] Answer list_hosts(const Context& context, http::Request& request);
[[nodiscard]] Answer show_host(const Context& context, http::Request& request);
[[nodiscard]] Answer list_pools(const Context& context, http::Request& request);

}  // namespace hanok::volume

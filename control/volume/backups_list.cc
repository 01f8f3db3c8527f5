#include "control/volume/backup_view.h"
#include "control/volume/listing.h"
#include "control/volume/view.h"

namespace hanok::volume {
namespace {

const std::map<std::string, std::string>& backup_columns() {
  static const std::map<std::string, std::string> kColumns = {{"id", "id"},
                                                              {"name", "COALESCE(name, '')"},
                                                              {"status", "status"},
                                                              {"size", "size_gib"},
                                                              {"created_at", "created_us"},
                                                              {"volume_id", "volume_id"},
                                                              {"updated_at", "COALESCE(updated_us, 0)"}};
  return kColumns;
}

Status filter_backups(Select& select, const std::string& name, const std::string& value) {
  static const std::map<std::string, std::string> kText = {{"name", "name = ?"},
                                                           {"name~", "instr(name, ?) > 0"},
                                                           {"description", "description = ?"},
                                                           {"status", "status = ?"},
                                                           {"id", "id = ?"},
                                                           {"volume_id", "volume_id = ?"},
                                                           {"user_id", "user_id = ?"},
                                                           {"snapshot_id", "snapshot_id = ?"}};
  if (const auto text = kText.find(name); text != kText.end()) select.add(text->second, value);
  return {};
}

Answer list_backups_with(const Context& context, http::Request& request, bool detail) {
  const List list{"backups_seen", "backups", "backup_links", backup_columns(), filter_backups};
  return answer_list(context, request, list, [&](store::Tx&, const store::Rows& rows) -> Result<Json> {
    Json items = Json::array();
    for (const auto& row : rows) {
      const Backup backup = backup_from(row);
      items.push_back(detail ? backup_json(request, backup) : backup_summary_json(request, backup));
    }
    return items;
  });
}

}  // namespace

Json backup_summary_json(const http::Request& request, const Backup& backup) {
  return {{"id", backup.id},
          {"name", text_json(backup.name)},
          {"links", links_json(request, backup.project_id + "/backups/" + backup.id)}};
}

Json backup_json(const http::Request& request, const Backup& backup) {
  Json out = backup_summary_json(request, backup);
  out.update(Json{{"status", backup.status},
                  {"size", backup.size_gib},
                  {"object_count", backup.objects},
                  {"availability_zone", kZone},
                  {"container", kBackupPool},
                  {"created_at", time_json(backup.created_us)},
                  {"updated_at", time_json(backup.updated_us)},
                  {"data_timestamp", time_json(backup.data_us)},
                  {"description", text_json(backup.description)},
                  {"fail_reason", text_json(backup.fail_reason)},
                  {"volume_id", backup.volume_id},
                  {"snapshot_id", text_json(backup.snapshot_id)},
                  {"is_incremental", backup.parent_id.has_value()},
                  {"has_dependent_backups", backup.has_dependents}});
  if (request.minor_version >= 18 && request.caller.is_admin) {
    out["os-backup-project-attr:project_id"] = backup.project_id;
  }
  if (request.minor_version >= 43) out["metadata"] = backup.metadata;
  if (request.minor_version >= 56) out["user_id"] = backup.user_id;
  return out;
}

Answer list_backups(const Context& context, http::Request& request) {
  return list_backups_with(context, request, false);
}

Answer list_backups_detail(const Context& context, http::Request& request) {
  return list_backups_with(context, request, true);
}

Answer show_backup(const Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(backup, load_backup(tx, request));
    return http::ok({{"backup", backup_json(request, backup)}});
  });
}

}  // namespace hanok::volume

#include "control/volume/group_view.h"
#include "control/volume/listing.h"
#include "control/volume/view.h"

namespace hanok::volume {
namespace {

constexpr int kGroupsMinor = 13, kListVolumeMinor = 25, kReplicationMinor = 38, kProjectMinor = 58;

const std::map<std::string, std::string>& group_columns() {
  static const std::map<std::string, std::string> kColumns = {{"id", "id"},
                                                              {"name", "COALESCE(name, '')"},
                                                              {"status", "status"},
                                                              {"group_type", "group_type_id"},
                                                              {"created_at", "created_us"},
                                                              {"updated_at", "COALESCE(updated_us, 0)"}};
  return kColumns;
}

Status filter_groups(Select& select, const std::string& name, const std::string& value) {
  static const std::map<std::string, std::string> kText = {{"name", "name = ?"},
                                                           {"name~", "instr(name, ?) > 0"},
                                                           {"description", "description = ?"},
                                                           {"status", "status = ?"},
                                                           {"id", "id = ?"},
                                                           {"group_type", "group_type_id = ?"},
                                                           {"group_snapshot_id", "group_snapshot_id = ?"},
                                                           {"source_group_id", "source_group_id = ?"}};
  if (const auto text = kText.find(name); text != kText.end()) select.add(text->second, value);
  return {};
}

Result<Json> group_json(store::Tx& tx, const http::Request& request, const Group& group) {
  HANOK_TRY(types, types_of_group(tx, group.id));
  Json out = {{"id", group.id},
              {"status", group.status},
              {"availability_zone", group.zone},
              {"created_at", time_json(group.created_us)},
              {"name", text_json(group.name)},
              {"description", text_json(group.description)},
              {"group_type", group.group_type_id},
              {"volume_types", types}};
  const int minor = request.minor_version;
  if (minor >= 14) {
    out["group_snapshot_id"] = text_json(group.group_snapshot_id);
    out["source_group_id"] = text_json(group.source_group_id);
  }
  HANOK_TRY(wanted, get_bool(Json{{"list_volume", request.query_one("list_volume").value_or("false")}},
                             "list_volume"));
  if (minor >= kListVolumeMinor && wanted.value_or(false)) {
    HANOK_TRY(volumes, volumes_of_group(tx, group.id));
    Json ids = Json::array();
    for (const Volume& volume : volumes) ids.push_back(volume.id);
    out["volumes"] = std::move(ids);
  }
  if (minor >= kReplicationMinor) out["replication_status"] = "disabled";
  if (minor >= kProjectMinor && request.caller.is_admin) out["project_id"] = group.project_id;
  return out;
}

Answer list_groups_with(const Context& context, http::Request& request, bool detail) {
  HANOK_CHECK(need_minor(request, kGroupsMinor));
  const List list{"volume_groups", "groups", "group_links", group_columns(), filter_groups};
  return answer_list(context, request, list, [&](store::Tx& tx, const store::Rows& rows) -> Result<Json> {
    Json items = Json::array();
    for (const auto& row : rows) {
      const Group group = group_from(row);
      if (!detail) {
        items.push_back(group_summary_json(group));
        continue;
      }
      HANOK_TRY(item, group_json(tx, request, group));
      items.push_back(std::move(item));
    }
    return items;
  });
}

}  // namespace

Json group_summary_json(const Group& group) {
  return {{"id", group.id}, {"name", text_json(group.name)}};
}

Answer list_groups(const Context& context, http::Request& request) {
  return list_groups_with(context, request, false);
}

Answer list_groups_detail(const Context& context, http::Request& request) {
  return list_groups_with(context, request, true);
}

Answer show_group(const Context& context, http::Request& request) {
  HANOK_CHECK(need_minor(request, kGroupsMinor));
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(group, load_group(tx, request, request.param("id")));
    HANOK_TRY(json, group_json(tx, request, group));
    return http::ok({{"group", std::move(json)}});
  });
}

}  // namespace hanok::volume

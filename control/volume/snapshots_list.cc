#include "control/volume/listing.h"
#include "control/volume/view.h"

namespace hanok::volume {
namespace {

const std::map<std::string, std::string>& snapshot_columns() {
  static const std::map<std::string, std::string> kColumns = {{"id", "id"},
                                                              {"name", "COALESCE(name, '')"},
                                                              {"display_name", "COALESCE(name, '')"},
                                                              {"status", "status"},
                                                              {"size", "size_gib"},
                                                              {"created_at", "created_us"},
                                                              {"volume_id", "volume_id"},
                                                              {"updated_at", "COALESCE(updated_us, 0)"}};
  return kColumns;
}

Status filter_snapshots(Select& select, const std::string& name, const std::string& value) {
  static const std::map<std::string, std::string> kText = {{"name", "name = ?"},
                                                           {"display_name", "name = ?"},
                                                           {"name~", "instr(name, ?) > 0"},
                                                           {"description", "description = ?"},
                                                           {"status", "status = ?"},
                                                           {"id", "id = ?"},
                                                           {"volume_id", "volume_id = ?"},
                                                           {"user_id", "user_id = ?"},
                                                           {"group_snapshot_id", "group_snapshot_id = ?"}};
  if (const auto text = kText.find(name); text != kText.end()) {
    select.add(text->second, value);
  } else if (name == "metadata") {
    return filter_metadata(select, value);
  }
  return {};
}

Answer list_snapshots_with(const Context& context, http::Request& request, bool detail) {
  if (request.path.ends_with('/')) return not_found("The resource could not be found.");
  const List list{"snapshots", "snapshots", "snapshots_links", snapshot_columns(), filter_snapshots};
  return answer_list(context, request, list, [&](store::Tx&, const store::Rows& rows) -> Result<Json> {
    Json items = Json::array();
    for (const auto& row : rows) items.push_back(snapshot_json(request, snapshot_from(row), detail));
    return items;
  });
}

}  // namespace

Answer list_snapshots(const Context& context, http::Request& request) {
  return list_snapshots_with(context, request, false);
}

Answer list_snapshots_detail(const Context& context, http::Request& request) {
  return list_snapshots_with(context, request, true);
}

}  // namespace hanok::volume

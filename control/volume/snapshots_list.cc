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
                                                           {"user_id", "user_id = ?"}};
  if (const auto text = kText.find(name); text != kText.end()) {
    select.add(text->second, value);
  } else if (name == "metadata") {
    return filter_metadata(select, value);
  }
  return {};
}

Answer list_snapshots_with(const Context& context, http::Request& request, bool detail) {
  if (request.path.ends_with('/')) return not_found("The resource could not be found.");
  HANOK_TRY(page, page_of(request));
  HANOK_TRY(keys, sort_keys(request, snapshot_columns()));
  Select select;
  filter_project(select, request);
  for (const auto& [name, value] : request.query) HANOK_CHECK(filter_snapshots(select, name, value));
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(selected, select_page(tx, "snapshots", select, keys, page));
    Json items = Json::array();
    for (const auto& row : selected.rows) items.push_back(snapshot_json(request, snapshot_from(row), detail));
    Json body = {{"snapshots", std::move(items)}};
    Json links = next_links(request, page, selected.rows);
    if (!links.is_null()) body["snapshots_links"] = std::move(links);
    if (selected.count) body["count"] = *selected.count;
    return http::ok(std::move(body));
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

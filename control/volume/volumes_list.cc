#include <algorithm>
#include <array>

#include "control/volume/listing.h"
#include "control/volume/view.h"

namespace hanok::volume {
namespace {

const std::map<std::string, std::string>& volume_columns() {
  static const std::map<std::string, std::string> kColumns = {{"id", "id"},
                                                              {"name", "COALESCE(name, '')"},
                                                              {"display_name", "COALESCE(name, '')"},
                                                              {"status", "status"},
                                                              {"size", "size_gib"},
                                                              {"bootable", "bootable"},
                                                              {"availability_zone", "zone"},
                                                              {"created_at", "created_us"},
                                                              {"updated_at", "COALESCE(updated_us, 0)"}};
  return kColumns;
}

Status filter_volumes(Select& select, const std::string& name, const std::string& value) {
  static const std::map<std::string, std::string> kText = {
      {"name", "name = ?"},
      {"display_name", "name = ?"},
      {"name~", "instr(name, ?) > 0"},
      {"description", "description = ?"},
      {"status", "status = ?"},
      {"status~", "instr(status, ?) > 0"},
      {"id", "id = ?"},
      {"availability_zone", "zone = ?"},
      {"image_id", "image_id = ?"},
      {"snapshot_id", "snapshot_id = ?"},
      {"source_volid", "source_volid = ?"},
      {"user_id", "user_id = ?"},
      {"group_id", "group_id = ?"},
      {"volume_type", "type_id = (SELECT id FROM volume_types WHERE name = ?)"},
      {"volume_type_id", "type_id = ?"}};
  if (const auto text = kText.find(name); text != kText.end()) {
    select.add(text->second, value);
  } else if (name == "metadata") {
    return filter_metadata(select, value);
  } else if (name == "size") {
    HANOK_TRY(size, get_int(Json{{name, value}}, name));
    select.add("size_gib = ?", size.value_or(0));
  } else if (name == "bootable" || name == "multiattach") {
    HANOK_TRY(on, get_bool(Json{{name, value}}, name));
    select.add(name + " = ?", on.value_or(false));
  }
  return {};  // others are ignored, as Cinder does for those that it does not know
}

Status attach_extras(store::Tx& tx, const std::vector<Volume>& volumes,
                     std::map<std::string, VolumeExtras>& extras) {
  if (volumes.empty()) return {};
  std::map<std::string, std::string> names;
  HANOK_TRY(types, tx.query("SELECT id, name FROM volume_types"));
  for (const auto& row : types) names[row.text("id")] = row.text("name");
  std::string marks;
  store::Args args;
  for (const auto& volume : volumes) {
    marks += marks.empty() ? "?" : ", ?";
    args.emplace_back(volume.id);
    if (volume.type_id) extras[volume.id].type_name = names[*volume.type_id];
  }
  HANOK_TRY(rows, tx.query("SELECT * FROM volume_attachments WHERE volume_id IN (" + marks +
                               ") ORDER BY created_us",
                           args));
  for (const auto& row : rows) extras[row.text("volume_id")].attachments.push_back(attachment_from(row));
  return {};
}

Answer list_volumes_with(const Context& context, http::Request& request, bool detail) {
  if (request.path.ends_with('/')) return not_found("The resource could not be found.");
  const List list{"volumes", "volumes", "volumes_links", volume_columns(), filter_volumes};
  return answer_list(context, request, list, [&](store::Tx& tx, const store::Rows& rows) -> Result<Json> {
    std::vector<Volume> volumes;
    for (const auto& row : rows) volumes.push_back(volume_from(row));
    std::map<std::string, VolumeExtras> extras;
    if (detail) HANOK_CHECK(attach_extras(tx, volumes, extras));
    Json items = Json::array();
    for (const auto& volume : volumes) {
      items.push_back(detail ? volume_json(request, volume, extras[volume.id], true)
                             : volume_summary_json(request, volume));
    }
    return items;
  });
}

}  // namespace

Answer list_volumes(const Context& context, http::Request& request) {
  return list_volumes_with(context, request, false);
}

Answer list_volumes_detail(const Context& context, http::Request& request) {
  return list_volumes_with(context, request, true);
}

}  // namespace hanok::volume

// What the other services call inside their own transactions.
#include "control/image/image.h"

#include "common/uuid.h"
#include "control/image/fields.h"
#include "control/image/record.h"

namespace hanok::image {

Result<ImageView> find_image(store::Tx& tx, const std::string& image_id, const std::string& project_id,
                             bool is_admin) {
  HANOK_TRY(record, load_visible(tx, image_id, project_id, is_admin));
  return ImageView{.id = record.id,
                   .name = record.name.value_or(""),
                   .status = record.status,
                   .owner = record.owner,
                   .disk_format = record.disk_format.value_or(""),
                   .container_format = record.container_format.value_or(""),
                   .size_bytes = record.size_bytes.value_or(0),
                   .virtual_size_bytes = record.virtual_size_bytes.value_or(record.size_bytes.value_or(0)),
                   .min_disk_gib = record.min_disk_gib,
                   .min_ram_mib = record.min_ram_mib,
                   .properties = record.properties};
}

Result<std::string> create_image_record(store::Tx& tx, const std::string& name, const std::string& project_id,
                                        const Json& properties, std::int64_t now_us) {
  Record record;
  record.id = new_uuid();
  record.name = name;
  record.status = "queued";
  record.owner = project_id;
  record.visibility = "shared";
  record.disk_format = "raw";
  record.container_format = "bare";
  record.created_us = record.updated_us = now_us;
  for (const auto& [key, value] : properties.items()) {
    if (value.is_null()) continue;
    if (is_base_field(key)) {
      HANOK_CHECK(set_field(record, key, value));
    } else if (!is_read_only_field(key)) {
      record.properties[key] = value.is_string() ? value : Json(value.dump());
    }
  }
  HANOK_CHECK(insert_record(tx, record));
  return record.id;
}

Status finish_image(store::Tx& tx, const std::string& image_id, std::int64_t size_bytes,
                    std::int64_t now_us) {
  HANOK_TRY(changed, tx.execute("UPDATE images SET status = 'active', size_bytes = ?, virtual_size_bytes = ?,"
                                " updated_us = ? WHERE id = ? AND status IN ('queued', 'saving')",
                                {size_bytes, size_bytes, now_us, image_id}));
  return changed == 1 ? Status() : to_trash(tx, image_id);
}

Status fail_image(store::Tx& tx, const std::string& image_id, const storage::ImageRef& source,
                  std::int64_t now_us) {
  HANOK_CHECK(
      tx.execute("UPDATE images SET status = 'killed', updated_us = ?"
                 " WHERE id = ? AND status IN ('queued', 'saving')",
                 {now_us, image_id}));
  return to_trash(tx, image_id, source);
}

}  // namespace hanok::image

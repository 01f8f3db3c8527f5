#include "control/image/record.h"

#include <fmt/format.h>

#include "common/clock.h"
#include "common/uuid.h"

namespace hanok::image {
namespace {

Json or_null(const std::optional<std::string>& value) {
  return value ? Json(*value) : Json();
}

Json or_null(const std::optional<std::int64_t>& value) {
  return value ? Json(*value) : Json();
}

Status write_tags(store::Tx& tx, const Record& record) {
  HANOK_CHECK(tx.execute("DELETE FROM image_tags WHERE image_id = ?", {record.id}));
  for (const auto& tag : record.tags) {
    HANOK_CHECK(
        tx.execute("INSERT OR IGNORE INTO image_tags (image_id, tag) VALUES (?, ?)", {record.id, tag}));
  }
  return {};
}

Error no_image(const std::string& id) {
  return not_found(fmt::format("No image found with ID {}", id.substr(0, 64)));
}

}  // namespace

Record record_from(const store::Row& row) {
  Record out;
  out.id = row.text("id");
  out.status = row.text("status");
  out.owner = row.text("owner");
  out.visibility = row.text("visibility");
  out.name = row.maybe_text("name");
  out.disk_format = row.maybe_text("disk_format");
  out.container_format = row.maybe_text("container_format");
  out.checksum = row.maybe_text("checksum");
  out.hash = row.maybe_text("hash");
  out.size_bytes = row.maybe_integer("size_bytes");
  out.virtual_size_bytes = row.maybe_integer("virtual_size_bytes");
  out.min_disk_gib = row.integer("min_disk_gib");
  out.min_ram_mib = row.integer("min_ram_mib");
  out.is_protected = row.boolean("protected");
  out.hidden = row.boolean("hidden");
  out.properties = row.json("properties");
  out.created_us = row.integer("created_us");
  out.updated_us = row.integer("updated_us");
  return out;
}

Status load_tags(store::Tx& tx, Record& record) {
  HANOK_TRY(rows, tx.query("SELECT tag FROM image_tags WHERE image_id = ? ORDER BY tag", {record.id}));
  record.tags.clear();
  for (const auto& row : rows) record.tags.push_back(row.text("tag"));
  return {};
}

Status insert_record(store::Tx& tx, const Record& record) {
  HANOK_CHECK(tx.execute(
      "INSERT INTO images (id, status, owner, visibility, created_us, updated_us) VALUES (?, ?, ?, ?, ?, ?)",
      {record.id, record.status, record.owner, record.visibility, record.created_us, record.updated_us}));
  return update_record(tx, record);
}

Status update_record(store::Tx& tx, const Record& record) {
  HANOK_CHECK(tx.execute(
      "UPDATE images SET name = ?, status = ?, owner = ?, visibility = ?, disk_format = ?, container_format "
      "= ?,"
      " size_bytes = ?, virtual_size_bytes = ?, checksum = ?, hash = ?, min_disk_gib = ?, min_ram_mib = ?,"
      " protected = ?, hidden = ?, properties = ?, updated_us = ? WHERE id = ?",
      {record.name, record.status, record.owner, record.visibility, record.disk_format,
       record.container_format, record.size_bytes, record.virtual_size_bytes, record.checksum, record.hash,
       record.min_disk_gib, record.min_ram_mib, record.is_protected, record.hidden, record.properties,
       record.updated_us, record.id}));
  return write_tags(tx, record);
}

Result<Record> load_visible(store::Tx& tx, const std::string& id, const std::string& project_id,
                            bool is_admin) {
  HANOK_TRY(row, tx.query_one("SELECT * FROM images WHERE id = ? AND status <> 'deleted'", {id}));
  if (!row) return no_image(id);
  Record out = record_from(*row);
  bool visible =
      is_admin || out.owner == project_id || out.visibility == "public" || out.visibility == "community";
  if (!visible && out.visibility == "shared" && !project_id.empty()) {
    HANOK_TRY(member, tx.query_one("SELECT status FROM image_members WHERE image_id = ? AND member_id = ?",
                                   {id, project_id}));
    visible = member.has_value();
  }
  if (!visible) return no_image(id);
  HANOK_CHECK(load_tags(tx, out));
  return out;
}

Result<Record> load_own(store::Tx& tx, const http::Request& request) {
  HANOK_TRY(record,
            load_visible(tx, request.param("id"), request.caller.project_id, request.caller.is_admin));
  if (!request.caller.is_admin && record.owner != request.caller.project_id) {
    return forbidden("You are not permitted to modify this image.");
  }
  return record;
}

Json image_json(const Record& record) {
  const std::string self = "/v2/images/" + record.id;
  Json out = record.properties.is_object() ? record.properties : Json::object();
  out["id"] = record.id;
  out["name"] = or_null(record.name);
  out["status"] = record.status;
  out["owner"] = record.owner;
  out["visibility"] = record.visibility;
  out["disk_format"] = or_null(record.disk_format);
  out["container_format"] = or_null(record.container_format);
  out["size"] = or_null(record.size_bytes);
  out["virtual_size"] = or_null(record.virtual_size_bytes);
  out["checksum"] = or_null(record.checksum);
  out["os_hash_algo"] = record.hash ? Json("sha512") : Json();
  out["os_hash_value"] = or_null(record.hash);
  out["min_disk"] = record.min_disk_gib;
  out["min_ram"] = record.min_ram_mib;
  out["protected"] = record.is_protected;
  out["os_hidden"] = record.hidden;
  out["tags"] = record.tags;
  out["created_at"] = iso8601_z(record.created_us);
  out["updated_at"] = iso8601_z(record.updated_us);
  out["self"] = self;
  out["file"] = self + "/file";
  out["schema"] = "/v2/schemas/image";
  return out;
}

Status to_trash(store::Tx& tx, const std::string& image_id, const storage::ImageRef& source) {
  HANOK_CHECK(
      tx.execute("INSERT INTO image_trash (image_id, source_pool, source_name)"
                 " SELECT id, ?, ? FROM images WHERE id = ? AND status IN ('deleted', 'killed')"
                 " ON CONFLICT (image_id) DO UPDATE SET source_pool = excluded.source_pool,"
                 " source_name = excluded.source_name WHERE excluded.source_name <> ''",
                 {source.pool, source.name, image_id}));
  return {};
}

}  // namespace hanok::image

#pragma once
// One row of `images` and how it is read, checked and shown.

#include <optional>
#include <string>
#include <vector>

#include "control/http/http.h"
#include "control/store/store.h"
#include "storage/block/block_store.h"

namespace hanok::image {

struct Record {
  std::string id, status, owner, visibility;
  std::optional<std::string> name, disk_format, container_format, checksum, hash;
  std::optional<std::int64_t> size_bytes, virtual_size_bytes;
  std::int64_t min_disk_gib = 0, min_ram_mib = 0;
  bool is_protected = false, hidden = false;
  Json properties = Json::object();
  std::int64_t created_us = 0, updated_us = 0;
  std::vector<std::string> tags;
};

[[nodiscard]] Record record_from(const store::Row& row);  // without tags
[[nodiscard]] Status load_tags(store::Tx& tx, Record& record);
[[nodiscard]] Status insert_record(store::Tx& tx, const Record& record);
// Writes all columns but id and created_us, and the tags.
[[nodiscard]] Status update_record(store::Tx& tx, const Record& record);
// The bytes of an image that is deleted or killed are to be removed (nothing is done to any other), and with
// them the snapshot that an upload took of `source`.
[[nodiscard]] Status to_trash(store::Tx& tx, const std::string& image_id,
                              const storage::ImageRef& source = {});

// The image, if this caller may see it; kNotFound else. With tags.
[[nodiscard]] Result<Record> load_visible(store::Tx& tx, const std::string& id, const std::string& project_id,
                                          bool is_admin);
// The image, if this caller may change it: kForbidden for what is visible but not its own.
[[nodiscard]] Result<Record> load_own(store::Tx& tx, const http::Request& request);

// As image API v2.9 shows it.
[[nodiscard]] Json image_json(const Record& record);

}  // namespace hanok::image

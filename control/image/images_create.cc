#include <fmt/format.h>

#include "common/uuid.h"
#include "control/image/context.h"
#include "control/image/fields.h"

namespace hanok::image {
namespace {

constexpr std::size_t kMaxProperties = 128;

Result<Record> parse(const http::Request& request) {
  if (!request.json.is_object()) return bad_request("The request body must be a JSON object.");
  Record record;
  record.id = new_uuid();
  record.status = "queued";
  record.visibility = "shared";
  record.owner = request.caller.project_id;
  for (const auto& [name, value] : request.json.items()) {
    if (name == "id") {
      if (!value.is_string() || !is_uuid(value.get<std::string>())) {
        return bad_request("Provided object does not match schema 'image': id: it must be a UUID");
      }
      record.id = value.get<std::string>();
    } else if (is_read_only_field(name)) {
      return forbidden(fmt::format("Attribute '{}' is read-only.", name));
    } else if (name == "owner" && !request.caller.is_admin && value != request.caller.project_id) {
      return forbidden("You are not permitted to create images owned by '" + dump_json(value).substr(0, 80) +
                       "'.");
    } else if (is_base_field(name)) {
      HANOK_CHECK(set_field(record, name, value));
    } else {
      HANOK_CHECK(check_property(name, value));
      record.properties[name] = value;
    }
  }
  if (record.properties.size() > kMaxProperties) {
    return Error{ErrorCode::kTooLarge,
                 "The limit has been exceeded on the number of allowed image properties: 128.",
                 {}};
  }
  return record;
}

}  // namespace

Answer create_image(const Context& context, http::Request& request) {
  HANOK_TRY(record, parse(request));
  if (record.visibility == "public" && !request.caller.is_admin) {
    return forbidden("You are not authorized to complete publicize_image action.");
  }
  record.created_us = record.updated_us = context.clock.now_us();
  auto inserted = context.database.write([&](store::Tx& tx) -> Status {
    HANOK_TRY(taken, tx.query_one("SELECT id FROM images WHERE id = ?", {record.id}));
    if (taken) return conflict(fmt::format("Image ID {} already exists!", record.id));
    return insert_record(tx, record);
  });
  HANOK_CHECK(std::move(inserted));
  http::Response out = http::created(image_json(record));
  out.headers["Location"] = request.base_url + "/v2/images/" + record.id;
  return out;
}

}  // namespace hanok::image

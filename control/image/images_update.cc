// PATCH with application/openstack-images-v2.1-json-patch (RFC 6902, one segment deep) and its older 2.0
// spelling.
#include <fmt/format.h>

#include "control/image/context.h"
#include "control/image/fields.h"

namespace hanok::image {
namespace {

constexpr std::size_t kMaxOperations = 256;
constexpr const char* kType = "application/openstack-images-v2.1-json-patch";
constexpr const char* kOldType = "application/openstack-images-v2.0-json-patch";

struct Change {
  std::string op, field;
  Json value;
};

Result<std::string> field_of(const std::string& path) {
  if (path.size() < 2 || path.front() != '/') {
    return bad_request("Pointer `" + path.substr(0, 80) + "` does not start with \"/\".");
  }
  std::string out;
  for (std::size_t i = 1; i < path.size(); ++i) {
    if (path[i] == '/') return bad_request("Pointer `" + path.substr(0, 80) + "` does not match a property.");
    if (path[i] == '~' && i + 1 < path.size() && (path[i + 1] == '0' || path[i + 1] == '1')) {
      out += path[++i] == '0' ? '~' : '/';
    } else {
      out += path[i];
    }
  }
  return out;
}

Result<Change> parse_change(const Json& item, bool old_style) {
  Change out;
  std::string path;
  if (old_style) {
    for (const char* op : {"add", "replace", "remove"}) {
      if (item.contains(op) && item[op].is_string()) {
        out.op = op;
        path = item[op].get<std::string>();
      }
    }
  } else {
    HANOK_TRY(op, need_string(item, "op"));
    HANOK_TRY(pointer, need_string(item, "path", 1024));
    out.op = op;
    path = pointer;
  }
  if (out.op != "add" && out.op != "replace" && out.op != "remove") {
    return bad_request("Operations must be one of 'add', 'replace' and 'remove'.");
  }
  if (out.op != "remove" && !item.contains("value"))
    return bad_request("Operation \"" + out.op + "\" requires a value.");
  HANOK_TRY(field, field_of(path));
  out.field = field;
  if (item.contains("value")) out.value = item["value"];
  return out;
}

Status change_property(Record& record, const Change& change) {
  const bool there = record.properties.contains(change.field);
  if (change.op != "add" && !there) {
    return conflict(fmt::format("Property {} does not exist.", change.field.substr(0, 80)));
  }
  if (change.op == "remove") {
    record.properties.erase(change.field);
    return {};
  }
  HANOK_CHECK(check_property(change.field, change.value));
  record.properties[change.field] = change.value;
  return {};
}

Status apply(Record& record, const Change& change, const http::Caller& caller) {
  if (change.field == "id" || is_read_only_field(change.field)) {
    return forbidden(fmt::format("Attribute '{}' is read-only.", change.field));
  }
  if (!is_base_field(change.field)) return change_property(record, change);
  if (change.op == "remove") {
    return forbidden(fmt::format("Property {} may not be removed.", change.field));
  }
  const bool sealed = change.field == "disk_format" || change.field == "container_format";
  if (sealed && record.status != "queued") {
    return forbidden(fmt::format("Attribute {} can be only replaced for a queued image.", change.field));
  }
  if (change.field == "visibility" && change.value == "public" && record.visibility != "public" &&
      !caller.is_admin) {
    return forbidden("You are not authorized to complete publicize_image action.");
  }
  if (change.field == "owner" && !caller.is_admin && change.value != record.owner) {
    return forbidden("You are not permitted to change the owner of this image.");
  }
  return set_field(record, change.field, change.value);
}

Result<std::vector<Change>> parse_patch(const http::Request& request) {
  std::string type = request.header("Content-Type");
  type = type.substr(0, type.find(';'));
  if (type != kType && type != kOldType) {
    return Error{ErrorCode::kUnsupportedMedia, fmt::format("Use Content-Type {}.", kType), {}};
  }
  if (!request.json.is_array()) return bad_request("Request body must be a JSON array of operation objects.");
  if (request.json.size() > kMaxOperations) return bad_request("There are too many operations.");
  std::vector<Change> out;
  for (const auto& item : request.json) {
    if (!item.is_object()) return bad_request("Operations must be JSON objects.");
    HANOK_TRY(change, parse_change(item, type == kOldType));
    out.push_back(std::move(change));
  }
  return out;
}

}  // namespace

Answer update_image(const Context& context, http::Request& request) {
  HANOK_TRY(changes, parse_patch(request));
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(record, load_own(tx, request));
    for (const auto& change : changes) HANOK_CHECK(apply(record, change, request.caller));
    record.updated_us = context.clock.now_us();
    HANOK_CHECK(update_record(tx, record));
    return http::ok(image_json(record));
  });
}

}  // namespace hanok::image

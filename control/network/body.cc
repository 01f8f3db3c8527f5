#include "control/network/body.h"

#include <algorithm>
#include <limits>
#include <map>

#include "common/uuid.h"
#include "control/network/errors.h"

namespace hanok::network {
namespace {

constexpr std::size_t kMaxItems = 1000;

Result<Json> text_value(const Field& field, const Json& value) {
  if (!value.is_string())
    return invalid_value(std::string(field.name),
                         "'" + dump_json(value).substr(0, 100) + "' is not a valid string");
  const auto& text = value.get_ref<const std::string&>();
  if (text.size() > field.max_length) {
    return invalid_value(std::string(field.name),
                         "the value exceeds maximum length of " + std::to_string(field.max_length));
  }
  return value;
}

Result<Json> bool_value(const Field& field, const Json& value) {
  if (value.is_boolean()) return value;
  const Json holder = {{std::string(field.name), value}};
  auto read = get_bool(holder, std::string(field.name));
  if (!read.ok() || !read->has_value()) {
    return invalid_value(std::string(field.name),
                         "'" + dump_json(value).substr(0, 100) + "' cannot be converted to boolean");
  }
  return Json(**read);
}

Result<Json> integer_value(const Field& field, const Json& value) {
  if (value.is_number_unsigned()) {
    if (value.get<std::uint64_t>() <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
      return value;
  } else if (value.is_number_integer()) {
    return value;
  } else if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    const std::size_t sign = !text.empty() && text.front() == '-' ? 1 : 0;
    if (text.size() > sign && text.size() < 18 &&
        text.find_first_not_of("0123456789", sign) == std::string::npos) {
      return Json(std::stoll(text));
    }
  }
  return invalid_value(std::string(field.name),
                       "'" + dump_json(value).substr(0, 100) + "' is not an integer");
}

Result<Json> uuid_value(const Field& field, const Json& value) {
  if (value.is_string() && is_uuid(value.get_ref<const std::string&>())) return value;
  return invalid_value(std::string(field.name),
                       "'" + dump_json(value).substr(0, 100) + "' is not a valid UUID");
}

Result<Json> structured_value(const Field& field, const Json& value) {
  if (field.type == FieldType::kArray) {
    if (value.is_null()) return Json(Json::array());
    if (value.is_array() && value.size() <= kMaxItems) return value;
    return invalid_value(std::string(field.name), "it is not a valid list");
  }
  if (value.is_object() && value.size() <= kMaxItems) return value;
  return invalid_value(std::string(field.name), "it is not a dictionary");
}

Result<Json> convert(const Field& field, const Json& value) {
  switch (field.type) {
    case FieldType::kTextOrNull:
      if (value.is_null()) return value;
      return text_value(field, value);
    case FieldType::kText:
      return text_value(field, value);
    case FieldType::kBool:
      return bool_value(field, value);
    case FieldType::kIntegerOrNull:
      if (value.is_null()) return value;
      return integer_value(field, value);
    case FieldType::kInteger:
      return integer_value(field, value);
    case FieldType::kUuidOrNull:
      if (value.is_null() || value == "") return Json();
      return uuid_value(field, value);
    case FieldType::kUuid:
      return uuid_value(field, value);
    case FieldType::kObjectOrNull:
      if (value.is_null()) return value;
      return structured_value(field, value);
    case FieldType::kArray:
    case FieldType::kObject:
      return structured_value(field, value);
    case FieldType::kAny:
      return value;
  }
  return internal_error("unknown field type");
}

// Saying the default is no privilege.
bool is_default(const Json& value) {
  return value.is_null() || value == false || value == "" || (value.is_structured() && value.empty());
}

Result<Json> check(const Json& object, const Fields& fields, unsigned operation, const http::Caller& caller) {
  if (!object.is_object()) return bad_request("The resource in the body is not an object.", "HTTPBadRequest");
  Json out = Json::object();
  for (const auto& [key, value] : object.items()) {
    if (key == "tenant_id" || key == "project_id") {
      if (operation == kPost) continue;
      return bad_request("Cannot update read-only attribute " + key, "HTTPBadRequest");
    }
    const auto field =
        std::find_if(fields.begin(), fields.end(), [&key = key](const Field& f) { return f.name == key; });
    if (field == fields.end()) {
      return bad_request("Unrecognized attribute(s) '" + key.substr(0, 100) + "'", "HTTPBadRequest");
    }
    if ((field->flags & operation) == 0) {
      return bad_request(operation == kPut ? "Cannot update read-only attribute " + key
                                           : "Attribute '" + key + "' not allowed in POST",
                         "HTTPBadRequest");
    }
    HANOK_TRY(converted, convert(*field, value));
    if ((field->flags & kAdminOnly) != 0 && !caller.is_admin &&
        !(operation == kPost && is_default(converted))) {
      return not_authorized(std::string(operation == kPost ? "create" : "update") + ":" + key);
    }
    out[key] = std::move(converted);
  }
  if (operation != kPost) return out;
  for (const Field& field : fields) {
    if ((field.flags & kRequired) != 0 && !out.contains(std::string(field.name))) {
      return bad_request(
          "Failed to parse request. Required attribute '" + std::string(field.name) + "' not specified",
          "HTTPBadRequest");
    }
  }
  return out;
}

Result<std::string> project_of(const Json& object, const http::Caller& caller) {
  std::string project;
  for (const char* key : {"tenant_id", "project_id"}) {
    if (!object.contains(key)) continue;
    const Json& value = object[key];
    if (!value.is_string() || value.get_ref<const std::string&>().size() > 255) {
      return invalid_value(key, "it is not a valid string");
    }
    const auto& given = value.get_ref<const std::string&>();
    if (!project.empty() && project != given) {
      return bad_request("'project_id' and 'tenant_id' do not match", "HTTPBadRequest");
    }
    project = given;
  }
  if (project.empty()) return caller.project_id;
  if (project != caller.project_id && !caller.is_admin) {
    return bad_request(
        "Specifying 'project_id' or 'tenant_id' other than the authenticated project in request requires "
        "admin "
        "privileges",
        "HTTPBadRequest");
  }
  return project;
}

Result<Json> check_new(const Json& object, const Fields& fields, const http::Caller& caller) {
  HANOK_TRY(out, check(object, fields, kPost, caller));
  HANOK_TRY(project, project_of(object, caller));
  out["project_id"] = std::move(project);
  return out;
}

}  // namespace

Result<Json> read_update(const http::Request& request, const std::string& name, const Fields& fields) {
  if (!request.json.is_object()) return bad_request("Resource body required", "HTTPBadRequest");
  const auto found = request.json.find(name);
  if (found == request.json.end()) {
    return bad_request("Unable to find '" + name + "' in request body", "HTTPBadRequest");
  }
  return check(*found, fields, kPut, request.caller);
}

Result<Creation> read_creation(const http::Request& request, const std::string& name,
                               const std::string& collection, const Fields& fields) {
  if (!request.json.is_object()) return bad_request("Resource body required", "HTTPBadRequest");
  Creation out;
  if (const auto bulk = request.json.find(collection); bulk != request.json.end()) {
    if (!bulk->is_array() || bulk->empty() || bulk->size() > kMaxItems) {
      return bad_request("'" + collection + "' is not a list of 1 to 1000 resources", "HTTPBadRequest");
    }
    out.bulk = true;
    for (const Json& object : *bulk) {
      HANOK_TRY(checked, check_new(object, fields, request.caller));
      out.objects.push_back(std::move(checked));
    }
    return out;
  }
  const auto found = request.json.find(name);
  if (found == request.json.end()) {
    return bad_request("Unable to find '" + name + "' in request body", "HTTPBadRequest");
  }
  HANOK_TRY(checked, check_new(*found, fields, request.caller));
  out.objects.push_back(std::move(checked));
  return out;
}

std::string text_of(const Json& body, const char* key, std::string fallback) {
  const auto found = body.find(key);
  if (found == body.end() || !found->is_string()) return fallback;
  return found->get<std::string>();
}

bool flag_of(const Json& body, const char* key, bool fallback) {
  const auto found = body.find(key);
  if (found == body.end() || !found->is_boolean()) return fallback;
  return found->get<bool>();
}

}  // namespace hanok::network

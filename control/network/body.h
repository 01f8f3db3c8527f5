#pragma once
// Request bodies against a table of fields: unknown and read-only fields, types, bounds and the fields that
// only an administrator may set are refused here, so that handlers read checked values.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "control/http/http.h"

namespace hanok::network {

enum class FieldType {
  kText,
  kTextOrNull,
  kBool,
  kInteger,
  kIntegerOrNull,
  kUuid,
  kUuidOrNull,
  kArray,  // null reads as []
  kObject,
  kObjectOrNull,
  kAny
};
enum FieldFlags : unsigned { kPost = 1, kPut = 2, kAdminOnly = 4, kRequired = 8 };
struct Field {
  std::string_view name;
  FieldType type;
  unsigned flags;
  std::size_t max_length = 255;
};
using Fields = std::vector<Field>;

// {"<name>": {...}} of a PUT: the given fields, converted.
[[nodiscard]] Result<Json> read_update(const http::Request& request, const std::string& name,
                                       const Fields& fields);
// {"<name>": {...}} or, in bulk, {"<collection>": [{...}, ...]} of a POST. Each object carries `project_id`:
// the caller's, or the one an administrator named.
struct Creation {
  std::vector<Json> objects;
  bool bulk = false;
};
[[nodiscard]] Result<Creation> read_creation(const http::Request& request, const std::string& name,
                                             const std::string& collection, const Fields& fields);

[[nodiscard]] std::string text_of(const Json& body, const char* key, std::string fallback = {});
[[nodiscard]] bool flag_of(const Json& body, const char* key, bool fallback);

}  // namespace hanok::network

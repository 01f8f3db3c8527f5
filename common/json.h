#pragma once
// Reading JSON that came from outside: typed access that answers with a clear kBadRequest naming the field.

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "common/result.h"

namespace hanok {

using Json = nlohmann::json;

// Strict parse with bounds: valid UTF-8, nested at most `max_depth`.
[[nodiscard]] Result<Json> parse_json(std::string_view text, std::size_t max_depth = 64);

// Each looks up `key` in an object. get_*: absent or null gives nullopt; a wrong type is kBadRequest with the
// field's name.
[[nodiscard]] Result<std::optional<std::string>> get_string(const Json& object, const std::string& key,
                                                            std::size_t max_length = 255);
[[nodiscard]] Result<std::optional<std::int64_t>> get_int(const Json& object, const std::string& key);
// Booleans, and the words and numbers that OpenStack services take for them ("true", "False", "1", 0 ...).
[[nodiscard]] Result<std::optional<bool>> get_bool(const Json& object, const std::string& key);
// Pointer into `object`; nullptr when absent or null.
[[nodiscard]] Result<const Json*> get_object(const Json& object, const std::string& key);
[[nodiscard]] Result<const Json*> get_array(const Json& object, const std::string& key,
                                            std::size_t max_items = 10000);
// need_*: absent is an error too.
[[nodiscard]] Result<std::string> need_string(const Json& object, const std::string& key,
                                              std::size_t max_length = 255);
[[nodiscard]] Result<const Json*> need_object(const Json& object, const std::string& key);

// Compact text; invalid UTF-8 is replaced, never thrown on.
[[nodiscard]] std::string dump_json(const Json& value);

}  // namespace hanok

#include "common/json.h"

#include <fmt/format.h>

#include <limits>

namespace hanok {
namespace {

Error wrong_type(const std::string& key, const char* expected) {
  return bad_request(fmt::format("Invalid input for field '{}': it must be {}.", key, expected));
}

const Json* find(const Json& object, const std::string& key) {
  if (!object.is_object()) return nullptr;
  const auto it = object.find(key);
  return it == object.end() || it->is_null() ? nullptr : &*it;
}

}  // namespace

Result<Json> parse_json(std::string_view text, std::size_t max_depth) {
  bool too_deep = false;
  const Json::parser_callback_t watch = [&](int depth, Json::parse_event_t, Json&) {
    if (static_cast<std::size_t>(depth) > max_depth) too_deep = true;
    return !too_deep;
  };
  Json out = Json::parse(text, watch, false);
  if (too_deep) return bad_request("Malformed request body: JSON is nested too deep.");
  if (out.is_discarded()) return bad_request("Malformed request body: it is not valid JSON.");
  return out;
}

Result<std::optional<std::string>> get_string(const Json& object, const std::string& key,
                                              std::size_t max_length) {
  const Json* value = find(object, key);
  if (value == nullptr) return std::optional<std::string>{};
  if (!value->is_string()) return wrong_type(key, "a string");
  auto text = value->get<std::string>();
  if (text.size() > max_length) {
    return bad_request(
        fmt::format("Invalid input for field '{}': it is longer than {} characters.", key, max_length));
  }
  if (text.find('\0') != std::string::npos) return wrong_type(key, "text without NUL characters");
  return std::optional<std::string>{std::move(text)};
}

Result<std::optional<std::int64_t>> get_int(const Json& object, const std::string& key) {
  const Json* value = find(object, key);
  if (value == nullptr) return std::optional<std::int64_t>{};
  if (value->is_number_unsigned() &&
      value->get<std::uint64_t>() <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    return std::optional<std::int64_t>{value->get<std::int64_t>()};
  }
  if (value->is_number_integer() && !value->is_number_unsigned()) {
    return std::optional<std::int64_t>{value->get<std::int64_t>()};
  }
  if (value->is_string()) {  // clients send numbers as text in places
    const auto text = value->get<std::string>();
    std::size_t used = 0;
    if (!text.empty() && text.size() <= 18) {
      try {
        const long long number = std::stoll(text, &used);
        if (used == text.size()) return std::optional<std::int64_t>{number};
      } catch (const std::exception&) {
        return wrong_type(key, "an integer");
      }
    }
  }
  return wrong_type(key, "an integer");
}

Result<std::optional<bool>> get_bool(const Json& object, const std::string& key) {
  const Json* value = find(object, key);
  if (value == nullptr) return std::optional<bool>{};
  if (value->is_boolean()) return std::optional<bool>{value->get<bool>()};
  if (value->is_number_integer()) {
    const auto number = value->get<std::int64_t>();
    if (number == 0 || number == 1) return std::optional<bool>{number == 1};
  }
  if (value->is_string()) {
    auto text = value->get<std::string>();
    for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    for (const char* word : {"true", "1", "yes", "on", "t", "y"}) {
      if (text == word) return std::optional<bool>{true};
    }
    for (const char* word : {"false", "0", "no", "off", "f", "n"}) {
      if (text == word) return std::optional<bool>{false};
    }
  }
  return wrong_type(key, "a boolean");
}

Result<const Json*> get_object(const Json& object, const std::string& key) {
  const Json* value = find(object, key);
  if (value != nullptr && !value->is_object()) return wrong_type(key, "an object");
  return value;
}

Result<const Json*> get_array(const Json& object, const std::string& key, std::size_t max_items) {
  const Json* value = find(object, key);
  if (value != nullptr && !value->is_array()) return wrong_type(key, "a list");
  if (value != nullptr && value->size() > max_items) return wrong_type(key, "a shorter list");
  return value;
}

Result<std::string> need_string(const Json& object, const std::string& key, std::size_t max_length) {
  HANOK_TRY(value, get_string(object, key, max_length));
  if (!value) return bad_request(fmt::format("Invalid input: '{}' is a required property.", key));
  return std::move(*value);
}

Result<const Json*> need_object(const Json& object, const std::string& key) {
  HANOK_TRY(value, get_object(object, key));
  if (value == nullptr) return bad_request(fmt::format("Invalid input: '{}' is a required property.", key));
  return value;
}

std::string dump_json(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace hanok

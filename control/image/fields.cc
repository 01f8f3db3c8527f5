#include "control/image/fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace hanok::image {
namespace {

constexpr std::size_t kMaxText = 255;
constexpr std::size_t kMaxProperty = 65535;
constexpr std::size_t kMaxTags = 128;
constexpr std::int64_t kMaxInt = 2147483647;

constexpr std::array<std::string_view, 10> kBase = {
    "name",      "visibility", "disk_format", "container_format", "min_disk", "min_ram", "protected",
    "os_hidden", "tags",       "owner"};
constexpr std::array<std::string_view, 17> kReadOnly = {
    "status",       "checksum",      "size",    "virtual_size", "created_at", "updated_at",
    "os_hash_algo", "os_hash_value", "schema",  "self",         "file",       "direct_url",
    "locations",    "stores",        "deleted", "deleted_at",   "is_public"};
constexpr std::array<std::string_view, 11> kDiskFormats = {"ami", "ari",   "aki", "vhd", "vhdx", "vmdk",
                                                           "raw", "qcow2", "vdi", "iso", "ploop"};
constexpr std::array<std::string_view, 8> kContainerFormats = {"ami", "ari",    "aki",        "bare",
                                                               "ovf", "docker", "compressed", "ova"};
constexpr std::array<std::string_view, 4> kVisibilities = {"public", "private", "shared", "community"};

template <typename List>
bool in(const List& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

Error invalid(const std::string& name, const std::string& why) {
  return bad_request(fmt::format("Provided object does not match schema 'image': {}: {}", name, why));
}

template <typename List>
Result<std::optional<std::string>> choice(const std::string& name, const Json& value, const List& list,
                                          bool nullable) {
  if (value.is_null() && nullable) return std::optional<std::string>{};
  if (!value.is_string() || !in(list, value.get<std::string>())) {
    return invalid(name, dump_json(value).substr(0, 80) + " is not one of the allowed values");
  }
  return std::optional<std::string>{value.get<std::string>()};
}

Result<std::int64_t> count(const std::string& name, const Json& value) {
  if (!value.is_number_integer() || value.get<std::int64_t>() < 0 || value.get<std::int64_t>() > kMaxInt) {
    return invalid(name, "it must be an integer from 0 to 2147483647");
  }
  return value.get<std::int64_t>();
}

Result<bool> flag(const std::string& name, const Json& value) {
  if (!value.is_boolean()) return invalid(name, "it must be true or false");
  return value.get<bool>();
}

Result<std::vector<std::string>> tag_list(const Json& value) {
  if (!value.is_array()) return invalid("tags", "it must be a list");
  if (value.size() > kMaxTags) {
    return Error{ErrorCode::kTooLarge,
                 "The limit has been exceeded on the number of allowed image tags: 128."};
  }
  std::vector<std::string> out;
  for (const auto& item : value) {
    if (!item.is_string()) return invalid("tags", "each tag must be a string");
    HANOK_CHECK(check_tag(item.get<std::string>()));
    out.push_back(item.get<std::string>());
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

Status set_text_field(Record& record, const std::string& name, const Json& value) {
  if (value.is_null() && name == "name") {
    record.name.reset();
    return {};
  }
  if (!value.is_string() || value.get<std::string>().size() > kMaxText ||
      value.get<std::string>().find('\0') != std::string::npos) {
    return invalid(name, "it must be a string of at most 255 characters");
  }
  if (name == "name") {
    record.name = value.get<std::string>();
  } else {
    record.owner = value.get<std::string>();
  }
  return {};
}

}  // namespace

bool is_base_field(const std::string& name) {
  return in(kBase, name);
}

bool is_read_only_field(const std::string& name) {
  return in(kReadOnly, name);
}

Status check_tag(const std::string& tag) {
  if (tag.size() > kMaxText || tag.find('\0') != std::string::npos)
    return invalid("tags", "a tag is too long");
  return {};
}

Status check_property(const std::string& name, const Json& value) {
  if (name.empty() || name.size() > kMaxText)
    return invalid(name.substr(0, 64), "a property's name has 1 to 255 characters");
  if (!value.is_string()) return invalid(name, "it must be a string");
  if (value.get_ref<const std::string&>().size() > kMaxProperty) return invalid(name, "it is too long");
  return {};
}

Status set_field(Record& record, const std::string& name, const Json& value) {
  if (name == "name" || name == "owner") return set_text_field(record, name, value);
  if (name == "visibility") {
    HANOK_TRY(chosen, choice(name, value, kVisibilities, false));
    record.visibility = chosen.value_or("shared");
  } else if (name == "disk_format") {
    HANOK_TRY(chosen, choice(name, value, kDiskFormats, true));
    record.disk_format = chosen;
  } else if (name == "container_format") {
    HANOK_TRY(chosen, choice(name, value, kContainerFormats, true));
    record.container_format = chosen;
  } else if (name == "min_disk") {
    HANOK_TRY(number, count(name, value));
    record.min_disk_gib = number;
  } else if (name == "min_ram") {
    HANOK_TRY(number, count(name, value));
    record.min_ram_mib = number;
  } else if (name == "protected") {
    HANOK_TRY(on, flag(name, value));
    record.is_protected = on;
  } else if (name == "os_hidden") {
    HANOK_TRY(on, flag(name, value));
    record.hidden = on;
  } else if (name == "tags") {
    HANOK_TRY(tags, tag_list(value));
    record.tags = tags;
  }
  return {};
}

}  // namespace hanok::image

#pragma once
// Checks of request fields that several resources share. Each error names the field.

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "common/json.h"
#include "common/result.h"

namespace hanok::compute {

// Characters, not bytes.
[[nodiscard]] std::size_t utf8_length(std::string_view text);
// A name: text of 1 to 255 characters, not blank, printable; surrounding blanks are removed.
[[nodiscard]] Result<std::string> need_name(const Json& json, const std::string& key);
[[nodiscard]] bool is_flavor_id(std::string_view id);
[[nodiscard]] Result<double> need_factor(const Json& json);  // rxtx_factor, 1.0 when absent

// Metadata: text to text, names of 1 to 255 characters, values up to 255.
using Metadata = std::map<std::string, std::string>;
[[nodiscard]] Result<Metadata> parse_metadata(const Json& json, bool may_be_empty = true);
[[nodiscard]] Json metadata_json(const Metadata& metadata);

// One tag: 1 to 60 characters, no "/" nor ",".
[[nodiscard]] Status check_tag(const Json& tag);
constexpr std::size_t kMaxTags = 50;

[[nodiscard]] bool is_ipv4(const std::string& text);
[[nodiscard]] bool is_ipv6(const std::string& text);
// An IPv6 address in the one spelling of RFC 5952; other text unchanged.
[[nodiscard]] std::string canonical_ipv6(const std::string& text);
// A host name for the guest, made from a server's name (RFC 1123): "Server-<id>" when nothing is left.
[[nodiscard]] std::string hostname_from(std::string_view name, const std::string& server_id);
[[nodiscard]] bool is_hostname(std::string_view text);
[[nodiscard]] std::string random_password();

}  // namespace hanok::compute

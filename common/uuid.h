#pragma once
// Identifiers: random UUIDs (RFC 4122, version 4) in the two spellings that OpenStack uses.

#include <string>
#include <string_view>

namespace hanok {

[[nodiscard]] std::string new_uuid();      // 36 characters, with dashes (Nova, Neutron, Cinder, Glance)
[[nodiscard]] std::string new_uuid_hex();  // 32 characters, no dashes (Keystone)
[[nodiscard]] bool is_uuid(std::string_view text);      // dashed, any case
[[nodiscard]] bool is_uuid_hex(std::string_view text);  // 32 hex digits, any case

}  // namespace hanok

#pragma once
// What a token carries, packed as Keystone packs it (keystone.token.token_formatters, 2023.1 and before): a
// MessagePack array that starts with the payload's version. Identifiers that are hex UUIDs travel as 16
// bytes.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hanok::identity {

struct TokenPayload {
  std::string user_id;
  std::vector<std::string> methods;  // password, token, application_credential
  std::string project_id;            // one of project, domain, system; all empty: unscoped
  std::string domain_id;
  bool system = false;
  std::string application_credential_id;  // only with project_id
  std::int64_t expires_us = 0;
  std::vector<std::string> audit_ids;  // URL-safe base64 of 16 bytes, unpadded; own first, then the chain's
};

[[nodiscard]] std::string pack_payload(const TokenPayload& payload);
// nullopt: no MessagePack, or a payload that this service does not issue (trusts, federation).
[[nodiscard]] std::optional<TokenPayload> unpack_payload(std::string_view packed);

[[nodiscard]] std::string new_audit_id();

}  // namespace hanok::identity

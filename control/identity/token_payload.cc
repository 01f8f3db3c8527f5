#include "control/identity/token_payload.h"

#include <array>
#include <cmath>

#include "common/json.h"
#include "common/secret.h"
#include "common/uuid.h"

namespace hanok::identity {
namespace {

enum Version { kUnscoped = 0, kDomain = 1, kProject = 2, kSystem = 8, kApplicationCredential = 9 };

// The bits of Keystone's default [auth] methods, in their order.
constexpr std::array<std::string_view, 6> kMethods = {"external", "password", "token",
                                                      "oauth1",   "mapped",   "application_credential"};

// Far more than any token has; the MessagePack reader calls itself once per nested array.
constexpr std::size_t kMaxPayloadBytes = 4096;
constexpr double kLastSecond = 253402300799;  // of the year 9999

int nibble(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c - 'A' + 10;
}

Json binary(std::string_view bytes) {
  return Json::binary({bytes.begin(), bytes.end()});
}

std::string to_bytes(const std::string& uuid_hex) {
  std::string out;
  for (std::size_t i = 0; i + 1 < uuid_hex.size(); i += 2) {
    out += static_cast<char>(nibble(uuid_hex[i]) * 16 + nibble(uuid_hex[i + 1]));
  }
  return out;
}

// [true, 16 bytes] for a UUID, [false, text] for other identifiers.
Json pack_id(const std::string& id) {
  if (is_uuid_hex(id)) return Json::array({true, binary(to_bytes(id))});
  return Json::array({false, id});
}

// The identifier inside a bare field: text stays, bytes are a UUID.
std::string bare_id(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_binary()) return {};
  const auto& raw = value.get_binary();
  const std::string bytes(raw.begin(), raw.end());
  return bytes.size() == 16 ? hex(bytes) : bytes;
}

std::string unpack_id(const Json& value) {
  if (!value.is_array() || value.size() != 2 || !value[0].is_boolean()) return {};
  if (!value[0].get<bool>() && value[1].is_binary()) {
    const auto& raw = value[1].get_binary();
    return {raw.begin(), raw.end()};
  }
  return bare_id(value[1]);
}

std::int64_t pack_methods(const std::vector<std::string>& methods) {
  std::int64_t out = 0;
  for (std::size_t bit = 0; bit < kMethods.size(); ++bit) {
    for (const std::string& method : methods) {
      if (method == kMethods[bit]) out |= std::int64_t{1} << bit;
    }
  }
  return out;
}

std::vector<std::string> unpack_methods(std::int64_t bits) {
  std::vector<std::string> out;
  for (std::size_t bit = 0; bit < kMethods.size(); ++bit) {
    if ((bits >> bit) & 1) out.emplace_back(kMethods[bit]);
  }
  return out;
}

Json pack_audit_ids(const std::vector<std::string>& ids) {
  Json out = Json::array();
  for (const std::string& id : ids) {
    const auto raw = base64url_decode(id);
    HANOK_ASSERT(raw.ok());
    out.push_back(binary(*raw));
  }
  return out;
}

// Where the fields stand in each version's array.
struct Layout {
  std::size_t size;
  std::size_t scope;  // 0: none
  std::size_t expires;
  std::size_t audit;
};

std::optional<Layout> layout_of(std::int64_t version) {
  switch (version) {
    case kUnscoped:
      return Layout{5, 0, 3, 4};
    case kDomain:
    case kProject:
    case kSystem:
      return Layout{6, 3, 4, 5};
    case kApplicationCredential:
      return Layout{7, 3, 4, 5};
    default:
      return std::nullopt;
  }
}

bool fill_scope(std::int64_t version, const Json& packed, TokenPayload& out) {
  switch (version) {
    case kDomain:
      out.domain_id = bare_id(packed[3]);
      return !out.domain_id.empty();
    case kSystem:
      out.system = true;
      return true;
    case kApplicationCredential:
      out.application_credential_id = unpack_id(packed[6]);
      if (out.application_credential_id.empty()) return false;
      [[fallthrough]];
    case kProject:
      out.project_id = unpack_id(packed[3]);
      return !out.project_id.empty();
    default:
      return true;
  }
}

}  // namespace

std::string pack_payload(const TokenPayload& payload) {
  Json out = Json::array({kUnscoped, pack_id(payload.user_id), pack_methods(payload.methods)});
  if (!payload.project_id.empty()) {
    out[0] = payload.application_credential_id.empty() ? kProject : kApplicationCredential;
    out.push_back(pack_id(payload.project_id));
  } else if (!payload.domain_id.empty()) {
    out[0] = kDomain;
    out.push_back(is_uuid_hex(payload.domain_id) ? binary(to_bytes(payload.domain_id))
                                                 : Json(payload.domain_id));
  } else if (payload.system) {
    out[0] = kSystem;
    out.push_back("all");
  }
  out.push_back(static_cast<double>(payload.expires_us) / 1e6);
  out.push_back(pack_audit_ids(payload.audit_ids));
  if (out[0] == kApplicationCredential) out.push_back(pack_id(payload.application_credential_id));
  const auto bytes = Json::to_msgpack(out);
  return {bytes.begin(), bytes.end()};
}

std::optional<TokenPayload> unpack_payload(std::string_view bytes) {
  if (bytes.size() > kMaxPayloadBytes) return std::nullopt;
  const Json packed = Json::from_msgpack(bytes.begin(), bytes.end(), true, false);
  if (!packed.is_array() || packed.empty() || !packed[0].is_number_integer()) return std::nullopt;
  const auto version = packed[0].get<std::int64_t>();
  const auto layout = layout_of(version);
  if (!layout || packed.size() != layout->size || !packed[2].is_number_integer()) return std::nullopt;
  if (!packed[layout->expires].is_number() || !packed[layout->audit].is_array()) return std::nullopt;
  const auto expires_s = packed[layout->expires].get<double>();
  if (!(expires_s >= 0 && expires_s <= kLastSecond)) return std::nullopt;  // not a number either
  TokenPayload out;
  out.user_id = unpack_id(packed[1]);
  out.methods = unpack_methods(packed[2].get<std::int64_t>());
  out.expires_us = std::llround(expires_s * 1e6);
  for (const Json& id : packed[layout->audit]) {
    if (!id.is_binary()) return std::nullopt;
    const auto& raw = id.get_binary();
    out.audit_ids.push_back(base64url_encode(std::string(raw.begin(), raw.end()), false));
  }
  if (out.user_id.empty() || out.audit_ids.empty() || !fill_scope(version, packed, out)) return std::nullopt;
  return out;
}

std::string new_audit_id() {
  return random_token(16);
}

}  // namespace hanok::identity

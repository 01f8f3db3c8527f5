#include "common/uuid.h"

#include <array>
#include <cctype>

#include "common/secret.h"

namespace hanok {
namespace {

constexpr std::size_t kHexLength = 32;
constexpr std::size_t kDashedLength = 36;

bool is_dash_place(std::size_t index) {
  return index == 8 || index == 13 || index == 18 || index == 23;
}

}  // namespace

std::string new_uuid_hex() {
  std::array<unsigned char, 16> bytes{};
  random_bytes(bytes.data(), bytes.size());
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | 0x40);  // version 4
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);  // RFC 4122 variant
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(kHexLength);
  for (unsigned char byte : bytes) {
    out += kDigits[byte >> 4];
    out += kDigits[byte & 0x0f];
  }
  return out;
}

std::string new_uuid() {
  std::string out = new_uuid_hex();
  for (std::size_t place : {8U, 13U, 18U, 23U}) out.insert(place, 1, '-');
  return out;
}

bool is_uuid(std::string_view text) {
  if (text.size() != kDashedLength) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_dash_place(i) ? text[i] != '-' : std::isxdigit(static_cast<unsigned char>(text[i])) == 0)
      return false;
  }
  return true;
}

bool is_uuid_hex(std::string_view text) {
  if (text.size() != kHexLength) return false;
  for (char c : text) {
    if (std::isxdigit(static_cast<unsigned char>(c)) == 0) return false;
  }
  return true;
}

}  // namespace hanok

#include "control/network/ip_address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace hanok::network {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";

int byte_count(const IpAddress& address) {
  return address.bits() / 8;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

IpAddress with_host_bits(const IpAddress& address, int length, bool ones) {
  IpAddress out = address;
  for (int i = 0; i < byte_count(address); ++i) {
    const int fixed = std::clamp(length - i * 8, 0, 8);
    const auto host = static_cast<std::uint8_t>(0xff >> fixed);
    auto& byte = out.bytes[static_cast<std::size_t>(i)];
    byte = static_cast<std::uint8_t>(ones ? byte | host : byte & ~host);
  }
  return out;
}

}  // namespace

std::optional<IpAddress> parse_ip(std::string_view text) {
  const std::string copy(text);
  if (copy.find('\0') != std::string::npos) return std::nullopt;
  IpAddress out;
  if (inet_pton(AF_INET, copy.c_str(), out.bytes.data()) == 1) return out;
  out.version = 6;
  if (inet_pton(AF_INET6, copy.c_str(), out.bytes.data()) == 1) return out;
  return std::nullopt;
}

std::string to_text(const IpAddress& address) {
  char buffer[INET6_ADDRSTRLEN] = {};
  inet_ntop(address.version == 4 ? AF_INET : AF_INET6, address.bytes.data(), buffer, sizeof buffer);
  return buffer;
}

std::string to_key(const IpAddress& address) {
  std::string out;
  for (int i = 0; i < byte_count(address); ++i) {
    const auto byte = address.bytes[static_cast<std::size_t>(i)];
    out += kHexDigits[byte >> 4U];
    out += kHexDigits[byte & 0xfU];
  }
  return out;
}

IpAddress from_key(std::string_view key) {
  IpAddress out;
  out.version = key.size() == 8 ? 4 : 6;
  for (std::size_t i = 0; i + 1 < key.size() && i / 2 < out.bytes.size(); i += 2) {
    out.bytes[i / 2] = static_cast<std::uint8_t>(hex_value(key[i]) * 16 + hex_value(key[i + 1]));
  }
  return out;
}

std::optional<IpAddress> plus(const IpAddress& address, std::uint64_t count) {
  IpAddress out = address;
  std::uint64_t carry = count;
  for (int i = byte_count(address) - 1; i >= 0 && carry != 0; --i) {
    auto& byte = out.bytes[static_cast<std::size_t>(i)];
    const std::uint64_t sum = byte + (carry & 0xffU);
    byte = static_cast<std::uint8_t>(sum & 0xffU);
    carry = (carry >> 8U) + (sum >> 8U);
  }
  if (carry != 0) return std::nullopt;
  return out;
}

std::optional<IpAddress> previous(const IpAddress& address) {
  IpAddress out = address;
  for (int i = byte_count(address) - 1; i >= 0; --i) {
    if (out.bytes[static_cast<std::size_t>(i)]-- != 0) return out;
  }
  return std::nullopt;
}

IpAddress Prefix::first() const {
  return with_host_bits(address, length, false);
}

IpAddress Prefix::last() const {
  return with_host_bits(address, length, true);
}

std::string Prefix::text() const {
  return to_text(address) + "/" + std::to_string(length);
}

std::optional<Prefix> parse_prefix(std::string_view text, bool allow_bare) {
  const auto slash = text.find('/');
  auto address = parse_ip(text.substr(0, slash));
  if (!address) return std::nullopt;
  if (slash == std::string_view::npos) {
    if (!allow_bare) return std::nullopt;
    return Prefix{*address, address->bits()};
  }
  const std::string_view digits = text.substr(slash + 1);
  int length = -1;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  if (length < 0 || length > address->bits()) return std::nullopt;
  return Prefix{*address, length};
}

std::vector<Range> default_ranges(const Prefix& subnet, const std::optional<IpAddress>& gateway) {
  IpAddress first = subnet.first(), last = subnet.last();
  if (first == last) return {{first, last}};
  first = *plus(first, 1);
  if (subnet.address.version == 4) last = *previous(last);
  if (first > last) return {};
  if (!gateway || *gateway < first || *gateway > last) return {{first, last}};
  std::vector<Range> out;
  if (first < *gateway) out.push_back({first, *previous(*gateway)});
  if (*gateway < last) out.push_back({*plus(*gateway, 1), last});
  return out;
}

std::optional<IpAddress> eui64_address(const Prefix& subnet, std::string_view mac) {
  const auto normal = normalize_mac(mac);
  if (!normal || subnet.address.version != 6 || subnet.length > 64) return std::nullopt;
  std::array<std::uint8_t, 6> octets{};
  for (std::size_t i = 0; i < octets.size(); ++i) {
    octets[i] = static_cast<std::uint8_t>(hex_value((*normal)[i * 3]) * 16 + hex_value((*normal)[i * 3 + 1]));
  }
  IpAddress out = subnet.first();
  out.bytes[8] = octets[0] ^ 0x02U;  // the universal/local bit is inverted
  out.bytes[9] = octets[1];
  out.bytes[10] = octets[2];
  out.bytes[11] = 0xff;
  out.bytes[12] = 0xfe;
  out.bytes[13] = octets[3];
  out.bytes[14] = octets[4];
  out.bytes[15] = octets[5];
  return out;
}

std::optional<std::string> normalize_mac(std::string_view text) {
  if (text.size() != 17) return std::nullopt;
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i % 3 == 2) {
      if (text[i] != text[2] || (text[i] != ':' && text[i] != '-')) return std::nullopt;
      out += ':';
      continue;
    }
    const int value = hex_value(text[i]);
    if (value < 0) return std::nullopt;
    out += kHexDigits[static_cast<std::size_t>(value)];
  }
  return out;
}

}  // namespace hanok::network

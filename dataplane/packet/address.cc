#include "dataplane/packet/address.h"

#include <arpa/inet.h>

#include <charconv>
#include <cstdio>

namespace hanok::dataplane {

bool Prefix::contains(const Ip& ip) const {
  if (ip.is_v4() != address.is_v4()) return false;
  const unsigned total = (is_v4() ? 96U : 0U) + bits;
  const unsigned whole = total / 8, rest = total % 8;
  if (std::memcmp(ip.bytes.data(), address.bytes.data(), whole) != 0) return false;
  if (rest == 0) return true;
  const auto mask = static_cast<std::uint8_t>(0xff00U >> rest);
  return ((ip.bytes[whole] ^ address.bytes[whole]) & mask) == 0;
}

Ip Prefix::last_v4() const {
  const std::uint32_t host = bits == 0 ? 0xffffffffU : (bits == 32 ? 0U : (1U << (32U - bits)) - 1U);
  return Ip::v4(address.to_v4() | host);
}

std::optional<Mac> parse_mac(std::string_view text) {
  if (text.size() != 17) return std::nullopt;
  Mac mac;
  for (unsigned i = 0; i < 6; ++i) {
    const char* first = text.data() + std::size_t{i} * 3;
    const auto [end, error] = std::from_chars(first, first + 2, mac.bytes[i], 16);
    if (error != std::errc{} || end != first + 2) return std::nullopt;
    if (i < 5 && first[2] != ':') return std::nullopt;
  }
  return mac;
}

std::optional<Ip> parse_ip(std::string_view text) {
  if (text.size() > 45) return std::nullopt;
  const std::string copy(text);
  std::uint8_t raw[16];
  if (inet_pton(AF_INET, copy.c_str(), raw) == 1) return Ip::v4_from(raw);
  if (inet_pton(AF_INET6, copy.c_str(), raw) == 1) return Ip::v6_from(raw);
  return std::nullopt;
}

std::optional<Prefix> parse_prefix(std::string_view text) {
  const auto slash = text.find('/');
  const auto ip = parse_ip(text.substr(0, slash));
  if (!ip) return std::nullopt;
  const unsigned most = ip->is_v4() ? 32 : 128;
  unsigned bits = most;
  if (slash != std::string_view::npos) {
    const auto number = text.substr(slash + 1);
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), bits);
    if (error != std::errc{} || end != number.data() + number.size() || bits > most) return std::nullopt;
  }
  Prefix prefix{*ip, static_cast<std::uint8_t>(bits)};
  const unsigned total = bits + (128 - most);
  for (unsigned bit = total; bit < 128; ++bit) {
    prefix.address.bytes[bit / 8] &= static_cast<std::uint8_t>(~(0x80U >> (bit % 8)));
  }
  return prefix;
}

std::string to_string(const Mac& mac) {
  char text[18];
  const auto& b = mac.bytes;
  std::snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5]);
  return text;
}

std::string to_string(const Ip& ip) {
  char text[INET6_ADDRSTRLEN];
  if (ip.is_v4()) return inet_ntop(AF_INET, &ip.bytes[12], text, sizeof text);
  return inet_ntop(AF_INET6, ip.bytes.data(), text, sizeof text);
}

Ip link_local_of(const Mac& mac) {
  Ip ip;
  const auto& m = mac.bytes;
  ip.bytes = {0xfe, 0x80, 0,    0,    0,    0,    0,   0, static_cast<std::uint8_t>(m[0] ^ 2U),
              m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]};
  return ip;
}

std::optional<Mac> mac_of_link_local(const Ip& ip) {
  const auto& b = ip.bytes;
  const Mac mac{{static_cast<std::uint8_t>(b[8] ^ 2U), b[9], b[10], b[13], b[14], b[15]}};
  if (!(ip == link_local_of(mac))) return std::nullopt;
  return mac;
}

}  // namespace hanok::dataplane

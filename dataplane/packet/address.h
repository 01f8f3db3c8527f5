#pragma once
// MAC and IP addresses as packets carry them. An IPv4 address is kept mapped (::ffff:a.b.c.d, RFC
// 4291 2.5.5.2), so that one key and one comparison serve both families.

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace hanok::dataplane {

struct Mac {
  std::array<std::uint8_t, 6> bytes{};

  auto operator<=>(const Mac&) const = default;
  [[nodiscard]] bool is_group() const { return (bytes[0] & 1U) != 0; }
  [[nodiscard]] bool is_zero() const { return *this == Mac{}; }
  [[nodiscard]] static Mac from(const std::uint8_t* data) {
    Mac mac;
    std::memcpy(mac.bytes.data(), data, 6);
    return mac;
  }
  void write(std::uint8_t* to) const { std::memcpy(to, bytes.data(), 6); }
};
inline constexpr Mac kBroadcast{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

struct Ip {
  std::array<std::uint8_t, 16> bytes{};

  auto operator<=>(const Ip&) const = default;
  [[nodiscard]] static Ip v4(std::uint32_t host_order) {
    Ip ip;
    ip.bytes[10] = ip.bytes[11] = 0xff;
    for (unsigned i = 0; i < 4; ++i) ip.bytes[12 + i] = static_cast<std::uint8_t>(host_order >> (24 - 8 * i));
    return ip;
  }
  [[nodiscard]] static Ip v4_from(const std::uint8_t* data) {
    Ip ip;
    ip.bytes[10] = ip.bytes[11] = 0xff;
    std::memcpy(&ip.bytes[12], data, 4);
    return ip;
  }
  [[nodiscard]] static Ip v6_from(const std::uint8_t* data) {
    Ip ip;
    std::memcpy(ip.bytes.data(), data, 16);
    return ip;
  }
  [[nodiscard]] bool is_v4() const {
    static constexpr std::uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return std::memcmp(bytes.data(), kMapped, 12) == 0;
  }
  [[nodiscard]] std::uint32_t to_v4() const {
    return std::uint32_t{bytes[12]} << 24U | std::uint32_t{bytes[13]} << 16U |
           std::uint32_t{bytes[14]} << 8U | bytes[15];
  }
  void write_v4(std::uint8_t* to) const { std::memcpy(to, &bytes[12], 4); }
  // Unspecified in its own family.
  [[nodiscard]] bool is_zero() const { return is_v4() ? to_v4() == 0 : *this == Ip{}; }
  [[nodiscard]] bool is_multicast() const { return is_v4() ? (bytes[12] & 0xf0U) == 0xe0 : bytes[0] == 0xff; }
  [[nodiscard]] bool is_broadcast() const { return is_v4() && to_v4() == 0xffffffffU; }
  [[nodiscard]] bool is_loopback() const {
    return is_v4() ? bytes[12] == 127
                   : bytes[15] == 1 && std::memcmp(bytes.data(), Ip{}.bytes.data(), 15) == 0;
  }
  [[nodiscard]] bool is_link_local() const {
    return is_v4() ? bytes[12] == 169 && bytes[13] == 254 : bytes[0] == 0xfe && (bytes[1] & 0xc0U) == 0x80;
  }
};

// `bits` counts in the family of `address` (0 to 32, or 0 to 128); host bits are zero.
struct Prefix {
  Ip address;
  std::uint8_t bits = 0;

  auto operator<=>(const Prefix&) const = default;
  [[nodiscard]] bool contains(const Ip& ip) const;
  [[nodiscard]] bool is_v4() const { return address.is_v4(); }
  // The last address of an IPv4 prefix: its directed broadcast (only where bits < 31).
  [[nodiscard]] Ip last_v4() const;
};

[[nodiscard]] std::optional<Mac> parse_mac(std::string_view text);
[[nodiscard]] std::optional<Ip> parse_ip(std::string_view text);
// Host bits are cleared; a bare address is a prefix of all its bits.
[[nodiscard]] std::optional<Prefix> parse_prefix(std::string_view text);
[[nodiscard]] std::string to_string(const Mac& mac);
[[nodiscard]] std::string to_string(const Ip& ip);
// RFC 4291 appendix A: the link-local address that a host makes of its MAC.
[[nodiscard]] Ip link_local_of(const Mac& mac);
// The way back; nullopt where the address was not made of a MAC.
[[nodiscard]] std::optional<Mac> mac_of_link_local(const Ip& ip);

}  // namespace hanok::dataplane

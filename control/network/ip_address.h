#pragma once
// IPv4 and IPv6 addresses, prefixes and ranges as values. No I/O, no SQL.

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hanok::network {

struct IpAddress {
  int version = 4;                       // 4 or 6
  std::array<std::uint8_t, 16> bytes{};  // network order; IPv4 uses the first four, the rest stays zero

  [[nodiscard]] int bits() const { return version == 4 ? 32 : 128; }
  friend auto operator<=>(const IpAddress&,
                          const IpAddress&) = default;  // NOLINT(modernize-use-nullptr): clang 14
};

// Strict text forms of inet_pton(3); no zone, no prefix.
[[nodiscard]] std::optional<IpAddress> parse_ip(std::string_view text);
[[nodiscard]] std::string to_text(const IpAddress& address);  // canonical (RFC 5952 as inet_ntop writes it)
// Fixed-width hex (8 or 32 digits): within one version the text order is the numeric order.
[[nodiscard]] std::string to_key(const IpAddress& address);
[[nodiscard]] IpAddress from_key(std::string_view key);  // only keys that to_key made

// Nothing past the end of the address space.
[[nodiscard]] std::optional<IpAddress> plus(const IpAddress& address, std::uint64_t count);
[[nodiscard]] std::optional<IpAddress> previous(const IpAddress& address);

struct Prefix {
  IpAddress address;  // as given: may have host bits
  int length = 0;

  [[nodiscard]] IpAddress first() const;
  [[nodiscard]] IpAddress last() const;
  [[nodiscard]] bool contains(const IpAddress& ip) const { return first() <= ip && ip <= last(); }
  [[nodiscard]] bool overlaps(const Prefix& other) const {
    return first() <= other.last() && other.first() <= last();
  }
  [[nodiscard]] bool has_host_bits() const { return address != first(); }
  [[nodiscard]] std::string text() const;  // "10.0.0.0/24": the address as given
};
// "a.b.c.d/len"; an address alone when `allow_bare` (then a host prefix).
[[nodiscard]] std::optional<Prefix> parse_prefix(std::string_view text, bool allow_bare = false);

struct Range {
  IpAddress first, last;  // both included
  friend bool operator==(const Range&, const Range&) = default;
};
// The addresses of a subnet that ports may get when nobody said which: without the network address, the
// broadcast address (IPv4) and the gateway. A single-address prefix gives that address.
[[nodiscard]] std::vector<Range> default_ranges(const Prefix& subnet,
                                                const std::optional<IpAddress>& gateway);

// The address that an interface forms in a /64 (RFC 4291, appendix A). `mac` is "aa:bb:cc:dd:ee:ff".
[[nodiscard]] std::optional<IpAddress> eui64_address(const Prefix& subnet, std::string_view mac);

// Six colon- or dash-separated pairs of hex digits; gives the lower-case colon form.
[[nodiscard]] std::optional<std::string> normalize_mac(std::string_view text);

}  // namespace hanok::network

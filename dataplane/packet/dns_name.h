#pragma once
// Domain names as RFC 1035, 3.1 writes them, for DHCP options and router advertisements.

#include <cstdint>
#include <string_view>
#include <vector>

namespace hanok::dataplane {

// Labels with their lengths and the root's zero; empty where it is no name (a label of 0 or more than 63
// bytes, or more than 255 in all). A dot at the end may stand.
[[nodiscard]] std::vector<std::uint8_t> dns_name(std::string_view text);

}  // namespace hanok::dataplane

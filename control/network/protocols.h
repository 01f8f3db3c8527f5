#pragma once
// IP protocols as security group rules name them.

#include <optional>
#include <string>
#include <string_view>

namespace hanok::network {

// Name or number (0 to 255) to the IANA number.
[[nodiscard]] std::optional<int> protocol_number(std::string_view protocol);
[[nodiscard]] bool has_ports(int number);  // TCP, UDP, SCTP, DCCP, UDP-Lite
[[nodiscard]] bool is_icmp(int number);    // ICMP and ICMPv6

}  // namespace hanok::network

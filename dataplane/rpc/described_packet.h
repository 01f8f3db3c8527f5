#pragma once
// A frame from its description, for the method `trace`.

#include <cstdint>
#include <variant>
#include <vector>

#include "common/json.h"
#include "dataplane/rpc/schema.h"

namespace hanok::dataplane::rpc {

// `packet` is the frame as hex digits, or an object {src_mac, dst_mac, src_ip, dst_ip, protocol:
// "tcp"|"udp"|"icmp"| number, src_port, dst_port}: an Ethernet frame of IPv4 or IPv6 with right checksums,
// TCP with SYN, ICMP an echo request. A problem's path is relative to `packet`.
[[nodiscard]] std::variant<std::vector<std::uint8_t>, Problem> described_packet(const Json& packet);

}  // namespace hanok::dataplane::rpc

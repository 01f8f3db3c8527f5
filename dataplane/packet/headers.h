#pragma once
// Numbers of the protocols that the engine reads and writes. Offsets are in bytes from the header's start.

#include <cstdint>

namespace hanok::dataplane {

namespace ethertype {
inline constexpr std::uint16_t kIpv4 = 0x0800, kArp = 0x0806, kVlan = 0x8100, kQinq = 0x88a8, kIpv6 = 0x86dd;
}
namespace protocol {  // IANA protocol numbers
inline constexpr std::uint8_t kIcmp = 1, kTcp = 6, kUdp = 17, kIcmp6 = 58, kSctp = 132;
inline constexpr std::uint8_t kHopByHop = 0, kRouting = 43, kFragment = 44, kAh = 51, kNoNext = 59,
                              kDestination = 60;
}  // namespace protocol
namespace tcp_flag {
inline constexpr std::uint8_t kFin = 1, kSyn = 2, kRst = 4, kPsh = 8, kAck = 16, kUrg = 32, kEce = 64,
                              kCwr = 128;
}
namespace icmp {  // RFC 792
inline constexpr std::uint8_t kEchoReply = 0, kUnreachable = 3, kEcho = 8, kTimeExceeded = 11,
                              kParameter = 12;
inline constexpr std::uint8_t kTimestamp = 13, kTimestampReply = 14;
inline constexpr std::uint8_t kNetUnreachable = 0, kHostUnreachable = 1, kPortUnreachable = 3,
                              kFragmentNeeded = 4;
}  // namespace icmp
namespace icmp6 {  // RFC 4443, RFC 4861
inline constexpr std::uint8_t kUnreachable = 1, kTooBig = 2, kTimeExceeded = 3, kParameter = 4, kEcho = 128,
                              kEchoReply = 129, kMldQuery = 130, kMldReport = 131, kMldDone = 132,
                              kRouterSolicit = 133, kRouterAdvert = 134, kNeighbourSolicit = 135,
                              kNeighbourAdvert = 136, kRedirect = 137, kMld2Report = 143;
}
inline constexpr unsigned kEthernetBytes = 14;
inline constexpr unsigned kVlanBytes = 4;
inline constexpr unsigned kIpv4Bytes = 20;  // without options
inline constexpr unsigned kIpv6Bytes = 40;
inline constexpr unsigned kUdpBytes = 8;
inline constexpr unsigned kTcpBytes = 20;  // without options
inline constexpr unsigned kArpBytes = 28;
inline constexpr unsigned kVxlanBytes = 8;                                                         // RFC 7348
inline constexpr unsigned kVxlanOverhead = kEthernetBytes + kIpv4Bytes + kUdpBytes + kVxlanBytes;  // 50
inline constexpr std::uint16_t kVxlanPort = 4789;

}  // namespace hanok::dataplane

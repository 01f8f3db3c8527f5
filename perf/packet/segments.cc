#include "perf/packet/segments.h"

#include "dataplane/packet/build.h"
#include "dataplane/packet/bytes.h"
#include "dataplane/packet/headers.h"

namespace hanok::perf {
namespace {

using namespace hanok::dataplane;

constexpr unsigned kL4 = kEthernetBytes + kIpv4Bytes;
constexpr std::uint16_t kFirstSource = 1024, kFirstDestination = 1000;
constexpr std::uint32_t kSources = 60'000;
constexpr std::uint32_t kStart[2] = {1000, 5000};  // the guests' initial sequence numbers

struct Shape {
  unsigned flags;
  std::uint32_t sent, heard;  // bytes of sequence space by the sender, and by the other, before this
};
Shape shape_of(Step step) {
  switch (step) {
    case Step::kSyn:
      return {tcp_flag::kSyn, 0, 0};
    case Step::kSynAck:
      return {tcp_flag::kSyn | tcp_flag::kAck, 0, 1};
    case Step::kAck:
      return {tcp_flag::kAck, 1, 1};
    case Step::kFin:
      return {tcp_flag::kFin | tcp_flag::kAck, 1, 1};
    case Step::kFinBack:
      return {tcp_flag::kFin | tcp_flag::kAck, 1, 2};
    case Step::kLastAck:
      return {tcp_flag::kAck, 2, 2};
  }
  return {};
}

// Ethernet and IPv4; gives where L4 begins.
std::uint8_t* write_below(Segment& segment, const Guests& guests, unsigned from, std::uint8_t protocol,
                          std::uint16_t payload) {
  std::uint8_t* at = segment.data();
  at += write_ethernet(at, guests.mac[1 - from], guests.mac[from], ethertype::kIpv4);
  return at + write_ipv4(at, guests.ip[from], guests.ip[1 - from], protocol, payload);
}

}  // namespace

std::optional<Guests> guests_of(const char* const* words) {
  Guests out;
  for (std::size_t i = 0; i < 2; ++i) {
    const auto mac = parse_mac(words[2 * i]);
    const auto ip = parse_ip(words[2 * i + 1]);
    if (!mac || !ip || !ip->is_v4()) return std::nullopt;
    out.mac[i] = *mac;
    out.ip[i] = *ip;
  }
  return out;
}

Segment tcp_segment(const Guests& guests, std::uint32_t connection, Step step) {
  Segment out;
  const unsigned from = sender_of(step);
  const Shape shape = shape_of(step);
  std::uint8_t* tcp = write_below(out, guests, from, protocol::kTcp, kTcpBytes);
  const std::uint16_t ports[2] = {static_cast<std::uint16_t>(kFirstSource + connection % kSources),
                                  static_cast<std::uint16_t>(kFirstDestination + connection / kSources)};
  store16(tcp, ports[from]);
  store16(tcp + 2, ports[1 - from]);
  store32(tcp + 4, kStart[from] + shape.sent);
  store32(tcp + 8, step == Step::kSyn ? 0 : kStart[1 - from] + shape.heard);
  tcp[12] = kTcpBytes / 4 << 4U;
  tcp[13] = static_cast<std::uint8_t>(shape.flags);
  store16(tcp + 14, 0xffff);  // window
  store16(tcp + 16, l4_checksum(guests.ip[from], guests.ip[1 - from], protocol::kTcp, tcp, kTcpBytes));
  return out;
}

std::optional<Heard> read_tcp(const std::uint8_t* frame, std::size_t length) {
  if (length < kL4 + kTcpBytes || frame[kEthernetBytes + 9] != protocol::kTcp) return std::nullopt;
  const std::uint8_t* tcp = frame + kL4;
  for (const Step step :
       {Step::kSyn, Step::kSynAck, Step::kAck, Step::kFin, Step::kFinBack, Step::kLastAck}) {
    const Shape shape = shape_of(step);
    const unsigned from = sender_of(step);
    if (tcp[13] != shape.flags || load32(tcp + 4) != kStart[from] + shape.sent) continue;
    const std::uint32_t source = load16(tcp + (from == 0 ? 0 : 2)),
                        destination = load16(tcp + (from == 0 ? 2 : 0));
    if (source < kFirstSource || source >= kFirstSource + kSources || destination < kFirstDestination)
      return std::nullopt;
    return Heard{(destination - kFirstDestination) * kSources + source - kFirstSource, step};
  }
  return std::nullopt;
}

Segment datagram(const Guests& guests, unsigned from, std::uint16_t flow, std::uint32_t number) {
  Segment out;
  constexpr std::uint16_t kLength = Segment::size() - kL4;
  std::uint8_t* udp = write_below(out, guests, from, protocol::kUdp, kLength);
  const auto other = static_cast<std::uint16_t>(kFirstSource + flow);
  store16(udp, from == 0 ? other : kFirstDestination);
  store16(udp + 2, from == 0 ? kFirstDestination : other);
  store16(udp + 4, kLength);
  store32(udp + kUdpBytes, number);
  const std::uint16_t sum = l4_checksum(guests.ip[from], guests.ip[1 - from], protocol::kUdp, udp, kLength);
  store16(udp + 6, sum == 0 ? 0xffff : sum);
  return out;
}

}  // namespace hanok::perf

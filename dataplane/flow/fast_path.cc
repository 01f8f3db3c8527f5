// The fast path: what most frames are, UDP or TCP over IP without options, tags or fragments, from a guest or
// out of VXLAN. Read in one pass with fixed offsets; nothing of the frame is changed before its record is
// found, so that whatever is out of the ordinary is handed to the general path as it came.
#include <bit>

#include "dataplane/flow/engine_impl.h"
#include "dataplane/packet/bytes.h"
#include "dataplane/packet/headers.h"

namespace hanok::dataplane {
namespace {

constexpr unsigned kIpv4L4 = kEthernetBytes + kIpv4Bytes;
constexpr unsigned kIpv6L4 = kEthernetBytes + kIpv6Bytes;

template <typename T>
T raw(const std::uint8_t* p) {
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

// The sum of a header of 20 bytes is all ones when it is right (RFC 1071: byte order does not matter).
inline bool ipv4_sum_is_good(const std::uint8_t* ip) {
  const auto end_around = [](std::uint64_t a, std::uint64_t b) {
    const std::uint64_t sum = a + b;
    return sum + (sum < a ? 1 : 0);
  };
  const std::uint64_t sum =
      end_around(end_around(raw<std::uint64_t>(ip), raw<std::uint64_t>(ip + 8)), raw<std::uint32_t>(ip + 16));
  return sum != 0 && sum % 0xffffU == 0;  // 2^16 is 1 modulo 2^16 - 1: what folding leaves is the remainder
}

// TCP and UDP headers that the general path would not refuse. `left`: bytes of the datagram from L4 on.
[[gnu::always_inline]] inline bool l4_is_plain(const std::uint8_t* l4, unsigned protocol, unsigned left) {
  if (protocol == protocol::kUdp) {
    const unsigned length = left >= kUdpBytes ? load16(l4 + 4) : 0;
    return length >= kUdpBytes && length <= left;
  }
  if (protocol != protocol::kTcp || left < kTcpBytes) return false;
  const unsigned header = (l4[12] >> 4U) * 4U;
  const unsigned tcp_flags = l4[13];
  // Set-up and tear-down are looked at with care.
  constexpr unsigned kSignals = tcp_flag::kSyn | tcp_flag::kFin | tcp_flag::kRst;
  return header >= kTcpBytes && header <= left && (tcp_flags & kSignals) == 0 &&
         (tcp_flags & tcp_flag::kAck) != 0;
}

[[gnu::always_inline]] inline bool ipv4_is_plain(const std::uint8_t* frame, unsigned length, unsigned& left) {
  const std::uint8_t* ip = frame + kEthernetBytes;
  if (length < kIpv4L4 + kUdpBytes || ip[0] != 0x45) return false;
  const unsigned total = load16(ip + 2);
  const unsigned first = ip[12];
  // No fragment; the source neither 127/8 nor 224/4 and up, which the general path judges.
  if (total < kIpv4Bytes || kEthernetBytes + total > length || (raw<std::uint16_t>(ip + 6) & 0xff3fU) != 0 ||
      first == 127 || first >= 224) {
    return false;
  }
  left = total - kIpv4Bytes;
  return ipv4_sum_is_good(ip);
}

[[gnu::always_inline]] inline bool ipv6_is_plain(const std::uint8_t* frame, unsigned length, unsigned& left) {
  const std::uint8_t* ip = frame + kEthernetBytes;
  if (length < kIpv6L4 + kUdpBytes || ip[0] >> 4U != 6) return false;
  left = load16(ip + 4);
  // Global unicast or unique local at both ends (2000::/3, fc00::/7): nothing that has rules of its own.
  const auto ordinary = [](unsigned byte) { return (byte & 0xe0U) == 0x20 || (byte & 0xfeU) == 0xfc; };
  return kEthernetBytes + kIpv6Bytes + left <= length && ordinary(ip[8]) && ordinary(ip[24]);
}

}  // namespace

// The inner part of a frame: key and hash, if it is a plain one. The key's words stay in registers till they
// are written, one by one: what is written in parts cannot be read back as a whole at once (a failed store
// forwarding costs more than the hash). For the same reason the compiler must not join them here
// (CMakeLists.txt).
[[gnu::always_inline]] inline bool Engine::Impl::read_plain(Item& item, const std::uint8_t* frame,
                                                            unsigned length, std::uint32_t segment) const {
  if (((frame[0] | frame[6]) & 1U) != 0) return false;  // group addresses
  static_assert(std::endian::native == std::endian::little);
  const auto ethertype = raw<std::uint16_t>(frame + 12);
  std::uint64_t word0 = 0, word1 = 0, word2 = 0, word3 = 0;
  unsigned left = 0, l4 = kIpv4L4, protocol = 0, family = 4;
  if (ethertype == __builtin_bswap16(ethertype::kIpv4)) {
    if (!ipv4_is_plain(frame, length, left)) return false;
    protocol = frame[kEthernetBytes + 9];
    item.ttl = frame[kEthernetBytes + 8];
    // As Ip::v4_from writes it: ten zeros, two times 0xff, the address.
    const auto addresses = raw<std::uint64_t>(frame + kEthernetBytes + 12);
    word1 = addresses << 32U | 0xffff0000U;
    word3 = (addresses & 0xffffffff00000000U) | 0xffff0000U;
  } else if (ethertype == __builtin_bswap16(ethertype::kIpv6)) {
    if (!ipv6_is_plain(frame, length, left)) return false;
    protocol = frame[kEthernetBytes + 6];
    item.ttl = frame[kEthernetBytes + 7];
    l4 = kIpv6L4;
    family = 6;
    word0 = raw<std::uint64_t>(frame + kEthernetBytes + 8);
    word1 = raw<std::uint64_t>(frame + kEthernetBytes + 16);
    word2 = raw<std::uint64_t>(frame + kEthernetBytes + 24);
    word3 = raw<std::uint64_t>(frame + kEthernetBytes + 32);
  } else {
    return false;
  }
  if (!l4_is_plain(frame + l4, protocol, left)) return false;
  const std::uint32_t ports =
      __builtin_bswap32(raw<std::uint32_t>(frame + l4));  // destination in the low half
  const std::uint64_t word4 = (ports >> 16U) | std::uint64_t{ports & 0xffffU} << 16U |
                              std::uint64_t{raw<std::uint32_t>(frame)}
                                  << 32U;                     // the destination MAC's first four bytes
  const std::uint64_t word5 = raw<std::uint64_t>(frame + 4);  // its last two, and the source MAC
  const std::uint64_t word6 = item.device | protocol << 16U | family << 24U | std::uint64_t{segment} << 32U;
  item.protocol = static_cast<std::uint8_t>(protocol);
  item.is_ipv4 = family == 4;
  const std::uint64_t words[7] = {word0, word1, word2, word3, word4, word5, word6};
  item.hash = hash_words(words, connections_.seed());
  const auto put = [&](unsigned word, std::uint64_t value) {
    std::memcpy(reinterpret_cast<char*>(&item.key) + std::size_t{8} * word, &value, 8);
  };
  put(0, word0), put(1, word1), put(2, word2), put(3, word3), put(4, word4), put(5, word5), put(6, word6);
  return true;
}

// What came by the uplink: VXLAN to our VTEP, whose outer headers are as plain; else the general path.
bool Engine::Impl::read_plain_vxlan(Item& item, const std::uint8_t* frame, unsigned length) const {
  unsigned left = 0;
  if (!own_vtep_ || raw<std::uint16_t>(frame + 12) != __builtin_bswap16(ethertype::kIpv4) ||
      length < kVxlanOverhead + kEthernetBytes || (frame[6] & 1U) != 0 ||
      !ipv4_is_plain(frame, length, left)) {
    return false;
  }
  const std::uint8_t* udp = frame + kIpv4L4;
  if (frame[kEthernetBytes + 9] != protocol::kUdp || load16(udp + 2) != kVxlanPort ||
      load32(frame + kEthernetBytes + 16) != *own_vtep_ || left < kUdpBytes + kVxlanBytes ||
      load16(udp + 4) < kUdpBytes || load16(udp + 4) > left || (udp[8] & 0x08U) == 0) {
    return false;
  }
  const std::uint32_t vni = load32(udp + 12) >> 8U;
  item.skip = kVxlanOverhead;
  const unsigned end = kIpv4L4 + left;  // the rest is what Ethernet padded
  item.inner_length = static_cast<std::uint16_t>(end - kVxlanOverhead);
  return end >= kVxlanOverhead + kIpv4L4 &&
         read_plain(item, frame + kVxlanOverhead, item.inner_length,
                    static_cast<std::uint32_t>(SegmentType::kVxlan) << 24U | vni);
}

[[gnu::always_inline]] inline bool Engine::Impl::receive_plain(Item& item, bool from_uplink) const {
  const Packet& packet = *item.packet;
  item.skip = 0;
  item.inner_length = packet.length;
  if (packet.length < kIpv4L4 + kUdpBytes) return false;
  const bool to_vtep = from_uplink && own_vtep_ && load32(packet.data + kEthernetBytes + 16) == *own_vtep_;
  return to_vtep ? read_plain_vxlan(item, packet.data, packet.length)
                 : read_plain(item, packet.data, packet.length, 0);
}

namespace {

// Three deltas at once; the same result as apply_delta one by one (RFC 1624, equation 3).
void apply_deltas(std::uint8_t* field, std::uint32_t deltas) {
  std::uint32_t sum = static_cast<std::uint16_t>(~load16(field)) + deltas;
  sum = (sum & 0xffffU) + (sum >> 16U);
  sum = (sum & 0xffffU) + (sum >> 16U);
  store16(field, static_cast<std::uint16_t>(~sum));
}

[[gnu::always_inline]] inline void rewrite_ipv4(const Program& program, std::uint8_t* ip, unsigned protocol) {
  const std::uint32_t operations = program.operations;
  std::uint32_t deltas = 0;
  if ((operations & kDecrementTtl) != 0) {
    ip[8] = static_cast<std::uint8_t>(ip[8] - program.hops);
    deltas = 0xffffU - (std::uint32_t{program.hops} << 8U);  // old and new word differ by the hops
  }
  constexpr std::uint32_t kAddresses = kSetSource | kSetDestination;
  if ((operations & kAddresses) != 0) {
    deltas += program.address_delta;
    if ((operations & kSetSource) != 0) store32(ip + 12, program.new_source);
    if ((operations & kSetDestination) != 0) store32(ip + 16, program.new_destination);
  }
  if (deltas != 0) apply_deltas(ip + 10, deltas);
  if ((operations & (kAddresses | kSetSourcePort | kSetDestinationPort)) == 0) return;
  std::uint8_t* l4 = ip + kIpv4Bytes;
  if (protocol == protocol::kTcp) {
    apply_deltas(l4 + 16, program.l4_delta);
  } else if (load16(l4 + 6) != 0) {  // RFC 768: zero is none
    apply_deltas(l4 + 6, program.l4_delta);
    if (load16(l4 + 6) == 0) store16(l4 + 6, 0xffff);
  }
  if ((operations & kSetSourcePort) != 0) store16(l4, program.new_source_port);
  if ((operations & kSetDestinationPort) != 0) store16(l4 + 2, program.new_destination_port);
}

}  // namespace

// True: done. False: nothing was changed, and the general path has to see the frame.
[[gnu::always_inline]] inline bool Engine::Impl::run_plain(Item& item) {
  Packet& packet = *item.packet;
  if ((packet.offload & kSegmentLater) != 0) return false;
  std::uint32_t slot = connections_.find_record(item.key, item.hash, item.candidate);
  if (slot == kNoSlot) {
    std::optional<Ip> vtep;
    if (item.skip != 0) vtep = Ip::v4_from(item.packet->data + kEthernetBytes + 12);
    slot = open_by_template({item.key, item.hash, 0, item.ttl, item.inner_length, vtep});
    if (slot == kNoSlot) return false;
    counters.flow_misses.add(1);
    --hits_;
  }
  if (!still_good(slot)) return false;
  FlowRecord& record = connections_.record(slot);
  const Program& program = record.program;
  constexpr std::uint32_t kPlain = kSetMacs | kDecrementTtl | kSetSource | kSetDestination | kSetSourcePort |
                                   kSetDestinationPort | kPushVlan | kPushVxlan | kClampMss;  // no SYN here
  if ((program.operations & ~kPlain) != 0 || item.inner_length > program.longest) return false;
  if ((program.operations & kDecrementTtl) != 0 && item.ttl <= program.hops) return false;
  ++hits_;
  if (record.last_seen != now()) record.last_seen = now();
  ++record.packets;
  if (item.skip != 0) {
    packet.length = static_cast<std::uint16_t>(item.skip + item.inner_length);
    packet.pull(item.skip);
  }
  std::uint8_t* data = packet.data;
  if ((program.operations & kSetMacs) != 0) {
    static_assert(offsetof(Program, new_source_mac) == offsetof(Program, new_destination_mac) + 6);
    std::memcpy(data, &program.new_destination_mac, 12);  // both
  }
  if (item.is_ipv4) {
    rewrite_ipv4(program, data + kEthernetBytes, item.protocol);
  } else if ((program.operations & kDecrementTtl) != 0) {
    data[kEthernetBytes + 7] = static_cast<std::uint8_t>(data[kEthernetBytes + 7] - program.hops);
  }
  if (packet.offload != 0) {
    deliver_with_work(&packet, program, item.device, static_cast<std::uint32_t>(item.hash >> 32U));
    return true;
  }
  if ((program.operations & (kPushVlan | kPushVxlan)) == 0) {
    transmit(&packet, program.out_device);
    return true;
  }
  if ((program.operations & kPushVxlan) != 0) {
    const Encapsulation& outer = encapsulations_.at(program.encapsulation);
    if (outer.ready && packet.headroom >= kVxlanOverhead &&
        packet.length + kVxlanOverhead - kEthernetBytes <= outer.mtu) {
      encapsulate(outer, packet, static_cast<std::uint32_t>(item.hash >> 32U));
      transmit(&packet, outer.device);
      return true;
    }
  }
  deliver(&packet, program, item.device, static_cast<std::uint32_t>(item.hash >> 32U));
  return true;
}

unsigned Engine::Impl::read_burst(Packet* const* packets, unsigned count, DeviceIndex in_device,
                                  bool from_uplink) {
  unsigned kept = 0;
  for (unsigned i = 0; i < count; ++i) {
    Item& item = items_[kept];
    item.packet = packets[i];
    item.device = in_device;
    item.plain = receive_plain(item, from_uplink);
    if (item.plain) {
      connections_.prefetch(item.hash);
    } else if (!receive(item, from_uplink)) {
      continue;
    }
    ++kept;
  }
  return kept;
}

void Engine::Impl::run_burst(unsigned count, bool from_uplink) {
  for (unsigned i = 0; i < count; ++i) {
    Item& item = items_[i];
    if (!item.plain && !item.matchable) continue;
    item.candidate = connections_.prefetch_record(item.hash);
    if (item.candidate == kNoSlot) prefetch_names(item.key, item.plain ? 0 : item.parsed.tcp_flags);
  }
  for (unsigned i = 0; i < count; ++i) {
    Item& item = items_[i];
    if (item.plain) {
      if (run_plain(item)) continue;
      if (!receive(item, from_uplink)) continue;
    }
    run(item);
  }
}

}  // namespace hanok::dataplane

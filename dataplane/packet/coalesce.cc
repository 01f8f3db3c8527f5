#include "dataplane/packet/coalesce.h"

#include <array>

#include "common/error.h"
#include "dataplane/packet/bytes.h"
#include "dataplane/packet/headers.h"
#include "dataplane/packet/long_sum.h"

namespace hanok::dataplane {
namespace {

constexpr unsigned kMostDatagram = 65535;
constexpr unsigned kMostOpen = 8;                                // connections that grow at a time
constexpr std::uint8_t kEnds = tcp_flag::kFin | tcp_flag::kPsh;  // what only a last segment may have

// A frame that grows, or could.
struct Growing {
  Packet* packet = nullptr;
  HeaderPlace place;
  std::uint8_t number = 0;  // of the frame
  unsigned joined = 0;      // frames at its end
  unsigned payload = 0;     // all
  unsigned segment = 0;     // the first one's
};

struct Candidate {
  HeaderPlace place;
  unsigned payload = 0;
  bool joinable = false;  // may grow, or be put to another's end
};

// False: not TCP over IP without fragments, or its payload is not all that follows.
bool read(const Packet& packet, Candidate& out) {
  const auto place = find_l4(packet.data, packet.length);
  if (!place || place->protocol != protocol::kTcp) return false;
  const std::uint8_t* ip = packet.data + place->l3;
  if (place->ipv4 && (load16(ip + 6) & 0x3fffU) != 0) return false;
  out.place = *place;
  const std::uint8_t* tcp = packet.data + place->l4;
  const unsigned datagram = place->ipv4 ? load16(ip + 2) : load16(ip + 4) + kIpv6Bytes;
  if (place->l3 + datagram != packet.length) return true;
  out.payload = packet.length - place->payload;
  constexpr std::uint8_t kOthers = static_cast<std::uint8_t>(~(tcp_flag::kAck | tcp_flag::kEce | kEnds));
  out.joinable = (packet.offload & kSegmentLater) == 0 && out.payload > 0 && (tcp[13] & kOthers) == 0 &&
                 (tcp[13] & tcp_flag::kAck) != 0 && (tcp[12] & 0x0fU) == 0;
  return true;
}

bool same_connection(const Growing& growing, const Packet& packet, const HeaderPlace& place) {
  if (growing.place.ipv4 != place.ipv4) return false;
  const std::uint8_t *a = growing.packet->data, *b = packet.data;
  const unsigned at = place.ipv4 ? 12 : 8, bytes = place.ipv4 ? 8 : 32;
  return std::memcmp(a + growing.place.l3 + at, b + place.l3 + at, bytes) == 0 &&
         std::memcmp(a + growing.place.l4, b + place.l4, 4) == 0;
}

// The IP header but for length, identification and checksum.
bool same_ip(const std::uint8_t* a, const std::uint8_t* b, const HeaderPlace& place, unsigned joined) {
  if (!place.ipv4) {
    return load32(a) == load32(b) &&
           std::memcmp(a + 6, b + 6, static_cast<std::size_t>(place.l4 - place.l3 - 6)) == 0;
  }
  const auto next = static_cast<std::uint16_t>(load16(a + 4) + joined + 1);
  return load16(a) == load16(b) && load16(b + 4) == next && load16(a + 6) == load16(b + 6) &&
         load16(a + 8) == load16(b + 8) &&
         std::memcmp(a + 12, b + 12, static_cast<std::size_t>(place.l4 - place.l3 - 12)) == 0;
}

bool continues(const Growing& growing, const Packet& packet, const Candidate& next) {
  const HeaderPlace& place = next.place;
  const std::uint8_t *a = growing.packet->data, *b = packet.data;
  if (growing.place.l3 != place.l3 || growing.place.l4 != place.l4 || growing.place.payload != place.payload)
    return false;
  const std::uint8_t *tcp_a = a + place.l4, *tcp_b = b + place.l4;
  const unsigned most = kMostDatagram - (place.payload - place.l3);
  return std::memcmp(a, b, place.l3) == 0 && same_ip(a + place.l3, b + place.l3, place, growing.joined) &&
         load32(tcp_a + 4) + growing.payload == load32(tcp_b + 4) && load32(tcp_a + 8) == load32(tcp_b + 8) &&
         (tcp_a[13] | kEnds) == (tcp_b[13] | kEnds) && load16(tcp_a + 14) == load16(tcp_b + 14) &&
         std::memcmp(tcp_a + 18, tcp_b + 18, static_cast<std::size_t>(place.payload - place.l4 - 18)) == 0 &&
         next.payload <= growing.segment && growing.payload + next.payload <= most;
}

bool checksum_is_good(const Packet& packet, const HeaderPlace& place) {
  if ((packet.offload & kL4ChecksumPartial) != 0) return true;  // nobody has changed it on a wire
  const unsigned bytes = packet.length - place.l4;
  return fold(pseudo_sum(packet.data, place, bytes) + long_sum(packet.data + place.l4, bytes)) == 0xffff;
}

void seal(const Growing& growing) {
  Packet& packet = *growing.packet;
  const HeaderPlace& place = growing.place;
  packet.offload = kL4ChecksumPartial | kSegmentLater;
  packet.segment_bytes = static_cast<std::uint16_t>(growing.segment);
  std::uint8_t* ip = packet.data + place.l3;
  const unsigned l4 = place.payload - place.l4 + growing.payload, header = place.l4 - place.l3;
  if (!place.ipv4) {
    store16(ip + 4, static_cast<std::uint16_t>(header - kIpv6Bytes + l4));
    return;
  }
  store16(ip + 2, static_cast<std::uint16_t>(header + l4));
  store16(ip + 10, 0);
  store16(ip + 10, checksum(ip, header));
}

// Those that may grow still.
class Open {
 public:
  Growing* find(const Packet& packet, const HeaderPlace& place) {
    for (unsigned i = 0; i < count_; ++i) {
      if (same_connection(open_[i], packet, place)) return &open_[i];
    }
    return nullptr;
  }
  void close(Growing& growing) {
    if (growing.joined > 0) seal(growing);
    growing = open_[--count_];
  }
  void add(const Growing& growing) {
    if (count_ == kMostOpen) close(open_[0]);
    open_[count_++] = growing;
  }
  void close_all() {
    while (count_ > 0) close(open_[0]);
  }

 private:
  std::array<Growing, kMostOpen> open_;
  unsigned count_ = 0;
};

// Is it whole and right? Asked of each frame once, before anything is put to its end or it to another's.
bool good(const Packet& packet, const Candidate& candidate) {
  return candidate.joinable && checksum_is_good(packet, candidate.place);
}

}  // namespace

unsigned coalesce(Packet* const* frames, unsigned count, std::uint8_t* joins) {
  HANOK_ASSERT(count <= kMostCoalesced);
  Open open;
  unsigned left = count;
  for (unsigned i = 0; i < count; ++i) {
    Packet& packet = *frames[i];
    joins[i] = static_cast<std::uint8_t>(i);
    Candidate candidate;
    if (!read(packet, candidate)) continue;
    Growing* growing = open.find(packet, candidate.place);
    if (!good(packet, candidate)) {
      if (growing != nullptr) open.close(*growing);
      continue;
    }
    const std::uint8_t flags = packet.data[candidate.place.l4 + 13U];
    if (growing != nullptr && continues(*growing, packet, candidate)) {
      joins[i] = growing->number;
      ++growing->joined;
      growing->payload += candidate.payload;
      growing->packet->data[growing->place.l4 + 13U] |= flags & kEnds;
      packet.pull(candidate.place.payload);
      packet.offload = 0;
      --left;
      if ((flags & kEnds) != 0 || candidate.payload < growing->segment) open.close(*growing);
      continue;
    }
    if (growing != nullptr) open.close(*growing);
    if ((flags & kEnds) == 0) {
      open.add(
          {&packet, candidate.place, static_cast<std::uint8_t>(i), 0, candidate.payload, candidate.payload});
    }
  }
  open.close_all();
  return left;
}

}  // namespace hanok::dataplane

#include "dataplane/packet/segment.h"

#include <algorithm>

#include "common/error.h"
#include "dataplane/packet/bytes.h"
#include "dataplane/packet/headers.h"

namespace hanok::dataplane {

Segments::Segments(const Packet& large, const HeaderPlace& place)
    : data_(large.data),
      place_(place),
      payload_(l4_bytes(large.data, place) - (place.payload - place.l4)),
      segment_(large.segment_bytes),
      count_(0) {
  HANOK_ASSERT(place.protocol == protocol::kTcp && segment_ > 0 && place.payload + payload_ <= large.length);
  count_ = std::max(1U, (payload_ + segment_ - 1) / segment_);
}

unsigned Segments::payload_of(unsigned number) const {
  return std::min(segment_, payload_ - number * segment_);
}

std::uint16_t Segments::bytes(unsigned number) const {
  return static_cast<std::uint16_t>(place_.payload + payload_of(number));
}

void Segments::write(unsigned number, std::uint8_t* to) const {
  const unsigned payload = payload_of(number), before = number * segment_;
  std::memcpy(to, data_, place_.payload);
  std::memcpy(to + place_.payload, data_ + place_.payload + before, payload);
  std::uint8_t* ip = to + place_.l3;
  const unsigned header = place_.l4 - place_.l3, l4 = place_.payload - place_.l4 + payload;
  if (place_.ipv4) {
    store16(ip + 2, static_cast<std::uint16_t>(header + l4));
    store16(ip + 4, static_cast<std::uint16_t>(load16(ip + 4) + number));
    store16(ip + 10, 0);
    store16(ip + 10, checksum(ip, header));
  } else {
    store16(ip + 4, static_cast<std::uint16_t>(header - kIpv6Bytes + l4));
  }
  std::uint8_t* tcp = to + place_.l4;
  store32(tcp + 4, load32(tcp + 4) + before);
  if (number != 0) tcp[13] &= static_cast<std::uint8_t>(~tcp_flag::kCwr);
  if (number + 1 < count_) tcp[13] &= static_cast<std::uint8_t>(~(tcp_flag::kFin | tcp_flag::kPsh));
  complete_checksum(to, place_);
}

}  // namespace hanok::dataplane

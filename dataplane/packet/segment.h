#pragma once
// A large TCP frame as the segments that it stands for: what a network card does that cuts for its host
// (TSO). Headers are copied; lengths, the IPv4 identification, sequence numbers, flags and checksums are each
// segment's own. FIN and PSH go with the last one, CWR with the first (RFC 3168, 6.1.2).

#include <cstdint>

#include "dataplane/packet/offload.h"

namespace hanok::dataplane {

class Segments {
 public:
  // `large` is TCP and whole (check_offload saw to it), and outlives this.
  Segments(const Packet& large, const HeaderPlace& place);

  [[nodiscard]] unsigned count() const { return count_; }
  // Of the frame that write() makes.
  [[nodiscard]] std::uint16_t bytes(unsigned number) const;
  void write(unsigned number, std::uint8_t* to) const;

 private:
  [[nodiscard]] unsigned payload_of(unsigned number) const;

  const std::uint8_t* data_;
  HeaderPlace place_;
  unsigned payload_, segment_, count_;
};

}  // namespace hanok::dataplane

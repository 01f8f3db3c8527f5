#pragma once
// What makes frames fit: the MSS that a TCP host announces, and cutting of datagrams.

#include <cstdint>

namespace hanok::dataplane {

// The MSS option of the SYN at `tcp` (RFC 9293, 3.7.1) becomes at most `mss`; the checksum follows. A SYN
// without one is left: its sender gets 536 bytes.
void clamp_mss(std::uint8_t* tcp, std::uint16_t mss);

}  // namespace hanok::dataplane

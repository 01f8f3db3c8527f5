#include "dataplane/flow/fit.h"

#include <algorithm>

#include "dataplane/flow/engine_impl.h"
#include "dataplane/packet/bytes.h"
#include "dataplane/packet/headers.h"

namespace hanok::dataplane {

void clamp_mss(std::uint8_t* tcp, std::uint16_t mss) {
  constexpr unsigned kEnd = 0, kNoOperation = 1, kMss = 2;
  const unsigned header = (tcp[12] >> 4U) * 4U;  // within the frame: the parser saw to it
  for (unsigned at = kTcpBytes; at < header && tcp[at] != kEnd;) {
    if (tcp[at] == kNoOperation) {
      ++at;
      continue;
    }
    if (at + 1 >= header || tcp[at + 1] < 2 || at + tcp[at + 1] > header) return;
    if (tcp[at] == kMss && tcp[at + 1] == 4) {
      const std::uint16_t old = load16(tcp + at + 2);
      if (old <= mss) return;
      store16(tcp + at + 2, mss);
      std::uint16_t delta = delta16(old, mss);
      if (at % 2 != 0) delta = __builtin_bswap16(delta);  // across two words of the checksum (RFC 1071, 2.B)
      apply_delta(tcp + 16, delta);
      return;
    }
    at += tcp[at + 1];
  }
}

// RFC 791, 3.2. The frame has been through its program; it has no options (the fit stage saw to it).
void Engine::Impl::deliver_cut(Packet* packet, const Context& context, const Program& program,
                               std::uint32_t entropy) {
  const unsigned start = context.parsed.l3_offset, body = start + kIpv4Bytes;
  const unsigned payload = context.parsed.l3_end - body;
  const unsigned most = (context.limit - kIpv4Bytes) & ~7U;
  const unsigned field = load16(packet->data + start + 6);
  for (unsigned at = 0; at < payload; at += most) {
    const unsigned bytes = std::min(most, payload - at);
    Packet* piece = copy_of(packet->data, static_cast<std::uint16_t>(body + bytes), context.in_device);
    if (piece == nullptr) break;
    std::memcpy(piece->data + body, packet->data + body + at, bytes);
    std::uint8_t* ip = piece->data + start;
    store16(ip + 2, static_cast<std::uint16_t>(kIpv4Bytes + bytes));
    const unsigned more = at + bytes < payload ? 0x2000U : field & 0x2000U;
    store16(ip + 6, static_cast<std::uint16_t>(more | ((field & 0x1fffU) + at / 8)));
    store16(ip + 10, 0);
    store16(ip + 10, checksum(ip, kIpv4Bytes));
    deliver(piece, program, context.in_device, entropy);
  }
  release(packet);
}

}  // namespace hanok::dataplane

// The quotation in an ICMP error, translated as its connection is; all checksums follow (RFC 5508, 4).
#include "dataplane/flow/engine_impl.h"
#include "dataplane/packet/bytes.h"
#include "dataplane/packet/headers.h"

namespace hanok::dataplane {
namespace {

// The quoted packet's own checksum; null where the quotation is cut before it, or there is none.
std::uint8_t* quoted_checksum(std::uint8_t* l4, const Parsed& inner) {
  const unsigned left = inner.l3_end - inner.l4_offset;
  if (inner.protocol == protocol::kTcp && left >= 18) return l4 + 16;
  if (inner.protocol == protocol::kUdp && left >= 8 && load16(l4 + 6) != 0) return l4 + 6;
  return nullptr;
}

void rewrite_end(std::uint8_t* data, const Parsed& inner, const Context::QuotedEnd& end, bool source) {
  std::uint8_t* ip = data + inner.l3_offset;
  std::uint8_t* address = ip + (source ? 12 : 16);
  const std::uint32_t before = load32(address);
  end.ip.write_v4(address);
  const std::uint16_t moved = delta32(before, load32(address));
  apply_delta(ip + 10, moved);
  if (inner.l4_offset == 0) return;
  std::uint8_t* l4 = data + inner.l4_offset;
  if (inner.is_icmp_query()) {
    apply_delta(l4 + 2, delta16(load16(l4 + 4), end.port));
    store16(l4 + 4, end.port);
  } else if (inner.protocol == protocol::kTcp || inner.protocol == protocol::kUdp) {
    std::uint8_t* port = l4 + (source ? 0 : 2);
    if (std::uint8_t* field = quoted_checksum(l4, inner))
      apply_delta(field, add_delta(moved, delta16(load16(port), end.port)));
    store16(port, end.port);
  }
}

}  // namespace

void Engine::Impl::rewrite_quoted(const Context& context, std::uint8_t* data, std::uint16_t length) const {
  const Parsed& parsed = context.parsed;
  const auto at = static_cast<std::uint16_t>(parsed.l4_offset + 8U);
  Parsed inner;
  if (parse_ip(data, length, at, true, inner) || inner.l3 != L3::kIpv4) return;
  if (context.quoted_source) rewrite_end(data, inner, *context.quoted_source, true);
  if (context.quoted_destination) rewrite_end(data, inner, *context.quoted_destination, false);
  std::uint8_t* icmp = data + parsed.l4_offset;
  store16(icmp + 2, 0);
  store16(icmp + 2, checksum(icmp, parsed.l3_end - parsed.l4_offset));
}

}  // namespace hanok::dataplane

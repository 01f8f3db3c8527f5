#include "dataplane/packet/long_sum.h"

#include <bit>

#include "dataplane/packet/bytes.h"

namespace hanok::dataplane {
namespace {

std::uint64_t add_with_carry(std::uint64_t sum, const std::uint8_t* p) {
  std::uint64_t word;
  std::memcpy(&word, p, 8);
  sum += word;
  return sum + (sum < word ? 1U : 0U);
}

}  // namespace

// In the machine's byte order; the sum's bytes change places once (RFC 1071, 2.B).
std::uint16_t long_sum(const std::uint8_t* p, std::size_t length) {
  static_assert(std::endian::native == std::endian::little);
  std::uint64_t a = 0, b = 0, c = 0, d = 0;
  for (; length >= 32; p += 32, length -= 32) {
    a = add_with_carry(a, p);
    b = add_with_carry(b, p + 8);
    c = add_with_carry(c, p + 16);
    d = add_with_carry(d, p + 24);
  }
  for (; length >= 8; p += 8, length -= 8) a = add_with_carry(a, p);
  std::uint64_t rest = 0;
  std::memcpy(&rest, p, length);
  const auto halves = [](std::uint64_t sum) { return (sum >> 32U) + (sum & 0xffffffffU); };
  return __builtin_bswap16(fold(halves(a) + halves(b) + halves(c) + halves(d) + halves(rest)));
}

}  // namespace hanok::dataplane

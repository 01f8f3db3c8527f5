#pragma once
// The one's complement sum of RFC 1071 over many bytes, eight at a time.

#include <cstddef>
#include <cstdint>

namespace hanok::dataplane {

// Folded, of big-endian words; an odd last byte counts as its word's high byte: what
// fold(sum_bytes()) gives.
[[nodiscard]] std::uint16_t long_sum(const std::uint8_t* p, std::size_t length);

}  // namespace hanok::dataplane

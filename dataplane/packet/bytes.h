#pragma once
// Big-endian loads and stores at any alignment, and the Internet checksum (RFC 1071, RFC 1624).

#include <cstdint>
#include <cstring>

namespace hanok::dataplane {

inline std::uint16_t load16(const std::uint8_t* p) {
  std::uint16_t value;
  std::memcpy(&value, p, 2);
  return __builtin_bswap16(value);
}
inline std::uint32_t load32(const std::uint8_t* p) {
  std::uint32_t value;
  std::memcpy(&value, p, 4);
  return __builtin_bswap32(value);
}
inline void store16(std::uint8_t* p, std::uint16_t value) {
  value = __builtin_bswap16(value);
  std::memcpy(p, &value, 2);
}
inline void store32(std::uint8_t* p, std::uint32_t value) {
  value = __builtin_bswap32(value);
  std::memcpy(p, &value, 4);
}

inline std::uint16_t fold(std::uint64_t sum) {
  while (sum >> 16U != 0) sum = (sum & 0xffffU) + (sum >> 16U);
  return static_cast<std::uint16_t>(sum);
}
// One's complement sum of big-endian words; an odd last byte counts as its word's high byte.
inline std::uint64_t sum_bytes(const std::uint8_t* p, std::size_t length, std::uint64_t sum = 0) {
  for (; length >= 2; p += 2, length -= 2) sum += load16(p);
  if (length != 0) sum += std::uint64_t{*p} << 8U;
  return sum;
}
inline std::uint16_t checksum(const std::uint8_t* p, std::size_t length, std::uint64_t sum = 0) {
  return static_cast<std::uint16_t>(~fold(sum_bytes(p, length, sum)));
}

// RFC 1624, equation 3: what a change of words adds to the complement of a checksum. A delta is made once and
// applied to each packet: HC' = ~(~HC + delta).
inline std::uint16_t delta16(std::uint16_t old_word, std::uint16_t new_word) {
  return fold(std::uint64_t{static_cast<std::uint16_t>(~old_word)} + new_word);
}
inline std::uint16_t delta32(std::uint32_t old_value, std::uint32_t new_value) {
  return fold(std::uint64_t{static_cast<std::uint16_t>(~(old_value >> 16U))} +
              static_cast<std::uint16_t>(~old_value) + (new_value >> 16U) + (new_value & 0xffffU));
}
inline std::uint16_t add_delta(std::uint16_t a, std::uint16_t b) {
  return fold(std::uint64_t{a} + b);
}
inline void apply_delta(std::uint8_t* checksum_field, std::uint16_t delta) {
  const auto complement = static_cast<std::uint16_t>(~load16(checksum_field));
  store16(checksum_field, static_cast<std::uint16_t>(~fold(std::uint64_t{complement} + delta)));
}

}  // namespace hanok::dataplane

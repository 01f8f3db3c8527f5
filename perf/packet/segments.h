#pragma once
// The frames that the two guests of perf/packet/traffic.cc say to each other, each known from its connection
// and step: so what comes can be compared to the byte with what was sent, and nothing is kept of it.

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>

#include "dataplane/packet/address.h"

namespace hanok::perf {

struct Guests {
  dataplane::Mac mac[2];
  dataplane::Ip ip[2];  // IPv4
};

// MAC, IP, MAC, IP; none if one of them is no such thing.
[[nodiscard]] std::optional<Guests> guests_of(const char* const* words);

// An Ethernet frame of 60 bytes, padded; without FCS.
class Segment {
 public:
  [[nodiscard]] std::uint8_t* data() { return bytes_.data(); }
  [[nodiscard]] const std::uint8_t* data() const { return bytes_.data(); }
  [[nodiscard]] static constexpr std::size_t size() { return 60; }
  [[nodiscard]] bool same(const std::uint8_t* frame, std::size_t length) const {
    return length == size() && std::memcmp(frame, bytes_.data(), size()) == 0;
  }

 private:
  std::array<std::uint8_t, 60> bytes_{};
};

// In the order in which they are sent; the first guest opens and closes.
enum class Step : std::uint8_t { kSyn, kSynAck, kAck, kFin, kFinBack, kLastAck };
[[nodiscard]] constexpr unsigned sender_of(Step step) {
  return step == Step::kSynAck || step == Step::kFinBack ? 1 : 0;
}

inline constexpr std::uint32_t kMostConnections = 4'000'000;  // 60,000 source ports for each destination port
[[nodiscard]] Segment tcp_segment(const Guests& guests, std::uint32_t connection, Step step);

struct Heard {
  std::uint32_t connection;
  Step step;
};
// What a frame would have to be by its ports, flags and sequence number; the rest is not looked at.
[[nodiscard]] std::optional<Heard> read_tcp(const std::uint8_t* frame, std::size_t length);

// UDP from guest `from`; both directions of a flow have the same ports, turned round. `number` is its
// contents.
[[nodiscard]] Segment datagram(const Guests& guests, unsigned from, std::uint16_t flow, std::uint32_t number);

}  // namespace hanok::perf

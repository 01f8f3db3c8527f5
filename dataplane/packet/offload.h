#pragma once
// Work that a guest leaves to whoever sends its frame on (virtio 1.2, 5.1.6): the L4 checksum, and cutting a
// large TCP frame into segments. Packet::offload says what is left to do; a guest chose it, so it is judged
// before it is believed.
//
// While kL4ChecksumPartial is set, the checksum field means nothing here: who ends the frame's way makes it
// from the start, so address translation need not keep it right.

#include <cstdint>
#include <optional>

#include "dataplane/packet/drop_reason.h"
#include "dataplane/packet/packet.h"
#include "dataplane/packet/parse.h"

namespace hanok::dataplane {

inline constexpr std::uint8_t kLeftToDo = kL4ChecksumPartial | kSegmentLater;
// Of one large frame: 64 KiB in the smallest segments of a usual host (an MSS of 536 less options), and room.
inline constexpr unsigned kMostSegments = 256;

// Where the headers of a TCP or UDP frame are, in bytes from the frame's start.
struct HeaderPlace {
  std::uint16_t l3 = 0, l4 = 0;
  std::uint16_t payload = 0;  // behind the L4 header
  std::uint8_t protocol = 0;
  bool ipv4 = false;
};
// Reads headers only: what IP says of the datagram's length is not compared with `length`. nullopt: neither
// TCP nor UDP, a routing header (its pseudo-header has another destination), or headers that are cut.
[[nodiscard]] std::optional<HeaderPlace> find_l4(const std::uint8_t* data, unsigned length);

// May this frame, well formed otherwise, ask for what it asks? One whose segment is as long as all it carries
// is a plain one from then on.
[[nodiscard]] std::optional<DropReason> check_offload(Packet& packet, const Parsed& parsed);

// The frame, or the longest of the segments that it stands for.
[[nodiscard]] unsigned longest_frame(const Packet& packet);

// The pseudo-header's sum (RFC 9293, 3.1; RFC 8200, 8.1) for `bytes` of L4.
[[nodiscard]] std::uint64_t pseudo_sum(const std::uint8_t* data, const HeaderPlace& place, unsigned bytes);
// Bytes from the L4 header to the datagram's end, as the IP header says.
[[nodiscard]] unsigned l4_bytes(const std::uint8_t* data, const HeaderPlace& place);
// Makes the L4 checksum, whatever the field holds; the datagram is whole at `data`.
void complete_checksum(std::uint8_t* data, const HeaderPlace& place);

}  // namespace hanok::dataplane

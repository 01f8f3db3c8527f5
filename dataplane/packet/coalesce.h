#pragma once
// Segments of a TCP connection that came one after the other, as one large frame (GRO): for a guest that
// takes those, at the last step of their way. What comes of it says no more than the segments did: cut again
// to segment_bytes, it gives them back to the byte. So only these are joined: next in sequence, whole and
// right in their checksums, with the same acknowledgement, window, options and IP header; with no flag but
// ACK (and ECE, if all have it), and FIN or PSH on the last. What is not joined keeps its place in its
// connection.

#include <cstdint>

#include "dataplane/packet/offload.h"

namespace hanok::dataplane {

inline constexpr unsigned kMostCoalesced = 64;  // frames looked at together

// `joins[i]`: the frame, of those before it, to whose end the i-th is to be put; i itself where it stays a
// frame of its own. Of one that is put to another's end nothing is left but its payload. The headers, offload
// and segment_bytes of a frame that grew are changed to what it is once its followers are at its end, in
// their order; its `length` is still its own part's. Says how many frames are left. `count` is at most
// kMostCoalesced.
unsigned coalesce(Packet* const* frames, unsigned count, std::uint8_t* joins);

}  // namespace hanok::dataplane

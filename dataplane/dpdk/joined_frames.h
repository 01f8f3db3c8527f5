#pragma once
// Segments of one TCP connection as one chain of buffers, for a device that takes large frames (GRO). The
// last thing that happens to a frame: the engine sees no chains.

#include <cstdint>

#include "dataplane/dpdk/packet_pool.h"
#include "dataplane/packet/coalesce.h"

namespace hanok::dataplane::dpdk {

// Of frames that the engine gave out (frame_of), at most kMostCoalesced. `whole` gets those that are left.
std::uint16_t join(rte_mbuf* const* frames, std::uint16_t count, rte_mbuf** whole);

// Takes a chain apart, to be freed: its buffers are put at the end of the `count` places of `frames`, before
// those `placed` earlier. Says how many are there now.
std::uint16_t split(rte_mbuf* chain, rte_mbuf** frames, std::uint16_t count, std::uint16_t placed);

}  // namespace hanok::dataplane::dpdk

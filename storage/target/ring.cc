#include "storage/target/ring.h"

namespace hanok::storage::target {

std::string_view to_string(RingFault fault) {
  static constexpr std::array<std::string_view, kRingFaults> kNames = {"none",
                                                                       "misaligned",
                                                                       "queue_size",
                                                                       "avail_index_jumped",
                                                                       "head_out_of_range",
                                                                       "head_in_flight",
                                                                       "next_out_of_range",
                                                                       "chain_too_long",
                                                                       "indirect_nested",
                                                                       "indirect_size",
                                                                       "indirect_refused",
                                                                       "readable_after_writable",
                                                                       "outside_memory",
                                                                       "bad_inflight"};
  return kNames.at(static_cast<std::size_t>(fault));
}

}  // namespace hanok::storage::target

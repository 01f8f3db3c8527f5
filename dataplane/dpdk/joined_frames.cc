#include "dataplane/dpdk/joined_frames.h"

#include <algorithm>
#include <array>

namespace hanok::dataplane::dpdk {

std::uint16_t join(rte_mbuf* const* frames, std::uint16_t count, rte_mbuf** whole) {
  std::array<Packet*, kMostCoalesced> packets{};
  std::array<std::uint8_t, kMostCoalesced> joins{};
  for (unsigned i = 0; i < count; ++i) packets[i] = &packet_in(*frames[i]);
  if (coalesce(packets.data(), count, joins.data()) == count) {
    std::copy(frames, frames + count, whole);
    return count;
  }
  std::array<rte_mbuf*, kMostCoalesced> last{};
  std::uint16_t left = 0;
  for (unsigned i = 0; i < count; ++i) {
    rte_mbuf* const frame = frames[i];
    last[i] = frame;
    if (joins[i] == i) {
      whole[left++] = frame;
      continue;
    }
    rte_pktmbuf_adj(frame, static_cast<std::uint16_t>(frame->data_len - packets[i]->length));
    rte_mbuf* const head = frames[joins[i]];
    last[joins[i]]->next = frame;
    last[joins[i]] = frame;
    head->pkt_len += frame->data_len;
    if (++head->nb_segs == 2) {
      head->ol_flags &= RTE_MBUF_F_EXTERNAL;
      give_offload(*packets[joins[i]], *head);
    }
  }
  return left;
}

std::uint16_t split(rte_mbuf* chain, rte_mbuf** frames, std::uint16_t count, std::uint16_t placed) {
  while (chain != nullptr) {
    rte_mbuf* const next = chain->next;
    chain->next = nullptr;
    chain->nb_segs = 1;
    chain->pkt_len = chain->data_len;
    frames[count - 1U - placed++] = chain;
    chain = next;
  }
  return placed;
}

}  // namespace hanok::dataplane::dpdk

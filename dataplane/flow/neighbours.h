#pragma once
// What ARP has told the routers and the VTEP: addresses on networks whose stations the tables do not know,
// and other hosts' VTEPs. Bounded; entries age and are asked for again while they are used.

#include <unordered_map>
#include <vector>

#include "dataplane/packet/packet.h"
#include "dataplane/stages/context.h"

namespace hanok::dataplane {

// By which device and under what a frame came in: the frame itself has lost its tag and outer header.
struct Arrival {
  DeviceIndex device = kNoDevice;
  bool tagged = false;
  std::uint16_t vlan = 0;
  std::optional<Vxlan> vxlan;
};

// Type << 24 | VNI or VLAN id; 0 from a port or untagged.
[[nodiscard]] inline std::uint32_t segment_of(const Arrival& arrival) {
  if (arrival.vxlan) return static_cast<std::uint32_t>(SegmentType::kVxlan) << 24U | arrival.vxlan->vni;
  return arrival.tagged ? static_cast<std::uint32_t>(SegmentType::kVlan) << 24U | arrival.vlan : 0;
}

class Neighbours final : public NeighbourView {
 public:
  static constexpr std::size_t kEntries = 4096, kQueued = 8, kQueuedInAll = 512;
  static constexpr std::uint64_t kFreshUs = 60'000'000, kStaleUs = 180'000'000, kRetryUs = 1'000'000;
  static constexpr unsigned kTries = 3;

  // A frame that waits. `encapsulation` kNoSlot: it begins again as it arrived; else it goes out under that
  // header.
  struct Waiting {
    Packet* packet;
    Arrival arrival;
    std::uint32_t encapsulation;
  };

  [[nodiscard]] std::optional<Mac> mac_of(Handle network, const Ip& ip) const override;

  // True: an ARP request is to be sent now. Makes the entry; false when there is no room or one is under way.
  [[nodiscard]] bool ask(const Awaited& awaited, std::uint64_t now_us);
  // Keeps the packet until the address is known. False: the queue is full (the caller drops).
  [[nodiscard]] bool wait(Handle network, const Ip& ip, const Waiting& waiting);
  enum class Change { kIgnored, kRefreshed, kNew, kMoved };
  // `only_known`: makes no new entry. Packets that waited are appended to `ready`.
  Change learn(Handle network, const Ip& ip, const Mac& mac, bool only_known, std::uint64_t now_us,
               std::vector<Waiting>& ready);
  // Once a second: who to ask again goes to `ask_again`; packets that waited in vain to `given_up`. True: an
  // address that was known is forgotten.
  bool age(std::uint64_t now_us, std::vector<Awaited>& ask_again, std::vector<Waiting>& given_up);
  void clear(std::vector<Waiting>& given_up);

 private:
  struct Entry {
    Awaited awaited;
    std::optional<Mac> mac;
    std::uint64_t learned_us = 0, asked_us = 0;
    unsigned tries = 0;
    std::vector<Waiting> queue;
  };
  struct Hash {
    std::size_t operator()(const NetworkIp& key) const { return KeyHash{}(key); }
  };
  std::unordered_map<NetworkIp, Entry, Hash> entries_;
  std::size_t queued_ = 0;
};

}  // namespace hanok::dataplane

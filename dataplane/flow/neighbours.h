#pragma once
// What ARP has told the routers and the VTEP: addresses on networks whose stations the tables do not know,
// and other hosts' VTEPs. Bounded; entries age and are asked for again while they are used.

#include <atomic>
#include <map>
#include <mutex>
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

// What is known of each, for all workers: only their slow paths look here, so a lock is enough. Whoever keeps
// something that was made of it looks at the version, and again at the table where that has moved.
class NeighbourTable {
 public:
  static constexpr std::size_t kEntries = 4096;
  static constexpr std::uint64_t kFreshUs = 60'000'000, kStaleUs = 180'000'000, kRetryUs = 1'000'000;
  static constexpr unsigned kTries = 3;

  // How often each has happened.
  struct News {
    std::uint64_t underlay = 0;   // the address of a VTEP learned, or another one
    std::uint64_t moved = 0;      // of any other station: another one
    std::uint64_t forgotten = 0;  // one that was known has not answered any more
  };
  struct Known {
    bool asked = false;  // there is an entry
    std::optional<Mac> mac;
  };

  [[nodiscard]] Known find(Handle network, const Ip& ip) const;
  // True: an ARP request is to be sent now. Makes the entry; false when there is no room or one is under way.
  [[nodiscard]] bool ask(const Awaited& awaited, std::uint64_t now_us);
  // `only_known`: makes no new entry.
  void learn(Handle network, const Ip& ip, const Mac& mac, bool only_known, std::uint64_t now_us);
  // Once a second, by one of the workers: who to ask again goes to `ask_again`.
  void age(std::uint64_t now_us, std::vector<Awaited>& ask_again);
  void clear();

  // Moves with everything that someone may wait for or have kept.
  [[nodiscard]] std::uint64_t version() const { return version_.load(std::memory_order_acquire); }
  [[nodiscard]] News news() const;

 private:
  struct Entry {
    Awaited awaited;
    std::optional<Mac> mac;
    std::uint64_t learned_us = 0, asked_us = 0;
    unsigned tries = 0;
  };
  struct Hash {
    std::size_t operator()(const NetworkIp& key) const { return KeyHash{}(key); }
  };
  void changed() { version_.fetch_add(1, std::memory_order_release); }

  mutable std::mutex mutex_;
  std::unordered_map<NetworkIp, Entry, Hash> entries_;
  News news_;
  std::atomic<std::uint64_t> version_{1};
};

// One worker's view of the table, and the frames that wait for it.
class Neighbours final : public NeighbourView {
 public:
  static constexpr std::size_t kQueued = 8, kQueuedInAll = 512;

  // A frame that waits. `encapsulation` kNoSlot: it begins again as it arrived; else it goes out under that
  // header.
  struct Waiting {
    Packet* packet;
    Arrival arrival;
    std::uint32_t encapsulation;
  };

  // `most`: frames that wait here in all.
  Neighbours(NeighbourTable& table, std::size_t most) : table_(table), most_(most) {}

  [[nodiscard]] std::optional<Mac> mac_of(Handle network, const Ip& ip) const override {
    return table_.find(network, ip).mac;
  }
  // Keeps the packet until the address is known. False: it was not asked for, or the queue is full (the
  // caller drops).
  [[nodiscard]] bool wait(Handle network, const Ip& ip, const Waiting& waiting);

  // True: something has changed since catch_up().
  [[nodiscard]] bool behind() const { return table_.version() != seen_version_; }
  struct Changes {
    bool underlay = false, moved = false, forgotten = false;  // see NeighbourTable::News
  };
  // Packets whose address is known by now are appended to `ready`, those that waited in vain to `given_up`.
  Changes catch_up(std::vector<Waiting>& ready, std::vector<Waiting>& given_up);
  // All that wait, for when the table is cleared.
  void give_up_all(std::vector<Waiting>& given_up);

 private:
  NeighbourTable& table_;
  std::size_t most_;
  std::map<NetworkIp, std::vector<Waiting>> queues_;
  std::size_t queued_ = 0;
  std::uint64_t seen_version_ = 0;
  NeighbourTable::News seen_;
};

}  // namespace hanok::dataplane

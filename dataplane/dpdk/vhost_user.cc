// The vhost-user back end: rte_vhost does the protocol on threads of its own, the worker moves the frames.

#include <fmt/format.h>
#include <rte_mbuf.h>
#include <rte_pause.h>
#include <rte_vhost.h>

#include <array>
#include <atomic>
#include <bit>
#include <climits>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "common/log.h"
#include "dataplane/dpdk/device.h"
#include "dataplane/dpdk/joined_frames.h"
#include "dataplane/flow/counters.h"

namespace hanok::dataplane::dpdk {
namespace {

constexpr unsigned kMostPairs = 64;

// Virtqueue numbers of a pair, as the guest counts (virtio 1.2, 5.1.2).
constexpr std::uint16_t guest_receives(unsigned pair) {
  return static_cast<std::uint16_t>(2 * pair);
}
constexpr std::uint16_t guest_transmits(unsigned pair) {
  return static_cast<std::uint16_t>(2 * pair + 1);
}

constexpr std::uint64_t bit(unsigned number) {
  return 1ULL << number;
}
// Feature bits of virtio 1.2, 5.1.3 and 6.
constexpr std::uint64_t kGuestChecksum = bit(1), kGuestTso4 = bit(7), kGuestTso6 = bit(8);
// UDP is not cut here, a congestion mark would not survive the library, we do not hear of what a guest
// changes later, and the ring layouts are not used.
constexpr std::uint64_t kNotOffered = bit(2) /* CTRL_GUEST_OFFLOADS */ | bit(6) /* GSO */ | bit(9) |
                                      bit(10) /* GUEST_ECN, UFO */ | bit(13) | bit(14) /* HOST_ECN, UFO */ |
                                      bit(34) /* RING_PACKED */ | bit(35) /* IN_ORDER */;

std::uint8_t accepted_with(std::uint64_t features) {
  if ((features & kGuestChecksum) == 0) return 0;
  constexpr std::uint64_t kTso = kGuestTso4 | kGuestTso6;
  return (features & kTso) == kTso ? kL4ChecksumPartial | kSegmentLater : kL4ChecksumPartial;
}

class VhostUser final : public Device {
 public:
  VhostUser(std::string path, rte_mempool* pool, unsigned workers)
      : path_(std::move(path)), pool_(pool), receivers_(workers), transmitters_(workers) {}
  ~VhostUser() override;

  // Queue q: the guest's pairs q, q + workers, ... that it has enabled, each first in its turn.
  std::uint16_t receive(unsigned queue, rte_mbuf** frames, std::uint16_t count) override {
    Receiver& side = receivers_[queue];
    return with_guest(side, [&](int vid) {
      const auto workers = static_cast<unsigned>(receivers_.size());
      const std::uint64_t enabled = transmitting_.load(std::memory_order_relaxed);
      const unsigned turns =
          (kMostPairs - static_cast<unsigned>(std::countl_zero(enabled)) + workers - 1) / workers;
      if (const unsigned connection = connection_.load(); connection != side.seen_connection) {
        side.seen_connection = connection;
        for (unsigned pair = queue; pair < kMostPairs; pair += workers)
          side.taken[pair] = taken_of(vid, pair);
      }
      std::uint16_t all = 0;
      for (unsigned i = 0; i < turns && all < count; ++i) {
        const unsigned pair = queue + (side.turn + i) % turns * workers;
        if (pair < kMostPairs && (enabled & bit(pair)) != 0)
          all = static_cast<std::uint16_t>(
              all + receive_pair(vid, pair, side, frames + all, static_cast<std::uint16_t>(count - all)));
      }
      ++side.turn;
      return all;
    });
  }

  // By a pair that the guest has enabled. rte_vhost copies: the frames that it took are freed here.
  std::uint16_t transmit(unsigned queue, rte_mbuf** frames, std::uint16_t count) override {
    Transmitter& side = transmitters_[queue];
    return with_guest(side, [&](int vid) {
      const auto pair = pair_for(queue);
      if (!pair) return std::uint16_t{0};
      const std::uint8_t accepted = accepts_.load();
      // Another guest's since the engine asked: what it does not take is refused.
      std::uint16_t fitting = 0;
      while (fitting < count && (packet_in(*frames[fitting]).offload & ~accepted) == 0) ++fitting;
      if ((accepted & kSegmentLater) != 0 && fitting > 1)
        return transmit_joined(vid, *pair, side, frames, fitting);
      const std::uint16_t sent = rte_vhost_enqueue_burst(vid, guest_receives(*pair), frames, fitting);
      rte_pktmbuf_free_bulk(frames, sent);
      return sent;
    });
  }

  [[nodiscard]] unsigned receive_queues() const override { return static_cast<unsigned>(receivers_.size()); }
  [[nodiscard]] unsigned transmit_queues() const override {
    return static_cast<unsigned>(transmitters_.size());
  }

  [[nodiscard]] std::uint8_t accepts() const override { return accepts_.load(std::memory_order_relaxed); }
  [[nodiscard]] DeviceStatistics statistics() const override {
    DeviceStatistics out;
    for (const Receiver& side : receivers_) out.rx_refused += side.refused.read();
    for (const Transmitter& side : transmitters_) out.tx_coalesced += side.coalesced.read();
    return out;
  }

  [[nodiscard]] bool link_up() const override { return vid_.load() >= 0; }

  // The library's thread: the guest's rings are ready.
  void connect(int vid) {
    // We poll: the guest need not kick.
    const std::uint16_t rings = rte_vhost_get_vring_num(vid);
    for (std::uint16_t ring = 0; ring < rings; ++ring) {
      rte_vhost_enable_guest_notification(vid, ring, 0);
      if (ring % 2 != 0) enable(ring, true);  // a ring that is not enabled gives nothing
    }
    std::uint64_t features = 0;
    rte_vhost_get_negotiated_features(vid, &features);
    accepts_.store(accepted_with(features));
    connection_.fetch_add(1);
    vid_.store(vid);
    spdlog::info("vhost-user {}: guest connected, features {:#x}", path_, features);
  }

  // The library's thread: the socket is closed.
  void forget_rings() {
    receiving_.store(0);
    transmitting_.store(0);
  }

  // The library's thread, also before the guest is connected.
  void enable(std::uint16_t ring, bool enabled) {
    const unsigned pair = ring / 2U;
    if (pair >= kMostPairs) return;
    std::atomic<std::uint64_t>& pairs = ring % 2 == 0 ? receiving_ : transmitting_;
    if (enabled) {
      pairs.fetch_or(bit(pair));
    } else {
      pairs.fetch_and(~bit(pair));
    }
  }

  // The library's thread: when this returns, the rings are unmapped.
  void disconnect() {
    if (vid_.exchange(-1) < 0) return;
    const auto wait_for = [](const Side& side) {
      while (side.in_use.load()) rte_pause();
    };
    for (const Side& side : receivers_) wait_for(side);
    for (const Side& side : transmitters_) wait_for(side);
    spdlog::info("vhost-user {}: guest gone", path_);
  }

  [[nodiscard]] Status start();

 private:
  // Of one worker each.
  struct alignas(64) Side {
    std::atomic<bool> in_use{false};
  };
  struct Receiver : Side {
    unsigned turn = 0;
    unsigned seen_connection = 0;
    std::array<std::uint16_t, kMostPairs> taken{};  // see taken_of
    Counter refused;
  };
  struct Transmitter : Side {
    Counter coalesced;
  };

  // Sequential consistency makes this a handshake with disconnect(): either it sees us at work and waits, or
  // we see that the guest has gone.
  template <typename Work>
  std::uint16_t with_guest(Side& side, Work&& work) {
    if (vid_.load(std::memory_order_relaxed) < 0) return 0;
    side.in_use.store(true);
    const int vid = vid_.load();
    const std::uint16_t done = vid >= 0 ? work(vid) : std::uint16_t{0};
    side.in_use.store(false, std::memory_order_release);
    return done;
  }

  std::uint16_t receive_pair(int vid, unsigned pair, Receiver& side, rte_mbuf** frames, std::uint16_t count);
  // Where a worker's queue leads to; none while the guest has enabled no pair.
  [[nodiscard]] std::optional<unsigned> pair_for(unsigned queue) const;
  // How many descriptor chains of the guest's the library has taken, modulo 2^16.
  [[nodiscard]] static std::uint16_t taken_of(int vid, unsigned pair) {
    std::uint16_t available = 0, used = 0;
    if (guest_transmits(pair) < rte_vhost_get_vring_num(vid))
      rte_vhost_get_vring_base(vid, guest_transmits(pair), &available, &used);
    return available;
  }
  static std::uint16_t transmit_joined(int vid, unsigned pair, Transmitter& side, rte_mbuf** frames,
                                       std::uint16_t count);

  std::string path_;
  rte_mempool* pool_;
  bool registered_ = false;
  std::atomic<int> vid_{-1};
  std::atomic<std::uint8_t> accepts_{0};
  std::atomic<unsigned> connection_{0};                        // counts them
  std::atomic<std::uint64_t> receiving_{0}, transmitting_{0};  // a bit for each pair; as the guest sees it
  std::vector<Receiver> receivers_;
  std::vector<Transmitter> transmitters_;
};

std::uint16_t VhostUser::receive_pair(int vid, unsigned pair, Receiver& side, rte_mbuf** frames,
                                      std::uint16_t count) {
  const std::uint16_t received = rte_vhost_dequeue_burst(vid, guest_transmits(pair), pool_, frames, count);
  std::uint16_t& known = side.taken[pair];
  known = static_cast<std::uint16_t>(known + received);
  if (received == count) return received;
  // What the library takes without giving us a frame it has refused, and says so to nobody. Less than
  // nothing: it made a frame itself (the RARP of a guest that moved here).
  const std::uint16_t taken = taken_of(vid, pair);
  const auto refused = static_cast<std::int16_t>(taken - known);
  if (refused > 0) side.refused.add(static_cast<std::uint64_t>(refused));
  known = taken;
  return received;
}

std::optional<unsigned> VhostUser::pair_for(unsigned queue) const {
  std::uint64_t enabled = receiving_.load(std::memory_order_relaxed);
  if (enabled == 0) return std::nullopt;
  for (unsigned skip = queue % static_cast<unsigned>(std::popcount(enabled)); skip > 0; --skip)
    enabled &= enabled - 1;
  return static_cast<unsigned>(std::countr_zero(enabled));
}

// Segments of one connection go as one frame, a chain of their buffers. Of what the guest has no room for,
// the chains are undone: it stays the caller's as it was counted.
std::uint16_t VhostUser::transmit_joined(int vid, unsigned pair, Transmitter& side, rte_mbuf** frames,
                                         std::uint16_t count) {
  std::array<rte_mbuf*, kMostCoalesced> whole;
  const std::uint16_t left = join(frames, count, whole.data());
  const std::uint16_t sent = rte_vhost_enqueue_burst(vid, guest_receives(pair), whole.data(), left);
  std::uint16_t unsent = 0;
  for (std::uint16_t i = left; i-- > sent;) unsent = split(whole[i], frames, count, unsent);
  const auto done = static_cast<std::uint16_t>(count - unsent);
  side.coalesced.add(done - sent);
  rte_pktmbuf_free_bulk(whole.data(), sent);
  return done;
}

// rte_vhost's callbacks carry no context, only a number from which the path can be asked.
std::mutex sockets_mutex;
std::map<std::string, VhostUser*> sockets;

template <typename Work>
int with_socket_of(int vid, Work&& work) {
  std::array<char, PATH_MAX> path{};
  if (rte_vhost_get_ifname(vid, path.data(), path.size()) != 0) return -1;
  const std::lock_guard<std::mutex> guard(sockets_mutex);
  const auto found = sockets.find(path.data());
  if (found == sockets.end()) return -1;
  work(*found->second);
  return 0;
}

int on_new_device(int vid) {
  return with_socket_of(vid, [&](VhostUser& port) { port.connect(vid); });
}

void on_destroy_device(int vid) {
  with_socket_of(vid, [](VhostUser& port) { port.disconnect(); });
}

void on_destroy_connection(int vid) {
  with_socket_of(vid, [](VhostUser& port) { port.forget_rings(); });
}

int on_vring_state(int vid, std::uint16_t ring, int enabled) {
  return with_socket_of(vid, [&](VhostUser& port) { port.enable(ring, enabled != 0); });
}

rte_vhost_device_ops device_operations() {
  rte_vhost_device_ops operations{};
  operations.new_device = on_new_device;
  operations.destroy_device = on_destroy_device;
  operations.destroy_connection = on_destroy_connection;
  operations.vring_state_changed = on_vring_state;
  return operations;
}

// The library keeps the pointer.
const rte_vhost_device_ops kOperations = device_operations();

Status VhostUser::start() {
  {
    const std::lock_guard<std::mutex> guard(sockets_mutex);
    if (!sockets.emplace(path_, this).second) {
      return bad_request(fmt::format("vhost-user {}: the socket is in use by another port", path_));
    }
  }
  registered_ = true;
  const char* path = path_.c_str();
  // Compliant flags: without them the library would reinterpret frames that ask for checksum work.
  const std::uint64_t flags = RTE_VHOST_USER_CLIENT | RTE_VHOST_USER_LINEARBUF_SUPPORT |
                              RTE_VHOST_USER_EXTBUF_SUPPORT | RTE_VHOST_USER_NET_COMPLIANT_OL_FLAGS;
  if (rte_vhost_driver_register(path, flags) != 0 ||
      rte_vhost_driver_disable_features(path, kNotOffered) != 0 ||
      rte_vhost_driver_callback_register(path, &kOperations) != 0 || rte_vhost_driver_start(path) != 0) {
    return unavailable(fmt::format("vhost-user {}: cannot be registered", path_));
  }
  return {};
}

VhostUser::~VhostUser() {
  if (!registered_) return;
  rte_vhost_driver_unregister(path_.c_str());  // runs on_destroy_device
  const std::lock_guard<std::mutex> guard(sockets_mutex);
  sockets.erase(path_);
}

}  // namespace

Result<std::unique_ptr<Device>> open_vhost_user(const std::string& socket_path, rte_mempool* pool,
                                                unsigned workers) {
  auto opened = std::make_unique<VhostUser>(socket_path, pool, workers);
  HANOK_CHECK(opened->start());
  return std::unique_ptr<Device>(std::move(opened));
}

}  // namespace hanok::dataplane::dpdk

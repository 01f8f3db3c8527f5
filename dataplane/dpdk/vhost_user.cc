// The vhost-user back end: rte_vhost does the protocol on threads of its own, the worker moves the frames.

#include <fmt/format.h>
#include <rte_mbuf.h>
#include <rte_pause.h>
#include <rte_vhost.h>

#include <array>
#include <atomic>
#include <climits>
#include <map>
#include <mutex>

#include "common/log.h"
#include "dataplane/dpdk/device.h"
#include "dataplane/dpdk/joined_frames.h"
#include "dataplane/flow/counters.h"

namespace hanok::dataplane::dpdk {
namespace {

constexpr std::uint16_t kGuestReceives = 0;  // virtqueue numbers, as the guest counts (virtio 1.2, 5.1.2)
constexpr std::uint16_t kGuestTransmits = 1;

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
  VhostUser(std::string path, rte_mempool* pool) : path_(std::move(path)), pool_(pool) {}
  ~VhostUser() override;

  std::uint16_t receive(rte_mbuf** frames, std::uint16_t count) override {
    return with_guest([&](int vid) {
      if (const unsigned connection = connection_.load(); connection != seen_connection_) {
        seen_connection_ = connection;
        taken_ = taken_of(vid);
      }
      const std::uint16_t received = rte_vhost_dequeue_burst(vid, kGuestTransmits, pool_, frames, count);
      taken_ = static_cast<std::uint16_t>(taken_ + received);
      if (received < count) count_refused(vid);
      return received;
    });
  }

  // rte_vhost copies: the frames that it took are freed here.
  std::uint16_t transmit(rte_mbuf** frames, std::uint16_t count) override {
    return with_guest([&](int vid) {
      const std::uint8_t accepted = accepts_.load();
      // Another guest's since the engine asked: what it does not take is refused.
      std::uint16_t fitting = 0;
      while (fitting < count && (packet_in(*frames[fitting]).offload & ~accepted) == 0) ++fitting;
      if ((accepted & kSegmentLater) != 0 && fitting > 1) return transmit_joined(vid, frames, fitting);
      const std::uint16_t sent = rte_vhost_enqueue_burst(vid, kGuestReceives, frames, fitting);
      rte_pktmbuf_free_bulk(frames, sent);
      return sent;
    });
  }

  [[nodiscard]] std::uint8_t accepts() const override { return accepts_.load(std::memory_order_relaxed); }
  [[nodiscard]] DeviceStatistics statistics() const override {
    DeviceStatistics out;
    out.rx_refused = refused_.read();
    out.tx_coalesced = coalesced_.read();
    return out;
  }

  [[nodiscard]] bool link_up() const override { return vid_.load() >= 0; }

  // The library's thread: the guest's rings are ready.
  void connect(int vid) {
    // We poll: the guest need not kick.
    rte_vhost_enable_guest_notification(vid, kGuestReceives, 0);
    rte_vhost_enable_guest_notification(vid, kGuestTransmits, 0);
    std::uint64_t features = 0;
    rte_vhost_get_negotiated_features(vid, &features);
    accepts_.store(accepted_with(features));
    connection_.fetch_add(1);
    vid_.store(vid);
    spdlog::info("vhost-user {}: guest connected, features {:#x}", path_, features);
  }

  // The library's thread: when this returns, the rings are unmapped.
  void disconnect() {
    if (vid_.exchange(-1) < 0) return;
    while (in_use_.load()) rte_pause();
    spdlog::info("vhost-user {}: guest gone", path_);
  }

  [[nodiscard]] Status start();

 private:
  // Sequential consistency makes this a handshake with disconnect(): either it sees us at work and waits, or
  // we see that the guest has gone.
  template <typename Work>
  std::uint16_t with_guest(Work&& work) {
    if (vid_.load(std::memory_order_relaxed) < 0) return 0;
    in_use_.store(true);
    const int vid = vid_.load();
    const std::uint16_t done = vid >= 0 ? work(vid) : std::uint16_t{0};
    in_use_.store(false, std::memory_order_release);
    return done;
  }

  // How many descriptor chains of the guest's the library has taken, modulo 2^16.
  [[nodiscard]] static std::uint16_t taken_of(int vid) {
    std::uint16_t available = 0, used = 0;
    rte_vhost_get_vring_base(vid, kGuestTransmits, &available, &used);
    return available;
  }
  // What it takes without giving us a frame it has refused, and says so to nobody.
  void count_refused(int vid) {
    const std::uint16_t taken = taken_of(vid);
    // Less than nothing: the library made a frame itself (the RARP of a guest that moved here).
    const auto refused = static_cast<std::int16_t>(taken - taken_);
    if (refused > 0) refused_.add(static_cast<std::uint64_t>(refused));
    taken_ = taken;
  }
  std::uint16_t transmit_joined(int vid, rte_mbuf** frames, std::uint16_t count);

  std::string path_;
  rte_mempool* pool_;
  bool registered_ = false;
  std::atomic<int> vid_{-1};
  std::atomic<std::uint8_t> accepts_{0};
  std::atomic<unsigned> connection_{0};  // counts them
  Counter refused_, coalesced_;
  unsigned seen_connection_ = 0;  // the worker's own, as what follows
  std::uint16_t taken_ = 0;
  std::atomic<bool> in_use_{false};
};

// Segments of one connection go as one frame, a chain of their buffers. Of what the guest has no room for,
// the chains are undone: it stays the caller's as it was counted.
std::uint16_t VhostUser::transmit_joined(int vid, rte_mbuf** frames, std::uint16_t count) {
  std::array<rte_mbuf*, kMostCoalesced> whole;
  const std::uint16_t left = join(frames, count, whole.data());
  const std::uint16_t sent = rte_vhost_enqueue_burst(vid, kGuestReceives, whole.data(), left);
  std::uint16_t unsent = 0;
  for (std::uint16_t i = left; i-- > sent;) unsent = split(whole[i], frames, count, unsent);
  const auto done = static_cast<std::uint16_t>(count - unsent);
  coalesced_.add(done - sent);
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

rte_vhost_device_ops device_operations() {
  rte_vhost_device_ops operations{};
  operations.new_device = on_new_device;
  operations.destroy_device = on_destroy_device;
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

Result<std::unique_ptr<Device>> open_vhost_user(const std::string& socket_path, rte_mempool* pool) {
  auto opened = std::make_unique<VhostUser>(socket_path, pool);
  HANOK_CHECK(opened->start());
  return std::unique_ptr<Device>(std::move(opened));
}

}  // namespace hanok::dataplane::dpdk

#pragma once
// A packet device as the workers see it. Two kinds: any DPDK ethdev (by device string) and a vhost-user
// socket. A queue is used by one worker at a time.

#include <cstdint>
#include <memory>
#include <string>

#include "common/result.h"

struct rte_mbuf;
struct rte_mempool;

namespace hanok::dataplane::dpdk {

// What the device itself lost or saw; read by the control thread while the worker runs.
struct DeviceStatistics {
  std::uint64_t rx_missed = 0;
  std::uint64_t rx_errors = 0;
  std::uint64_t rx_no_buffer = 0;
  std::uint64_t rx_refused =
      0;  // by vhost-user: too large, no room for a large one, descriptors that are wrong
  std::uint64_t tx_coalesced = 0;  // frames that went to a guest at the end of another
};

class Device {
 public:
  virtual ~Device() = default;
  Device() = default;
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  // Worker only. At most `count` frames; the caller owns what it gets. Each is in one segment.
  virtual std::uint16_t receive(unsigned queue, rte_mbuf** frames, std::uint16_t count) = 0;
  // Worker only. Takes the first N frames and says N; the rest stays the caller's.
  virtual std::uint16_t transmit(unsigned queue, rte_mbuf** frames, std::uint16_t count) = 0;

  // At most as many as there are workers; at least one.
  [[nodiscard]] virtual unsigned receive_queues() const { return 1; }
  [[nodiscard]] virtual unsigned transmit_queues() const { return 1; }

  // Any thread. Bits of Packet::offload that frames to it may have.
  [[nodiscard]] virtual std::uint8_t accepts() const { return 0; }
  [[nodiscard]] virtual bool link_up() const = 0;
  [[nodiscard]] virtual DeviceStatistics statistics() const { return {}; }
  // The device's own Ethernet address, 6 bytes; all zero for a vhost-user socket (the guest has it).
  [[nodiscard]] virtual std::uint64_t mac() const { return 0; }
};

// Control thread. `device` is a PCI address or a vdev with its arguments ("net_af_packet0,iface=veth0"); it
// is plugged in, configured with a queue pair for each worker, as far as it has so many, and started.
// Destroying the result unplugs it: the workers must have let go of it. kBadRequest names the device and what
// DPDK said.
[[nodiscard]] Result<std::unique_ptr<Device>> open_ethdev(const std::string& device, rte_mempool* pool,
                                                          unsigned workers);

// Control thread. Vhost-user front end is QEMU (the socket's server); we connect, and again whenever the
// connection is lost or not there yet, so this succeeds before the guest exists. The guest's queue pairs, up
// to 64, are spread over one queue for each worker. Split rings, mergeable
// receive buffers; L4 checksums and TCP segmentation both ways (virtio 1.2, 5.1: CSUM, HOST_TSO4 and 6,
// GUEST_CSUM, GUEST_TSO4 and 6). A frame of more than a buffer, up to 65,383 bytes, comes in a buffer of its
// own from DPDK's heap, until it is sent on. To a guest that takes large frames, the segments of a burst go
// joined.
[[nodiscard]] Result<std::unique_ptr<Device>> open_vhost_user(const std::string& socket_path,
                                                              rte_mempool* pool, unsigned workers);

}  // namespace hanok::dataplane::dpdk

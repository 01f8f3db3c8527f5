#include <fmt/format.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <cstring>

#include "common/log.h"
#include "dataplane/dpdk/device.h"

namespace hanok::dataplane::dpdk {
namespace {

constexpr std::uint16_t kRingSize = 1024;

class Ethdev final : public Device {
 public:
  Ethdev(std::string name, std::uint16_t port_id) : name_(std::move(name)), port_id_(port_id) {}

  ~Ethdev() override {
    rte_device* device = nullptr;
    rte_eth_dev_info info{};
    if (rte_eth_dev_info_get(port_id_, &info) == 0) device = info.device;
    rte_eth_dev_stop(port_id_);
    rte_eth_dev_close(port_id_);
    if (device != nullptr && rte_dev_remove(device) != 0) {
      spdlog::warn("device {}: not unplugged: {}", name_, rte_strerror(rte_errno));
    }
  }

  std::uint16_t receive(unsigned queue, rte_mbuf** frames, std::uint16_t count) override {
    return rte_eth_rx_burst(port_id_, static_cast<std::uint16_t>(queue), frames, count);
  }

  std::uint16_t transmit(unsigned queue, rte_mbuf** frames, std::uint16_t count) override {
    return rte_eth_tx_burst(port_id_, static_cast<std::uint16_t>(queue), frames, count);
  }

  [[nodiscard]] unsigned receive_queues() const override { return receive_queues_; }
  [[nodiscard]] unsigned transmit_queues() const override { return transmit_queues_; }

  [[nodiscard]] bool link_up() const override {
    rte_eth_link link{};
    return rte_eth_link_get_nowait(port_id_, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
  }

  [[nodiscard]] DeviceStatistics statistics() const override {
    rte_eth_stats stats{};
    if (rte_eth_stats_get(port_id_, &stats) != 0) return {};
    return {stats.imissed, stats.ierrors, stats.rx_nombuf};
  }

  [[nodiscard]] std::uint64_t mac() const override {
    rte_ether_addr address{};
    if (rte_eth_macaddr_get(port_id_, &address) != 0) return 0;
    std::uint64_t out = 0;
    for (const std::uint8_t byte : address.addr_bytes) out = out << 8U | byte;
    return out;
  }

  [[nodiscard]] Status configure(rte_mempool* pool, unsigned workers) {
    rte_eth_dev_info info{};
    if (const int code = rte_eth_dev_info_get(port_id_, &info); code != 0)
      return failed("is not there", code);
    receive_queues_ = std::clamp<unsigned>(info.max_rx_queues, 1, workers);
    transmit_queues_ = std::clamp<unsigned>(info.max_tx_queues, 1, workers);
    rte_eth_conf conf{};  // no offloads: checksums are made and checked in software
    if (receive_queues_ > 1) spread(info, conf);
    if (const int code = rte_eth_dev_configure(port_id_, static_cast<std::uint16_t>(receive_queues_),
                                               static_cast<std::uint16_t>(transmit_queues_), &conf);
        code != 0) {
      return failed("cannot be configured", code);
    }
    HANOK_CHECK(set_up_queues(pool));
    if (const int code = rte_eth_dev_start(port_id_); code != 0) return failed("does not start", code);
    // Guests' and routers' addresses are not the device's own. Some virtual devices know no filter: all
    // passes.
    if (const int code = rte_eth_promiscuous_enable(port_id_); code != 0 && code != -ENOTSUP) {
      return failed("cannot be made promiscuous", code);
    }
    return {};
  }

 private:
  // Flows over its queues by a hash that the device chooses; one flow stays in one queue.
  static void spread(const rte_eth_dev_info& info, rte_eth_conf& conf) {
    constexpr std::uint64_t kWanted = RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP;
    const std::uint64_t hashes = info.flow_type_rss_offloads & kWanted;
    if (hashes == 0) return;
    conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    conf.rx_adv_conf.rss_conf.rss_hf = hashes;
  }

  [[nodiscard]] Status set_up_queues(rte_mempool* pool) const {
    std::uint16_t rx_ring = kRingSize;
    std::uint16_t tx_ring = kRingSize;
    if (const int code = rte_eth_dev_adjust_nb_rx_tx_desc(port_id_, &rx_ring, &tx_ring); code != 0) {
      return failed("takes no ring size", code);
    }
    const auto socket = static_cast<unsigned>(rte_eth_dev_socket_id(port_id_));
    for (std::uint16_t queue = 0; queue < receive_queues_; ++queue) {
      const int code = rte_eth_rx_queue_setup(port_id_, queue, rx_ring, socket, nullptr, pool);
      if (code != 0) return failed("has no receive queue", code);
    }
    for (std::uint16_t queue = 0; queue < transmit_queues_; ++queue) {
      const int code = rte_eth_tx_queue_setup(port_id_, queue, tx_ring, socket, nullptr);
      if (code != 0) return failed("has no transmit queue", code);
    }
    return {};
  }

  [[nodiscard]] Error failed(const char* what, int code) const {
    return bad_request(fmt::format("device {} {}: {}", name_, what, rte_strerror(-code)));
  }

  std::string name_;
  std::uint16_t port_id_;
  unsigned receive_queues_ = 1, transmit_queues_ = 1;
};

}  // namespace

Result<std::unique_ptr<Device>> open_ethdev(const std::string& device, rte_mempool* pool, unsigned workers) {
  // The port has its device's name, the string's first part.
  const std::string name = device.substr(0, device.find(','));
  std::uint16_t port_id = 0;
  if (rte_eth_dev_get_port_by_name(name.c_str(), &port_id) == 0) {
    return bad_request(fmt::format("device {} is in use", name));
  }
  if (const int code = rte_dev_probe(device.c_str()); code != 0) {
    return bad_request(fmt::format("device {} cannot be opened: {}", device, rte_strerror(-code)));
  }
  if (const int code = rte_eth_dev_get_port_by_name(name.c_str(), &port_id); code != 0) {
    return bad_request(fmt::format("device {} has no port: {}", device, rte_strerror(-code)));
  }
  auto opened = std::make_unique<Ethdev>(name, port_id);
  HANOK_CHECK(opened->configure(pool, workers));
  return std::unique_ptr<Device>(std::move(opened));
}

}  // namespace hanok::dataplane::dpdk

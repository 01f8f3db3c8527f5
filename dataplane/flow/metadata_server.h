#pragma once
// The metadata service's TCP (RFC 9293): a server of one small request and one answer per connection, for the
// guests of this host. It waits for nothing: it is given segments, and gives segments to send. What it leaves
// out is what such an exchange does not need: no window scaling, no selective acknowledgements, no Nagle;
// what is lost is sent again from the first byte that was not acknowledged. Worker's thread only.

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "dataplane/flow/shared_quota.h"
#include "dataplane/packet/parse.h"
#include "dataplane/tables/tables_data.h"

namespace hanok::dataplane {

class MetadataServer {
 public:
  static constexpr std::size_t kMostConnections = 1024;  // of all guests
  static constexpr std::size_t kMostPerPort = 32;
  static constexpr std::uint64_t kIdleUs = 10'000'000;  // then a connection is forgotten

  struct Frame {
    DeviceIndex device = kNoDevice;
    std::vector<std::uint8_t> bytes;
  };
  using Frames = std::vector<Frame>;

  // `most`: connections here; `seats`: those of each port, at all workers.
  MetadataServer(std::uint64_t seed, std::size_t most, SharedQuota& seats)
      : seed_(seed), most_(most), seats_(seats) {}

  // A TCP segment of `port`'s guest for the service; `parsed` is the whole frame's. Appends what goes back.
  [[nodiscard]] std::optional<DropReason> receive(const std::uint8_t* frame, const Parsed& parsed,
                                                  const Port& port, std::uint32_t mtu, std::uint64_t now_us,
                                                  Frames& out);
  // What was lost is sent again; who is silent is forgotten, and those whose port is not there any more.
  void poll(const TablesData& tables, std::uint64_t now_us, Frames& out);
  [[nodiscard]] std::size_t connections() const { return connections_.size(); }

 private:
  struct Connection {
    QuotaSeat seat;
    std::string port_id;
    Mac guest_mac, own_mac;
    Ip guest_ip, own_ip;
    std::uint16_t guest_port = 0, own_port = 0;
    std::uint32_t first = 0;         // our initial sequence number
    std::uint32_t expected = 0;      // the guest's next
    std::uint32_t acknowledged = 0;  // bytes of ours, counted from `first`: SYN, answer, FIN
    std::uint32_t sent = 0;          // as many
    std::uint32_t window = 0;
    std::uint32_t segment = 536;  // bytes of payload that fit
    std::string request, answer;
    bool answered = false, guest_done = false;
    unsigned tries = 0;
    std::uint64_t sent_us = 0, heard_us = 0;

    // All that is ever sent: SYN, the answer, FIN.
    [[nodiscard]] std::uint32_t end() const {
      return answered ? static_cast<std::uint32_t>(answer.size()) + 2 : 1;
    }
  };
  struct Key {
    DeviceIndex device = kNoDevice;
    std::uint16_t port = 0;
    std::array<std::uint8_t, 16> ip{};
    bool operator<(const Key& other) const {
      return std::tie(device, port, ip) < std::tie(other.device, other.port, other.ip);
    }
  };
  struct Segment;

  [[nodiscard]] Connection* open(const Key& key, const Segment& segment, const Parsed& parsed,
                                 const Port& port, std::uint32_t mtu, std::uint64_t now_us);
  static void take(Connection& connection, const Segment& segment, const Port& port);
  // Sends what the window allows; nothing to send and `acknowledge`: a bare acknowledgement.
  static void send(Connection& connection, DeviceIndex device, bool acknowledge, std::uint64_t now_us,
                   Frames& out);
  static void reset(const Parsed& parsed, const Segment& segment, DeviceIndex device, Frames& out);

  std::uint64_t seed_;
  std::size_t most_;
  SharedQuota& seats_;
  std::uint64_t opened_ = 0;
  std::map<Key, Connection> connections_;
};

}  // namespace hanok::dataplane

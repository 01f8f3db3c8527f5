#pragma once
// Which worker a connection belongs to. All that is remembered of it is in that worker's tables, so every
// frame of it has to come there: of both directions, before and behind any translation, and ICMP errors about
// it. No state is shared for that; the owner is a function of what no translation changes:
//
//   owner = (part(protocol, one port) + part(protocol, other port)) mod workers
//
// The sum does not see directions. A floating IP keeps ports. Source NAT chooses a port of the same part. A
// port at which a forwarding begins or ends has part 0, so that both sides of it have the same sum. Of ICMP
// queries the identifier alone counts; protocols without ports have one owner each.

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "dataplane/flow/fragment_table.h"
#include "dataplane/tables/tables_data.h"

namespace hanok::dataplane {

class Ownership {
 public:
  // The same `seed` at all workers; guests must not choose whom they burden.
  Ownership(std::uint64_t seed, unsigned workers) : seed_(seed), workers_(workers) {}

  [[nodiscard]] unsigned workers() const { return workers_; }
  void set_forwarded(std::shared_ptr<const ForwardedPorts> forwarded) { forwarded_ = std::move(forwarded); }
  [[nodiscard]] const std::shared_ptr<const ForwardedPorts>& forwarded() const { return forwarded_; }

  [[nodiscard]] unsigned part(std::uint8_t protocol, std::uint16_t port) const {
    if (forwarded_ != nullptr && forwarded_->has(protocol, port)) return 0;
    const std::uint64_t hash = mix(seed_ ^ (std::uint64_t{protocol} << 16U | port));
    return static_cast<unsigned>((hash >> 32U) * workers_ >> 32U);
  }
  // Ports in either order; of an ICMP query the identifier twice.
  [[nodiscard]] unsigned owner(std::uint8_t protocol, std::uint16_t one, std::uint16_t other) const {
    const bool has_ports =
        protocol == protocol::kTcp || protocol == protocol::kUdp || protocol == protocol::kSctp;
    if (!has_ports) return part(protocol, one);
    const unsigned sum = part(protocol, one) + part(protocol, other);
    return sum < workers_ ? sum : sum - workers_;
  }

 private:
  std::uint64_t seed_;
  unsigned workers_;
  std::shared_ptr<const ForwardedPorts> forwarded_;
};

// By which way a frame came in.
struct ReceivedFrame {
  const std::uint8_t* data = nullptr;
  std::uint16_t length = 0;
  DeviceIndex device = kNoDevice;
  bool from_uplink = false;
  std::optional<Ip> vtep;  // our own, to which VXLAN comes
};

// The owner of the connection that a frame belongs to; nullopt: none, and any worker may take it (ARP, what
// goes to many, what is malformed). Fragments leave and find their ports in `fragments`.
[[nodiscard]] std::optional<unsigned> owner_of(const ReceivedFrame& frame, const Ownership& ownership,
                                               FragmentTable& fragments, std::uint64_t now_us);

}  // namespace hanok::dataplane

#pragma once
// A DHCPv6 client's message (RFC 8415), read once. Spans point into the frame; what is repeated is bounded.

#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/packet/address.h"

namespace hanok::dataplane {

namespace dhcpv6 {
enum Type : std::uint8_t {
  kSolicit = 1,
  kAdvertise,
  kRequest,
  kConfirm,
  kRenew,
  kRebind,
  kReply,
  kRelease,
  kDecline,
  kReconfigure,
  kInformationRequest
};
inline constexpr std::uint16_t kClientId = 1, kServerId = 2, kIaNa = 3, kIaTa = 4, kIaAddress = 5,
                               kOptionRequest = 6, kPreference = 7, kStatusCode = 13, kRapidCommit = 14,
                               kDns = 23, kDomainSearch = 24, kIaPd = 25;
enum Status : std::uint16_t {
  kSuccess = 0,
  kNoAddrsAvail = 2,
  kNoBinding = 3,
  kNotOnLink = 4,
  kUseMulticast = 5,
  kNoPrefixAvail = 6
};
}  // namespace dhcpv6

struct Dhcpv6Message {
  std::uint8_t type = 0;
  std::uint32_t transaction = 0;                       // 24 bits
  std::span<const std::uint8_t> client_id, server_id;  // empty: absent
  std::span<const std::uint8_t> requested;             // option codes, two bytes each
  bool rapid_commit = false;
  struct Association {
    std::uint16_t option = 0;  // IA_NA, IA_TA or IA_PD
    std::uint32_t iaid = 0;
    std::vector<Ip> addresses;
  };
  std::vector<Association> associations;

  // Without a list of its own a client is given all there is.
  [[nodiscard]] bool wants(std::uint16_t option) const;
};

// `at`: what follows the UDP header. False: malformed (an option beyond the end or of a wrong length, more
// than 8 associations or 16 addresses in one).
[[nodiscard]] bool read_dhcpv6_message(const std::uint8_t* at, unsigned length, Dhcpv6Message& out);

}  // namespace hanok::dataplane

#include "dataplane/packet/dhcpv6_message.h"

#include "dataplane/packet/bytes.h"

namespace hanok::dataplane {
namespace {

constexpr std::size_t kMaxAssociations = 8, kMaxAddresses = 16;
constexpr std::size_t kMaxDuid = 130;  // RFC 8415, 11.1

using Bytes = std::span<const std::uint8_t>;

// Calls `take` with each option's code and value. False: one reaches beyond the end, or `take` says so.
template <typename Take>
bool for_each_option(Bytes bytes, Take&& take) {
  while (!bytes.empty()) {
    if (bytes.size() < 4) return false;
    const std::size_t size = load16(bytes.data() + 2);
    if (bytes.size() < 4 + size) return false;
    if (!take(load16(bytes.data()), bytes.subspan(4, size))) return false;
    bytes = bytes.subspan(4 + size);
  }
  return true;
}

bool read_association(std::uint16_t option, Bytes value, Dhcpv6Message& out) {
  const std::size_t fixed = option == dhcpv6::kIaTa ? 4 : 12;
  if (value.size() < fixed || out.associations.size() == kMaxAssociations) return false;
  Dhcpv6Message::Association made;
  made.option = option;
  made.iaid = load32(value.data());
  const bool good = for_each_option(value.subspan(fixed), [&](std::uint16_t code, Bytes inner) {
    if (code != dhcpv6::kIaAddress) return true;
    if (inner.size() < 24 || made.addresses.size() == kMaxAddresses) return false;
    made.addresses.push_back(Ip::v6_from(inner.data()));
    return true;
  });
  if (good) out.associations.push_back(std::move(made));
  return good;
}

}  // namespace

bool Dhcpv6Message::wants(std::uint16_t option) const {
  if (requested.empty()) return true;
  for (std::size_t i = 0; i + 2 <= requested.size(); i += 2) {
    if (load16(requested.data() + i) == option) return true;
  }
  return false;
}

bool read_dhcpv6_message(const std::uint8_t* at, unsigned length, Dhcpv6Message& out) {
  if (length < 4) return false;
  out.type = at[0];
  out.transaction = load32(at) & 0xffffffU;
  return for_each_option(Bytes(at + 4, length - 4), [&](std::uint16_t code, Bytes value) {
    switch (code) {
      case dhcpv6::kClientId:
      case dhcpv6::kServerId:
        if (value.size() < 3 || value.size() > kMaxDuid) return false;
        (code == dhcpv6::kClientId ? out.client_id : out.server_id) = value;
        return true;
      case dhcpv6::kIaNa:
      case dhcpv6::kIaTa:
      case dhcpv6::kIaPd:
        return read_association(code, value, out);
      case dhcpv6::kOptionRequest:
        if (value.size() % 2 != 0) return false;
        out.requested = value;
        return true;
      case dhcpv6::kRapidCommit:
        out.rapid_commit = true;
        return value.empty();
      default:
        return true;
    }
  });
}

}  // namespace hanok::dataplane

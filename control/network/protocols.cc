#include "control/network/protocols.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace hanok::network {
namespace {

constexpr std::array<std::pair<std::string_view, int>, 25> kProtocols = {
    {{"ah", 51},        {"dccp", 33},       {"egp", 8},        {"esp", 50},       {"gre", 47},
     {"hopopt", 0},     {"icmp", 1},        {"icmpv6", 58},    {"igmp", 2},       {"ip", 0},
     {"ipip", 4},       {"ipv6-encap", 41}, {"ipv6-frag", 44}, {"ipv6-icmp", 58}, {"ipv6-nonxt", 59},
     {"ipv6-opts", 60}, {"ipv6-route", 43}, {"ospf", 89},      {"pgm", 113},      {"rsvp", 46},
     {"sctp", 132},     {"tcp", 6},         {"udp", 17},       {"udplite", 136},  {"vrrp", 112}}};

}  // namespace

std::optional<int> protocol_number(std::string_view protocol) {
  const auto named =
      std::find_if(kProtocols.begin(), kProtocols.end(), [&](const auto& p) { return p.first == protocol; });
  if (named != kProtocols.end()) return named->second;
  int number = -1;
  const auto [end, error] = std::from_chars(protocol.data(), protocol.data() + protocol.size(), number);
  if (error != std::errc() || end != protocol.data() + protocol.size() || number < 0 || number > 255)
    return std::nullopt;
  return number;
}

bool has_ports(int number) {
  return number == 6 || number == 17 || number == 132 || number == 33 || number == 136;
}

bool is_icmp(int number) {
  return number == 1 || number == 58;
}

}  // namespace hanok::network

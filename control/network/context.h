#pragma once
// What every handler of the network service gets.

#include <cstdint>
#include <string>

#include "common/clock.h"
#include "control/http/http.h"
#include "control/store/store.h"

namespace hanok::network {

struct Options {
  std::int64_t vni_first = 1, vni_last = 16'777'215;  // RFC 7348: 24 bits
  std::int64_t vlan_first = 1, vlan_last = 4094;
  std::string vlan_physical_network = "physnet1";
  std::string external_physical_network = "external";
};

constexpr std::int64_t kUnderlayMtu = 1500;
constexpr std::int64_t kVxlanOverhead = 50;  // IPv4 20, UDP 8, VXLAN 8, inner Ethernet 14
constexpr std::int64_t kMaxMtu = 65535;

struct Context {
  store::Database& database;
  const Clock& clock;
  Options options;
};

}  // namespace hanok::network

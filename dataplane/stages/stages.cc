#include "dataplane/stages/stages.h"

namespace hanok::dataplane {

std::span<const Stage> slow_path() {
  static constexpr Stage kStages[] = {
      {"locate", stage_locate},
      {"port_security", stage_port_security},
      {"arp", stage_arp},
      {"nd", stage_neighbour_discovery},
      {"ra", stage_router_advertisement},
      {"dhcp", stage_dhcp},
      {"dhcpv6", stage_dhcpv6},
      {"metadata", stage_metadata},
      {"egress_policy", stage_egress_policy},
      {"route", stage_route},
      {"switch", stage_switch},
      {"ingress_policy", stage_ingress_policy},
      {"qos", stage_qos},
      {"fit", stage_fit},
  };
  return kStages;
}

}  // namespace hanok::dataplane

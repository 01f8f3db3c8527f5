// Router advertisements that nobody asked for (RFC 4861, 6.2.4), a few each second.
#include "dataplane/flow/engine_impl.h"
#include "dataplane/packet/nd_message.h"
#include "dataplane/stages/router_advertisement.h"

namespace hanok::dataplane {

// Each second one part of the ports in 128: every guest hears its routers every 128 s, well within their
// lifetime, and no more than that is ever sent at once.
void Engine::Impl::advertise_routers() {
  constexpr std::uint64_t kPeriodSeconds = 128;
  const Handle end = data().ports.next;
  for (auto handle = static_cast<Handle>(now_us_ / 1'000'000 % kPeriodSeconds); handle < end;
       handle += kPeriodSeconds) {
    const Port* port = data().ports.at(handle);
    if (port == nullptr || port->device == kNoDevice || !port->state.admin_up) continue;
    const Network* network = data().networks.at(port->network);
    for (const RouterInterface* from : advertisers(data(), *network)) {
      const auto frame = router_advert(data(), *network, *from, group_mac_of(kAllNodes), kAllNodes);
      Packet* packet = copy_of(frame.data(), static_cast<std::uint16_t>(frame.size()), port->device);
      if (packet != nullptr) transmit(packet, port->device);
    }
  }
}

}  // namespace hanok::dataplane

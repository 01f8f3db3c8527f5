#pragma once
// IPv4 address translation at a router's gateway: floating IPs, port forwarding, source NAT (RFC 4787, 5382,
// 5508, 7857). Called by the route stage on the host of the gateway only.

#include "dataplane/stages/context.h"

namespace hanok::dataplane {

// Leaves by the gateway: gets the floating IP of its port, the address and port that were forwarded to it, or
// an address and port of the router. Next, or the drop.
[[nodiscard]] Verdict translate_outward(Context& context, const Router& router);

// Came to the gateway from outside. False: `verdict` ends it.
[[nodiscard]] bool translate_inward(Context& context, const Router& router, Verdict& verdict);

// A guest that is known outside by another address answers one that came by source NAT of the same router:
// out by the gateway and in again.
[[nodiscard]] bool turns_back(const Context& context, const Router& router, bool by_gateway);

}  // namespace hanok::dataplane

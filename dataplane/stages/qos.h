#pragma once
// Limits of ports and floating IPs, gathered for the engine's meters.

#include "dataplane/stages/context.h"

namespace hanok::dataplane {

// The frame goes by this limit, if there is one. `egress`: seen from the guest.
void add_meter(Context& context, ObjectRef owner, const std::optional<QosState>& qos, bool egress);

}  // namespace hanok::dataplane

#pragma once
// The hosts that agents announced. `list_hosts` and `bus_module` are in bus.h.

#include "control/bus/bus.h"

namespace hanok::bus {

// A heartbeat: writes the row; touches kind `host` only when the roles or the tunnel end changed.
[[nodiscard]] Status announce_host(store::Tx& tx, const Host& host);
[[nodiscard]] Kind host_kind();

}  // namespace hanok::bus

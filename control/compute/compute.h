#pragma once
// The compute service (Nova 2.1). Wiring for main.cc.

#include <string>
#include <vector>

#include "common/clock.h"
#include "control/bus/bus.h"
#include "control/http/http.h"
#include "control/store/store.h"

namespace hanok::compute {

[[nodiscard]] store::Module compute_module();
// How agents see instances. `clock` must outlive the kinds.
[[nodiscard]] std::vector<bus::Kind> compute_kinds(const Clock& clock);
// Transient states past their deadline go to ERROR with a fault; called about once a second.
[[nodiscard]] Status expire_servers(store::Tx& tx, std::int64_t now_us);
// `asker`: console logs.
[[nodiscard]] http::Service compute_service(store::Database& database, const Clock& clock, bus::Asker& asker);

}  // namespace hanok::compute

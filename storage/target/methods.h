#pragma once
// The control socket's methods over a Target, and its counters as Prometheus text.

#include <map>
#include <string>

#include "dataplane/rpc/server.h"
#include "storage/target/target.h"

namespace hanok::storage::target {

// `target` outlives the methods.
[[nodiscard]] std::map<std::string, dataplane::rpc::Method> make_methods(Target& target, Json version);
[[nodiscard]] std::string prometheus_text(const Target& target);
[[nodiscard]] Json to_json(const VolumeStats& stats);

}  // namespace hanok::storage::target

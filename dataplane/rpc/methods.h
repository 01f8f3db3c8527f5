#pragma once
// The control socket's methods over a Datapath (docs/architecture.md, "The data plane's state document").

#include <functional>
#include <map>
#include <string>

#include "dataplane/rpc/datapath.h"
#include "dataplane/rpc/server.h"

namespace hanok::dataplane::rpc {

struct MethodContext {
  Datapath& datapath;                     // outlives the methods
  Json version;                           // the answer of `version`
  std::function<Json()> server_counters;  // for `counters`; may be empty
};

[[nodiscard]] std::map<std::string, Method> make_methods(MethodContext context);

// For `counters`.
[[nodiscard]] Json to_json(const ServerCounters& counters);

}  // namespace hanok::dataplane::rpc

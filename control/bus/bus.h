#pragma once
// Agent sessions. Agents fetch desired state (changes since a generation) and report what they observe; the
// bus only wakes them. Losing, doubling or reordering a wake-up changes nothing. docs/architecture.md has the
// protocol.

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "common/json.h"
#include "common/result.h"
#include "control/store/store.h"

namespace hanok::bus {

// How a service shows its objects to agents, one per kind ("port", "instance", "volume" ...).
struct Kind {
  std::string name;
  // The object as agents see it on `host`, or null: gone, or not for this host.
  std::function<Result<Json>(store::Tx&, const std::string& id, const std::string& host)> render;
  // An agent's report about one object; runs in a write transaction. Unknown ids are ignored (ok): the object
  // is gone. May be empty: the kind has no reports.
  std::function<Status(store::Tx&, const std::string& host, const std::string& id, const Json& observed)>
      observe;
};

// A question to the agent of a host, answered while the client waits (console log). Blocks the calling
// worker. kUnavailable: no session; kTimeout: no answer in time.
class Asker {
 public:
  virtual ~Asker() = default;
  [[nodiscard]] virtual Result<Json> ask(const std::string& host, const std::string& method,
                                         const Json& params, std::int64_t timeout_ms) = 0;
};

// What the sessions know of a host, from the `hosts` table (module "bus").
struct Host {
  std::string name;
  std::vector<std::string> roles;  // network, compute, volume
  std::string vtep;                // IPv4 address of its tunnel end, may be empty
  std::int64_t vcpus = 0, ram_mib = 0, disk_gib = 0;
  std::int64_t last_seen_us = 0;
  bool alive = false;  // heard of within the last 30 s
  Json details;        // versions, virt_type, hypervisor, physical networks
};
[[nodiscard]] Result<std::vector<Host>> list_hosts(store::Tx& tx, std::int64_t now_us);

[[nodiscard]] store::Module bus_module();

}  // namespace hanok::bus

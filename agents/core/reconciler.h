#pragma once
// The seam between the session with hanok-api and what a role does on this host. A reconciler is given one
// object at a time, as it is wanted now, compares it with what is there and acts. It keeps nothing that it
// cannot find again.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/json.h"
#include "common/result.h"

namespace hanok::agent {

// One object to bring about.
struct Task {
  std::string kind, id;
  Json object;                  // null: gone, or no longer for this host
  std::int64_t generation = 0;  // of the fetch that brought the object; reports carry it where they have one
  int attempt = 0;              // failures in a row so far, of this object as it is wanted now
};

// What one call of apply() came to.
struct Outcome {
  Json observed = nullptr;  // reported to the API unless null
  // Not finished (a guest is still shutting down): apply() is called again after this time. It is no failure.
  std::optional<std::int64_t> again_after_ms{};
};

// Calls come from a pool of workers: never two at once for the same (kind, id), any number for different
// ones. A call that must wait for something gives again_after_ms instead of sleeping.
class Reconciler {
 public:
  virtual ~Reconciler() = default;
  [[nodiscard]] virtual std::vector<std::string> kinds() const = 0;
  // Must be idempotent: it is called again after a restart, a failure or a doubled message. An Error is
  // logged and tried again with growing delay (0.5 s to 30 s); what is hopeless is no Error but an Outcome
  // whose `observed` says so.
  [[nodiscard]] virtual Result<Outcome> apply(const Task& task) = 0;
  // After a whole fetch, before the apply() calls: all ids that are wanted of each of kinds(). What exists
  // here beyond them may be removed, if it is certain that it is ours.
  virtual void whole(const std::map<std::string, std::set<std::string>>& wanted) {
    static_cast<void>(wanted);
  }
  // What exists on this host, by kind. Asked for after a whole fetch: what is there and not wanted is applied
  // as null. Tried again when it fails.
  [[nodiscard]] virtual Result<std::map<std::string, std::set<std::string>>> present() {
    return std::map<std::string, std::set<std::string>>{};
  }
  // Questions of the API ("console_log"); nullopt: not a method of this role.
  [[nodiscard]] virtual std::optional<Result<Json>> answer(const std::string& method, const Json& params) {
    static_cast<void>(method);
    static_cast<void>(params);
    return std::nullopt;
  }
};

// What roles may say outside of apply(). Thread-safe, never blocks.
class Outbox {
 public:
  virtual ~Outbox() = default;
  // Delivered at least once; a newer report of the same object replaces one that is not delivered yet.
  virtual void report(const std::string& kind, const std::string& id, Json observed) = 0;
};

// Something changed on the host: the object is applied again as it is wanted now; an empty id means all
// objects of the kind. Thread-safe, never blocks; ids that are not wanted are ignored.
class Rechecker {
 public:
  virtual ~Rechecker() = default;
  virtual void recheck(const std::string& kind, const std::string& id) = 0;
};

}  // namespace hanok::agent

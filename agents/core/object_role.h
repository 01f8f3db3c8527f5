#pragma once
// Drives a Reconciler: keeps the wanted objects in memory, applies each in a bounded pool, serialised by
// object, and tries again what failed.

#include <memory>
#include <mutex>
#include <string>

#include "agents/core/keyed_pool.h"
#include "agents/core/reconciler.h"
#include "agents/core/role.h"

namespace hanok::agent {

class ObjectRole final : public Role, public Rechecker {
 public:
  // `reconciler` and `outbox` outlive this.
  ObjectRole(Reconciler& reconciler, Outbox& outbox, std::size_t threads);
  ~ObjectRole() override;  // waits for the apply() calls that run

  void changed(const Changes& changes) override;
  [[nodiscard]] std::optional<Result<Json>> answer(const std::string& method, const Json& params) override;
  void recheck(const std::string& kind, const std::string& id) override;

  // Delay before the next attempt after `failures` failures in a row.
  [[nodiscard]] static std::int64_t backoff_ms(int failures);

 private:
  std::optional<std::int64_t> run(const std::string& key);
  std::optional<std::int64_t> sweep();

  Reconciler& reconciler_;
  Outbox& outbox_;
  std::mutex mutex_;
  std::map<std::string, Task> tasks_;  // by "kind/id"
  std::int64_t generation_ = 0;        // of the last fetch
  KeyedPool pool_;                     // last: its threads use the rest
};

}  // namespace hanok::agent

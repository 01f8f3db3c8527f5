#pragma once
// Long work in the background of a volume that is used meanwhile (kind `volume_work`): bringing over what a
// move left in the old pool, and flattening. It says how far it is, and ends when it is not wanted any more.

#include <map>
#include <mutex>
#include <string>

#include "agents/core/object_role.h"
#include "storage/operations/operations.h"

namespace hanok::agent {

class WorkReconciler final : public Reconciler {
 public:
  // Both outlive this.
  WorkReconciler(storage::BlockStore& store, Outbox& outbox) : store_(store), outbox_(outbox) {}

  [[nodiscard]] std::vector<std::string> kinds() const override { return {"volume_work"}; }
  [[nodiscard]] Result<Outcome> apply(const Task& task) override;
  // Takes note of what is wanted, so that what runs and is not wanted ends. Any thread.
  void note(const Changes& changes);

 private:
  [[nodiscard]] bool wanted(const Task& task);
  [[nodiscard]] Result<Json> work(const Task& task);

  storage::BlockStore& store_;
  Outbox& outbox_;
  std::mutex mutex_;
  std::map<std::string, Json> wanted_;  // by volume
};

// Tells the reconciler of changes before the workers are through with what they do.
class WorkRole final : public Role {
 public:
  WorkRole(WorkReconciler& reconciler, Outbox& outbox, std::size_t threads)
      : reconciler_(reconciler), objects_(reconciler, outbox, threads) {}
  void changed(const Changes& changes) override {
    reconciler_.note(changes);
    objects_.changed(changes);
  }
  [[nodiscard]] std::optional<Result<Json>> answer(const std::string& method, const Json& params) override {
    return objects_.answer(method, params);
  }

 private:
  WorkReconciler& reconciler_;
  ObjectRole objects_;
};

}  // namespace hanok::agent

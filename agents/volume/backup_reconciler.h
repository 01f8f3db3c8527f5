#pragma once
// Backups, as VolumeReconciler does volumes; apart from it, so that long copies have threads of their own.

#include "agents/core/reconciler.h"
#include "storage/block/block_store.h"

namespace hanok::agent {

class BackupReconciler final : public Reconciler {
 public:
  explicit BackupReconciler(storage::BlockStore& store) : store_(store) {}  // outlives this

  [[nodiscard]] std::vector<std::string> kinds() const override { return {"backup"}; }
  [[nodiscard]] Result<Outcome> apply(const Task& task) override;

 private:
  [[nodiscard]] Result<Json> apply_backup(const Json& object);

  storage::BlockStore& store_;
};

}  // namespace hanok::agent

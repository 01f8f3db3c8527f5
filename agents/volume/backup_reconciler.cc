#include "agents/volume/backup_reconciler.h"

#include "agents/volume/volume_object.h"
#include "agents/volume/volume_reconciler.h"

namespace hanok::agent {
namespace {

constexpr std::uint64_t kGib = 1ULL << 30U;

}  // namespace

Result<Json> BackupReconciler::apply_backup(const Json& object) {
  HANOK_TRY(backup, parse_backup(object));
  if (backup.task == "create") {
    HANOK_TRY(made, storage::create_backup(store_, backup.spec));
    return Json{{"task", backup.task},
                {"state", "available"},
                {"size_bytes", made.stored_bytes},
                {"objects", made.objects}};
  }
  if (backup.task == "restore") {
    const auto size_bytes = static_cast<std::uint64_t>(backup.size_gib) * kGib + backup.header_bytes;
    HANOK_CHECK(storage::restore_backup(store_, backup.spec.backup, backup.spec.volume, size_bytes));
    return Json{{"task", backup.task}, {"state", "available"}};
  }
  if (backup.task != "delete") return bad_request("backup: unknown task " + backup.task);
  HANOK_CHECK(storage::delete_backup(store_, backup.spec));
  return Json{{"task", backup.task}, {"state", "deleted"}};
}

Result<Outcome> BackupReconciler::apply(const Task& task) {
  if (!task.object.is_object()) return Outcome{};
  return outcome_of(task, apply_backup(task.object));
}

}  // namespace hanok::agent

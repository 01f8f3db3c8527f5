#include "agents/volume/work_reconciler.h"

#include <chrono>

#include "agents/volume/volume_object.h"
#include "agents/volume/volume_reconciler.h"

namespace hanok::agent {
namespace {

constexpr std::chrono::milliseconds kTellEvery{1000};

}  // namespace

void WorkReconciler::note(const Changes& changes) {
  const auto found = changes.objects.find(kinds().front());
  const std::lock_guard lock(mutex_);
  if (changes.whole) wanted_.clear();
  if (found == changes.objects.end()) return;
  for (const auto& [id, object] : found->second) {
    if (object.is_null()) {
      wanted_.erase(id);
    } else {
      wanted_[id] = object;
    }
  }
}

bool WorkReconciler::wanted(const Task& task) {
  const std::lock_guard lock(mutex_);
  const auto found = wanted_.find(task.id);
  return found != wanted_.end() && found->second == task.object;
}

Result<Json> WorkReconciler::work(const Task& task) {
  HANOK_TRY(object, parse_work(task.object));
  auto told = std::chrono::steady_clock::now();
  const storage::Progress progress = [&](std::uint64_t done, std::uint64_t of) {
    const auto now = std::chrono::steady_clock::now();
    if (of > 0 && now - told >= kTellEvery) {
      told = now;
      outbox_.report(task.kind, task.id,
                     {{"task", object.task}, {"state", "working"}, {"progress", done * 100 / of}});
    }
    return wanted(task);
  };
  if (object.task == "copy") {
    const storage::ImageRef old{object.moved_from, object.image.name};
    HANOK_CHECK(storage::finish_move(store_, old, object.image.pool, progress));
  } else if (object.task == "flatten") {
    HANOK_CHECK(store_.flatten(object.image, progress));
  } else {
    return bad_request("volume_work: unknown task " + object.task);
  }
  return Json{{"task", object.task}, {"state", "done"}};
}

Result<Outcome> WorkReconciler::apply(const Task& task) {
  if (!task.object.is_object() || !wanted(task)) return Outcome{};
  auto done = work(task);
  if (!done.ok() && !wanted(task)) return Outcome{};  // cancelled
  return outcome_of(task, std::move(done));
}

}  // namespace hanok::agent

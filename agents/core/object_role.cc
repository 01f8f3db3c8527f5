#include "agents/core/object_role.h"

#include <algorithm>

#include "common/log.h"

namespace hanok::agent {
namespace {

constexpr std::int64_t kFirstRetryMs = 500;
constexpr std::int64_t kLastRetryMs = 30'000;

// The key under which what exists is compared with what is wanted.
constexpr const char* kSweep = "";

std::string key_of(const std::string& kind, const std::string& id) {
  return kind + "/" + id;
}

std::string request_id_of(const Json& object) {
  if (!object.is_object()) return "-";
  const auto it = object.find("request_id");
  return it != object.end() && it->is_string() ? it->get<std::string>() : "-";
}

}  // namespace

ObjectRole::ObjectRole(Reconciler& reconciler, Outbox& outbox, std::size_t threads)
    : reconciler_(reconciler),
      outbox_(outbox),
      pool_(threads, [this](const std::string& key) { return run(key); }) {}

ObjectRole::~ObjectRole() {
  pool_.stop();
}

std::int64_t ObjectRole::backoff_ms(int failures) {
  const int doublings = std::clamp(failures - 1, 0, 10);
  return std::min(kFirstRetryMs << doublings, kLastRetryMs);
}

void ObjectRole::changed(const Changes& changes) {
  std::map<std::string, std::set<std::string>> wanted;
  std::vector<std::string> touched;
  {
    const std::lock_guard lock(mutex_);
    generation_ = changes.generation;
    for (const auto& kind : reconciler_.kinds()) {
      auto& ids = wanted[kind];
      const auto it = changes.objects.find(kind);
      if (it != changes.objects.end()) {
        for (const auto& [id, object] : it->second) {
          if (!object.is_null()) ids.insert(id);
          tasks_[key_of(kind, id)] = Task{kind, id, object, changes.generation, 0};
          touched.push_back(key_of(kind, id));
        }
      }
      if (!changes.whole) continue;
      for (auto& [key, task] : tasks_) {
        if (task.kind != kind || ids.contains(task.id)) continue;
        task = Task{kind, task.id, nullptr, changes.generation, 0};
        touched.push_back(key);
      }
    }
  }
  if (changes.whole) {
    reconciler_.whole(wanted);
    pool_.wake(kSweep);
  }
  for (const auto& key : touched) pool_.wake(key);
}

std::optional<Result<Json>> ObjectRole::answer(const std::string& method, const Json& params) {
  return reconciler_.answer(method, params);
}

void ObjectRole::recheck(const std::string& kind, const std::string& id) {
  const std::lock_guard lock(mutex_);
  for (const auto& [key, task] : tasks_) {
    if (task.kind == kind && (id.empty() || task.id == id)) pool_.wake(key);
  }
}

std::optional<std::int64_t> ObjectRole::sweep() {
  const auto present = reconciler_.present();
  if (!present.ok()) {
    spdlog::warn("[-] cannot see what exists on this host, again in {} ms: {}", backoff_ms(4),
                 present.error().message);
    return backoff_ms(4);
  }
  const std::lock_guard lock(mutex_);
  for (const auto& [kind, ids] : *present) {
    for (const auto& id : ids) {
      const auto [it, orphan] = tasks_.try_emplace(key_of(kind, id), Task{kind, id, nullptr, generation_, 0});
      if (!orphan) continue;
      spdlog::warn("[-] {} {} is on this host and not wanted: removing it", kind, id);
      pool_.wake(it->first);
    }
  }
  return std::nullopt;
}

std::optional<std::int64_t> ObjectRole::run(const std::string& key) {
  if (key == kSweep) return sweep();
  Task task;
  {
    const std::lock_guard lock(mutex_);
    const auto it = tasks_.find(key);
    if (it == tasks_.end()) return std::nullopt;
    task = it->second;
  }
  auto outcome = reconciler_.apply(task);
  if (outcome.ok() && !outcome->observed.is_null()) outbox_.report(task.kind, task.id, outcome->observed);

  const std::lock_guard lock(mutex_);
  const auto it = tasks_.find(key);
  if (it == tasks_.end()) return std::nullopt;
  // Replaced while it was applied: changed() has woken the key again, with a fresh count of failures.
  const bool current = it->second.generation == task.generation && it->second.object == task.object;
  if (!outcome.ok()) {
    const int failures = task.attempt + 1;
    const std::int64_t delay_ms = backoff_ms(failures);
    spdlog::warn("[{}] {} {}: attempt {} failed, again in {} ms: {}", request_id_of(task.object), task.kind,
                 task.id, failures, delay_ms, outcome.error().message);
    if (!current) return std::nullopt;
    it->second.attempt = failures;
    return delay_ms;
  }
  if (!current) return std::nullopt;
  it->second.attempt = 0;
  if (outcome->again_after_ms) return outcome->again_after_ms;
  if (task.object.is_null()) tasks_.erase(it);
  return std::nullopt;
}

}  // namespace hanok::agent

#include "agents/network/network_role.h"

#include <chrono>
#include <regex>

#include "common/log.h"

namespace hanok::agent {
namespace {

constexpr int kMaxRefusedPerPut = 100;

}  // namespace

NetworkSync::NetworkSync(NetworkSettings settings, DataplaneCall call, Outbox& outbox)
    : state_(std::move(settings)), call_(std::move(call)), outbox_(outbox) {}

Status NetworkSync::push(const std::vector<Changes>& changes) {
  for (const auto& change : changes) {
    const Json delta = state_.take(change);
    if (change.whole) {
      in_step_ = false;
      reported_.clear();
      continue;
    }
    if (delta.is_null() || !in_step_) continue;
    const auto applied = call_("state.apply", {{"base_generation", in_force_}, {"changes", delta}});
    if (!applied.ok()) {
      spdlog::warn("[-] data plane did not take generation {}: {}; putting the whole state",
                   change.generation, applied.error().message);
      in_step_ = false;
      if (applied.error().code != ErrorCode::kBadRequest) return applied.error();
      continue;
    }
    in_force_ = applied->value("generation", change.generation);
  }
  return in_step_ ? Status{} : put_whole();
}

// One object that the data plane refuses must not keep all others from it.
Status NetworkSync::put_whole() {
  if (!state_.known()) return {};
  for (int refused = 0;; ++refused) {
    const auto put = call_("state.put", {{"state", state_.whole()}});
    if (put.ok()) {
      in_force_ = put->value("generation", state_.generation());
      in_step_ = true;
      spdlog::info("[-] data plane has the whole state of generation {}", in_force_);
      return {};
    }
    const bool again = put.error().code == ErrorCode::kBadRequest && refused < kMaxRefusedPerPut &&
                       leave_out_refused(put.error().message);
    if (!again) return put.error();
  }
}

// The error's JSON Pointer names the object: /state/<kind>/<id>/...
bool NetworkSync::leave_out_refused(const std::string& message) {
  static const std::regex kPointer(R"(/(?:state/)?([a-z_]+)/([^/"]+))");
  std::smatch match;
  if (!std::regex_search(message, match, kPointer) || !state_.leave_out(match[1], match[2])) return false;
  ++refused_objects_;
  spdlog::error("[-] data plane refuses {} {}, left out: {}", match[1].str(), match[2].str(), message);
  return true;
}

Status NetworkSync::check() {
  if (!state_.known()) return {};
  const auto status = call_("status", Json::object());
  if (!status.ok()) {
    if (in_step_) spdlog::warn("[-] data plane: {}", status.error().message);
    in_step_ = false;  // it may come back empty
    return status.error();
  }
  const std::int64_t generation = status->value("generation", std::int64_t{-1});
  if (in_step_ && generation != in_force_) {
    spdlog::warn("[-] data plane is at generation {}, not {}: putting the whole state", generation,
                 in_force_);
    in_step_ = false;
  }
  if (!in_step_) {
    HANOK_CHECK(put_whole());
    return {};
  }
  report_ports(*status);
  return {};
}

void NetworkSync::report_ports(const Json& status) {
  const Json ports = status.value("ports", Json::object());
  std::map<std::string, bool> now;
  for (const auto& id : state_.own_ports()) {
    const auto it = ports.find(id);
    now[id] = it != ports.end() && it->is_object() && it->value("up", Json(false)) == Json(true);
    const auto before = reported_.find(id);
    if (before != reported_.end() && before->second == now[id]) continue;
    outbox_.report("port", id, {{"state", now[id] ? "up" : "down"}});
  }
  reported_ = std::move(now);
}

NetworkRole::NetworkRole(NetworkSettings settings, DataplaneCall call, Outbox& outbox,
                         std::int64_t check_every_ms)
    : sync_(std::move(settings), std::move(call), outbox),
      check_every_ms_(check_every_ms),
      thread_([this] { run(); }) {}

NetworkRole::~NetworkRole() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  woken_.notify_all();
  thread_.join();
}

void NetworkRole::changed(const Changes& changes) {
  const std::lock_guard lock(mutex_);
  if (changes.whole) pending_.clear();
  pending_.push_back(changes);
  woken_.notify_all();
}

void NetworkRole::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    std::vector<Changes> changes;
    changes.swap(pending_);
    lock.unlock();
    // Errors are logged where they happen; the next round tries again.
    if (!changes.empty()) static_cast<void>(sync_.push(changes));
    static_cast<void>(sync_.check());
    lock.lock();
    woken_.wait_for(lock, std::chrono::milliseconds(check_every_ms_),
                    [this] { return stopping_ || !pending_.empty(); });
  }
}

}  // namespace hanok::agent

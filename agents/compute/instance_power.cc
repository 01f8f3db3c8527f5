// Power of guests: start, stop, pause, suspend, reboot.
//
// marks.power is what was brought about last. While it equals what is wanted, a guest that is off went off by
// itself and is left so (and reported); where it differs, somebody asked for the change.
#include "agents/compute/instance_reconciler.h"
#include "common/log.h"

namespace hanok::agent {
namespace {

constexpr std::int64_t kLookAgainMs = 300;
constexpr std::int64_t kPressAgainUs = 5'000'000;  // a guest that still boots does not hear the first press

}  // namespace

std::int64_t InstanceReconciler::waited_us(const std::string& what, const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto [it, fresh] = waits_.try_emplace(what + "/" + id, clock_.now_us());
  return fresh ? -1 : clock_.now_us() - it->second;
}

void InstanceReconciler::forget_wait(const std::string& what, const std::string& id) {
  const std::lock_guard lock(mutex_);
  waits_.erase(what + "/" + id);
}

// Power button, then patience, then the plug. Done when the domain is off.
Result<InstanceReconciler::Wait> InstanceReconciler::shut_down(const std::string& id, const DomainView& view,
                                                               bool at_once) {
  if (!view.live) {
    forget_wait("shutdown", id);
    forget_wait("press", id);
    return Wait{};
  }
  const bool deaf = view.state == DomainState::kPaused;
  const std::int64_t waited = at_once || deaf ? settings_.shutdown_wait_us : waited_us("shutdown", id);
  if (waited >= settings_.shutdown_wait_us) {
    HANOK_CHECK(hypervisor_.destroy(id));
    return Wait{0};
  }
  const std::int64_t since_press = waited_us("press", id);
  if (since_press < 0 || since_press >= kPressAgainUs) {
    forget_wait("press", id);
    static_cast<void>(waited_us("press", id));
    HANOK_CHECK(hypervisor_.press_power(id));
  }
  return Wait{kLookAgainMs};
}

// Off, defined anew (size, memory and processors as they are wanted now); power() starts it again.
Result<InstanceReconciler::Wait> InstanceReconciler::reboot(const Instance& wanted, DomainView& view) {
  if (view.marks.reboot_serial >= wanted.reboot_serial) return Wait{};
  HANOK_TRY(wait, shut_down(wanted.id, view, wanted.hard_reboot));
  if (wait) return wait;
  if (view.state == DomainState::kSaved) HANOK_CHECK(hypervisor_.drop_saved(wanted.id));
  HANOK_CHECK(release_root(wanted));
  HANOK_CHECK(release_disks(wanted.volumes, {}));  // they may have other queues from now on
  if (wanted.root) HANOK_CHECK(disks_.grow(*wanted.root));
  HANOK_CHECK(files_.prepare(wanted.id));
  HANOK_CHECK(define(wanted));
  spdlog::info("[{}] instance {} defined anew for reboot {}", wanted.request_id, wanted.id,
               wanted.reboot_serial);
  HANOK_CHECK(look_again(wanted.id, view));
  return Wait{};
}

Result<InstanceReconciler::Wait> InstanceReconciler::power(const Instance& wanted, DomainView& view) {
  if (view.marks.power == wanted.power) return Wait{};
  if (wanted.power == "stopped") {
    if (view.state == DomainState::kSaved) HANOK_CHECK(hypervisor_.drop_saved(wanted.id));
    HANOK_TRY(wait, shut_down(wanted.id, view, false));
    if (wait) return wait;
  } else {
    forget_wait("shutdown", wanted.id);
    HANOK_CHECK(switch_power(wanted, view));
  }
  Marks marks = view.marks;
  marks.power = wanted.power;
  HANOK_CHECK(hypervisor_.mark(wanted.id, marks));
  spdlog::info("[{}] instance {} {}", wanted.request_id, wanted.id, wanted.power);
  HANOK_CHECK(look_again(wanted.id, view));
  return Wait{};
}

Status InstanceReconciler::switch_power(const Instance& wanted, const DomainView& view) {
  const std::string& id = wanted.id;
  const bool off = view.state == DomainState::kStopped || view.state == DomainState::kSaved;
  if (wanted.power == "running") {
    if (off) {
      HANOK_CHECK(serve_disks(wanted));
      return hypervisor_.start(id);
    }
    return view.state == DomainState::kPaused ? hypervisor_.resume(id) : Status{};
  }
  if (wanted.power == "paused") {
    if (off) {
      HANOK_CHECK(serve_disks(wanted));
      HANOK_CHECK(hypervisor_.start(id));
    }
    return view.state == DomainState::kPaused ? Status{} : hypervisor_.pause(id);
  }
  // Suspended. Where memory cannot be saved (a device that does not migrate) the guest stands still instead.
  if (off) return {};
  auto saved = hypervisor_.save(id);
  if (saved.ok() || saved.error().code == ErrorCode::kUnavailable) return saved;
  spdlog::warn("[{}] instance {}: memory is not saved, the guest is paused: {}", wanted.request_id, id,
               saved.error().message);
  HANOK_TRY(now, hypervisor_.look(id));
  return now && now->state == DomainState::kRunning ? hypervisor_.pause(id) : Status{};
}

}  // namespace hanok::agent

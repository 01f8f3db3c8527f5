#include "agents/compute/instance_reconciler.h"

#include <unistd.h>

#include <algorithm>

#include "common/log.h"
#include "common/uuid.h"

namespace hanok::agent {
namespace {

constexpr int kFailuresBeforeFault = 4;  // some 4 s of trying: a daemon that restarts is no fault

Json fault(const Task& task, const std::string& message) {
  return {{"state", "error"},
          {"generation", task.generation},
          {"fault", {{"message", message}, {"details", ""}}}};
}

bool wants_deletion(const Json& object) {
  return object.is_object() && object.value("deleted", Json(false)) == Json(true);
}

}  // namespace

InstanceReconciler::InstanceReconciler(InstanceSettings settings, Hypervisor& hypervisor,
                                       storage::BlockStore& store, storage::Converter& converter,
                                       Outbox& outbox, const Clock& clock, DiskExports::Call storage_target)
    : settings_(std::move(settings)),
      hypervisor_(hypervisor),
      store_(store),
      disks_(store, converter),
      exports_(std::move(storage_target)),
      files_(settings_.state_dir),
      outbox_(outbox),
      clock_(clock) {}

Result<Outcome> InstanceReconciler::apply(const Task& task) {
  if (!is_uuid(task.id)) return Outcome{};
  // Not wanted here any more without a word about deletion: the guest goes, its disk may live on elsewhere.
  if (task.object.is_null()) {
    HANOK_CHECK(remove(task.id, std::nullopt));
    return Outcome{};
  }
  auto wanted = read_instance(task.id, task.object, settings_.socket_dir);
  if (!wanted.ok()) {
    spdlog::error("[-] instance {}: {}", task.id, wanted.error().message);
    return Outcome{fault(task, wanted.error().message)};
  }
  if (!settings_.boots_from_vhost_user) boot_by_qemu(*wanted);
  if (wants_deletion(task.object)) {
    HANOK_CHECK(remove(task.id, *wanted));
    spdlog::info("[{}] instance {} deleted", wanted->request_id, task.id);
    return Outcome{{{"state", "deleted"}, {"generation", task.generation}}};
  }
  auto outcome = bring_about(*wanted, task);
  if (!outcome.ok() && task.attempt + 1 >= kFailuresBeforeFault) {
    outbox_.report(task.kind, task.id, fault(task, outcome.error().message));
  }
  return outcome;
}

Result<Outcome> InstanceReconciler::bring_about(const Instance& wanted, const Task& task) {
  HANOK_TRY(view, ensure_defined(wanted));
  HANOK_TRY(reboot_wait, reboot(wanted, view));
  if (reboot_wait) return Outcome{observation(wanted, view, task), reboot_wait};
  HANOK_TRY(devices_wait, devices(wanted, view));
  HANOK_TRY(power_wait, power(wanted, view));
  Outcome out{observation(wanted, view, task), power_wait ? power_wait : devices_wait};
  if (!wanted.upload_image_id.empty() && wanted.root) {
    const auto size = storage::upload_image(store_, wanted.root->disk, wanted.upload);
    if (size.ok()) {
      out.observed["uploaded"] = {{"image_id", wanted.upload_image_id}, {"size_bytes", *size}};
    } else if (task.attempt + 1 >= kFailuresBeforeFault) {
      out.observed["uploaded"] = {{"image_id", wanted.upload_image_id},
                                  {"error", {{"message", size.error().message}}}};
    } else {
      outbox_.report(task.kind, task.id, out.observed);
      return size.error();
    }
  }
  static_cast<void>(files_.trim_console(wanted.id));
  return out;
}

Status InstanceReconciler::look_again(const std::string& id, DomainView& view) {
  HANOK_TRY(found, hypervisor_.look(id));
  if (!found) return unavailable("the domain of " + id + " is gone");
  view = std::move(*found);
  return {};
}

Result<DomainView> InstanceReconciler::ensure_defined(const Instance& wanted) {
  HANOK_TRY(found, hypervisor_.look(wanted.id));
  if (found && found->marks.rebuild_serial < wanted.rebuild_serial) {
    // The disk goes before the domain, whose mark says that a rebuild is still to be done.
    if (found->live) HANOK_CHECK(hypervisor_.destroy(wanted.id));
    HANOK_CHECK(release_root(wanted));
    if (wanted.root) HANOK_CHECK(disks_.remove(wanted.root->disk));
    HANOK_CHECK(hypervisor_.undefine(wanted.id));
    found.reset();
  }
  if (!found) {
    outbox_.report("instance", wanted.id, {{"state", "building"}});
    HANOK_CHECK(create(wanted));
    HANOK_TRY(made, hypervisor_.look(wanted.id));
    found = std::move(made);
  }
  if (!found) return unavailable("the domain of " + wanted.id + " is gone");
  return std::move(*found);
}

Status InstanceReconciler::create(const Instance& wanted) {
  HANOK_CHECK(files_.prepare(wanted.id));
  if (!wanted.config_drive.is_null()) {
    HANOK_CHECK(files_.write_config_drive(wanted.id, wanted.config_drive));
  }
  if (wanted.root) HANOK_CHECK(disks_.prepare(*wanted.root));
  HANOK_CHECK(define(wanted));
  spdlog::info("[{}] instance {} defined", wanted.request_id, wanted.id);
  return {};
}

Status InstanceReconciler::define(const Instance& wanted) {
  DomainSpec spec;
  spec.id = wanted.id;
  spec.vcpus = wanted.vcpus;
  spec.ram_mib = wanted.ram_mib;
  spec.disks = disks_of(wanted);
  spec.nics = wanted.nics;
  if (!wanted.config_drive.is_null()) spec.config_drive = files_.config_drive(wanted.id);
  spec.console_file = files_.console(wanted.id);
  spec.marks = {"", wanted.reboot_serial, wanted.rebuild_serial};
  return hypervisor_.define(spec);
}

Status InstanceReconciler::unplug_domain(const std::string& id) {
  HANOK_TRY(found, hypervisor_.look(id));
  if (found && found->live) HANOK_CHECK(hypervisor_.destroy(id));
  return {};
}

// Without an object the guest's own definition says which volumes it has. It does not say who serves them,
// and hanok-storage serves again after a restart what it served before: it is asked, and waited for.
Status InstanceReconciler::release_defined(const std::string& id) {
  HANOK_TRY(found, hypervisor_.look(id));
  if (!found) return {};
  for (const auto& serial : found->defined.disks) {
    HANOK_CHECK(exports_.release_socket(disk_socket(settings_.socket_dir, serial)));
    HANOK_CHECK(hypervisor_.forget_secret(serial));
  }
  return {};
}

Status InstanceReconciler::remove(const std::string& id, const std::optional<Instance>& wanted) {
  HANOK_CHECK(unplug_domain(id));
  if (wanted) {
    HANOK_CHECK(release_disks(wanted->volumes, {}));
    HANOK_CHECK(release_disks(wanted->leaving, {}));
    HANOK_CHECK(release_root(*wanted));
  } else {
    HANOK_CHECK(release_defined(id));
  }
  if (wanted && wanted->root) HANOK_CHECK(disks_.remove(wanted->root->disk));
  if (auto gone = hypervisor_.undefine(id); !gone.ok() && gone.error().code != ErrorCode::kNotFound) {
    return gone;
  }
  if (wanted) {
    for (const auto& nic : wanted->nics) unlink(nic.socket.c_str());
  }
  forget_wait("shutdown", id);
  return files_.remove(id);
}

Result<std::map<std::string, std::set<std::string>>> InstanceReconciler::present() {
  HANOK_TRY(ids, hypervisor_.list());
  return std::map<std::string, std::set<std::string>>{{"instance", {ids.begin(), ids.end()}}};
}

std::optional<Result<Json>> InstanceReconciler::answer(const std::string& method, const Json& params) {
  if (method != "console_log") return std::nullopt;
  const auto id = need_string(params, "instance");
  const auto lines = get_int(params, "lines");
  if (!id.ok() || !is_uuid(*id)) return Result<Json>(bad_request("console_log: instance must be a UUID"));
  if (!lines.ok()) return Result<Json>(lines.error());
  auto text = files_.console_tail(*id, lines->value_or(0));
  if (!text.ok()) return Result<Json>(text.take_error());
  return Result<Json>(Json{{"output", std::move(*text)}});
}

std::string reported_state(const DomainView& view) {
  switch (view.state) {
    case DomainState::kRunning:
      return "running";
    case DomainState::kPaused:
      return view.marks.power == "suspended" ? "suspended" : "paused";
    case DomainState::kSaved:
      return "suspended";
    case DomainState::kStopped:
      return "stopped";
  }
  return "stopped";
}

Json InstanceReconciler::observation(const Instance& wanted, const DomainView& view, const Task& task) const {
  const Devices& devices = view.live ? *view.live : view.defined;
  Json volumes = Json::array();
  for (const auto& serial : devices.disks) {
    if (serial != wanted.id) volumes.push_back(serial);
  }
  return {{"state", reported_state(view)},
          {"generation", task.generation},
          {"reboot_serial", view.marks.reboot_serial},
          {"rebuild_serial", view.marks.rebuild_serial},
          {"volumes", std::move(volumes)}};
}

}  // namespace hanok::agent

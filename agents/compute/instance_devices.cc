// Volumes and NICs of a guest that exists: plugged in and out, in the definition and in the running guest.
#include <algorithm>

#include "agents/compute/instance_reconciler.h"
#include "common/log.h"

namespace hanok::agent {
namespace {

constexpr std::int64_t kLookAgainMs = 500;

bool has(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// What `names` holds that is in none of `wanted`.
template <typename Wanted, typename NameOf>
std::vector<std::string> unwanted(const std::vector<std::string>& names, const Wanted& wanted,
                                  NameOf name_of) {
  std::vector<std::string> out;
  for (const auto& name : names) {
    const bool keep =
        std::any_of(wanted.begin(), wanted.end(), [&](const auto& item) { return name_of(item) == name; });
    if (!keep) out.push_back(name);
  }
  return out;
}

std::vector<std::string> both(std::vector<std::string> a, const std::vector<std::string>& b) {
  for (const auto& name : b) {
    if (!has(a, name)) a.push_back(name);
  }
  return a;
}

const Devices kNone;

}  // namespace

Status InstanceReconciler::attach_missing(const Instance& wanted, const DomainView& view) {
  const Devices& live = view.live ? *view.live : kNone;
  for (const auto& disk : disks_of(wanted)) {
    const bool define = !has(view.defined.disks, disk.serial);
    const bool plug = view.live && !has(live.disks, disk.serial);
    if (view.live && !plug && disk.size_bytes > 0) {
      // Its guest works with the old size too: no fault, and tried again with the next look.
      const auto grown = hypervisor_.grow_disk(wanted.id, disk.serial, disk.size_bytes);
      if (!grown.ok())
        spdlog::warn("[{}] instance {}: {}", wanted.request_id, wanted.id, grown.error().message);
    }
    if (!define && !plug) continue;
    if (plug && !disk.encryption.empty()) HANOK_CHECK(hypervisor_.keep_secret(disk));
    if (define) HANOK_CHECK(hypervisor_.attach_disk(wanted.id, disk, true, false));
    if (plug) {
      // Decision 0007: a running guest gets it by QEMU's own driver, and by hanok-storage from its next
      // start.
      DiskSpec plugged = disk;
      plugged.socket.clear();
      HANOK_CHECK(hypervisor_.attach_disk(wanted.id, plugged, false, true));
    }
    spdlog::info("[{}] instance {}: volume {} attached", wanted.request_id, wanted.id, disk.serial);
  }
  for (const auto& nic : wanted.nics) {
    const bool define = !has(view.defined.nics, nic.mac);
    const bool plug = view.live && !has(live.nics, nic.mac);
    if (!define && !plug) continue;
    HANOK_CHECK(hypervisor_.attach_nic(wanted.id, nic, define, plug));
    spdlog::info("[{}] instance {}: port {} attached", wanted.request_id, wanted.id, nic.port_id);
  }
  return {};
}

// Before the guest starts: its firmware may boot from one of them.
Status InstanceReconciler::serve_disks(const Instance& wanted) {
  HANOK_TRY(cluster, store_.cluster_id());
  for (const auto& disk : disks_of(wanted)) {
    if (!disk.encryption.empty() && disk.socket.empty()) HANOK_CHECK(hypervisor_.keep_secret(disk));
    HANOK_CHECK(exports_.serve(disk, cluster));
  }
  return {};
}

// Of a guest that is off. Served or not: another flavor may have said otherwise when it was started.
Status InstanceReconciler::release_root(const Instance& wanted) {
  if (!wanted.root) return {};
  const Status released = exports_.release_socket(wanted.root_socket);
  const bool nobody = !released.ok() && released.error().code == ErrorCode::kUnavailable;
  return nobody && !wanted.root->vhost_user ? Status{} : released;
}

// What the guest no longer has, as `view` shows it, is served no longer.
Status InstanceReconciler::release_disks(const std::vector<DiskSpec>& disks, const DomainView& view) {
  for (const auto& disk : disks) {
    if (view.live && has(view.live->disks, disk.serial)) continue;
    HANOK_CHECK(exports_.release(disk));
    if (!disk.encryption.empty()) HANOK_CHECK(hypervisor_.forget_secret(disk.serial));
  }
  return {};
}

Status InstanceReconciler::detach_unwanted(const Instance& wanted, const DomainView& view) {
  const Devices& live = view.live ? *view.live : kNone;
  const auto disks = disks_of(wanted);
  const auto serial_of = [](const DiskSpec& disk) { return disk.serial; };
  for (const auto& serial : unwanted(both(view.defined.disks, live.disks), disks, serial_of)) {
    HANOK_CHECK(
        hypervisor_.detach_disk(wanted.id, serial, has(view.defined.disks, serial), has(live.disks, serial)));
  }
  const auto mac_of = [](const NicSpec& nic) { return nic.mac; };
  for (const auto& mac : unwanted(both(view.defined.nics, live.nics), wanted.nics, mac_of)) {
    HANOK_CHECK(hypervisor_.detach_nic(wanted.id, mac, has(view.defined.nics, mac), has(live.nics, mac)));
  }
  return {};
}

// A running guest is asked to let go and may take its time (it may still be booting): asked again until it
// did.
Result<InstanceReconciler::Wait> InstanceReconciler::devices(const Instance& wanted, DomainView& view) {
  HANOK_CHECK(attach_missing(wanted, view));
  // A request that is still pending is refused: that is no failure, the guest has not answered yet.
  const auto asked = detach_unwanted(wanted, view);
  if (!asked.ok() && (asked.error().code == ErrorCode::kUnavailable || !view.live)) return asked.error();
  HANOK_CHECK(look_again(wanted.id, view));
  HANOK_CHECK(release_disks(wanted.leaving, view));
  if (!view.live) return Wait{};
  const auto serial_of = [](const DiskSpec& disk) { return disk.serial; };
  const auto mac_of = [](const NicSpec& nic) { return nic.mac; };
  const bool settled = unwanted(view.live->disks, disks_of(wanted), serial_of).empty() &&
                       unwanted(view.live->nics, wanted.nics, mac_of).empty();
  return settled ? Wait{} : Wait{kLookAgainMs};
}

}  // namespace hanok::agent

#include "agents/compute/disk_exports.h"

namespace hanok::agent {

Status DiskExports::serve(const DiskSpec& disk, const std::string& cluster) const {
  if (disk.socket.empty()) return {};
  Json params = {{"pool", disk.pool},     {"image", disk.image},   {"socket", disk.socket},
                 {"serial", disk.serial}, {"queues", disk.queues}, {"cluster", cluster}};
  if (!disk.encryption.empty()) {
    params["encryption"] = {{"format", disk.encryption}, {"passphrase", disk.passphrase}};
  }
  HANOK_CHECK(call_("volume.attach", params));
  return {};
}

Status DiskExports::release(const DiskSpec& disk) const {
  return disk.socket.empty() ? Status{} : release_socket(disk.socket);
}

Status DiskExports::release_socket(const std::string& socket) const {
  HANOK_TRY(served, call_("volume.list", Json::object()));
  for (const Json& volume : served) {
    if (!volume.is_object() || volume.value("socket", "") != socket) continue;
    HANOK_CHECK(
        call_("volume.detach", {{"pool", volume.value("pool", "")}, {"image", volume.value("image", "")}}));
  }
  return {};
}

}  // namespace hanok::agent

#include "agents/compute/instance.h"

#include <algorithm>
#include <set>

#include "common/uuid.h"

namespace hanok::agent {
namespace {

constexpr std::size_t kMaxDevices = 64;
constexpr std::int64_t kMaxGib = 1 << 20;

Result<storage::ImageRef> read_image(const Json& object) {
  HANOK_TRY(pool, need_string(object, "pool"));
  HANOK_TRY(name, need_string(object, "name"));
  return storage::ImageRef{pool, name};
}

// Whether a disk reaches its guest by hanok-storage; else by QEMU's own RBD driver.
Result<bool> read_vhost_user(const Json& object, const std::string& where) {
  HANOK_TRY(transport, get_string(object, "transport"));
  if (transport == "vhost-user") return true;
  if (transport.value_or("rbd") == "rbd") return false;
  return bad_request(where + ": transport must be rbd or vhost-user, not " + *transport);
}

int disk_queues(const Instance& instance) {
  return std::min(instance.vcpus, kMaxDiskQueues);
}

Result<std::optional<RootDisk>> read_root(const Json& object) {
  HANOK_TRY(root, need_object(object, "root"));
  HANOK_TRY(type, need_string(*root, "type"));
  if (type == "volume") return std::optional<RootDisk>{};
  if (type != "image") return bad_request("root: type must be image or volume, not " + type);
  HANOK_TRY(image, need_object(*root, "image"));
  HANOK_TRY(disk, need_object(*root, "disk"));
  HANOK_TRY(source, read_image(*image));
  HANOK_TRY(snapshot, need_string(*image, "snapshot"));
  HANOK_TRY(format, get_string(*image, "format"));
  HANOK_TRY(target, read_image(*disk));
  HANOK_TRY(size, get_int(*root, "size_gib"));
  HANOK_TRY(vhost_user, read_vhost_user(*root, "root"));
  return std::optional<RootDisk>{
      RootDisk{{source, snapshot}, format.value_or("raw"), target, size.value_or(0), vhost_user}};
}

Result<std::vector<NicSpec>> read_nics(const Json& object, const std::string& socket_dir) {
  std::vector<NicSpec> out;
  HANOK_TRY(nics, get_array(object, "nics", kMaxDevices));
  if (nics == nullptr) return out;
  for (const auto& nic : *nics) {
    HANOK_TRY(port, need_string(nic, "port_id"));
    HANOK_TRY(mac, need_string(nic, "mac"));
    if (!is_uuid(port)) return bad_request("nics: port_id is no UUID");
    std::transform(mac.begin(), mac.end(), mac.begin(), [](unsigned char c) { return std::tolower(c); });
    out.push_back({port, mac, vhost_socket(socket_dir, port)});
  }
  return out;
}

Status read_volumes(const Json& object, const std::string& socket_dir, Instance& out) {
  HANOK_TRY(volumes, get_array(object, "volumes", kMaxDevices));
  if (volumes == nullptr) return {};
  for (const auto& volume : *volumes) {
    HANOK_TRY(attached, get_bool(volume, "attached"));
    HANOK_TRY(id, need_string(volume, "volume_id"));
    HANOK_TRY(pool, need_string(volume, "pool"));
    HANOK_TRY(image, need_string(volume, "image"));
    HANOK_TRY(device, get_string(volume, "device"));
    HANOK_TRY(boot_index, get_int(volume, "boot_index"));
    HANOK_TRY(size, get_int(volume, "size_gib"));
    HANOK_TRY(vhost_user, read_vhost_user(volume, "volumes"));
    HANOK_TRY(encryption, get_object(volume, "encryption"));
    std::string format, passphrase;
    if (encryption != nullptr) {
      HANOK_TRY(given_format, need_string(*encryption, "format"));
      HANOK_TRY(given_passphrase, need_string(*encryption, "passphrase"));
      if (storage::header_bytes(given_format) == 0) return bad_request("volumes: unknown encryption");
      format = given_format;
      passphrase = given_passphrase;
    }
    std::string name = device.value_or("");
    if (name.starts_with("/dev/")) name.erase(0, 5);
    (attached.value_or(true) ? out.volumes : out.leaving)
        .push_back({id, pool, image, name, boot_index.value_or(-1) == 0 ? 1 : 0,
                    static_cast<std::uint64_t>(std::clamp<std::int64_t>(size.value_or(0), 0, kMaxGib)) << 30U,
                    vhost_user ? disk_socket(socket_dir, id) : std::string{}, disk_queues(out), format,
                    passphrase});
  }
  return {};
}

Status read_serials(const Json& object, Instance& out) {
  HANOK_TRY(reboot, get_object(object, "reboot"));
  if (reboot != nullptr) {
    HANOK_TRY(serial, get_int(*reboot, "serial"));
    HANOK_TRY(type, get_string(*reboot, "type"));
    out.reboot_serial = serial.value_or(0);
    out.hard_reboot = type.value_or("HARD") != "SOFT";
  }
  HANOK_TRY(rebuild, get_int(object, "rebuild_serial"));
  out.rebuild_serial = rebuild.value_or(0);
  return {};
}

Status read_upload(const Json& object, Instance& out) {
  HANOK_TRY(upload, get_object(object, "upload"));
  if (upload == nullptr) return {};
  HANOK_TRY(id, need_string(*upload, "image_id"));
  HANOK_TRY(image, read_image(*upload));
  out.upload_image_id = id;
  out.upload = image;
  return {};
}

}  // namespace

std::string disk_socket(const std::string& socket_dir, const std::string& volume_id) {
  return socket_dir + kDiskSocketPrefix + volume_id + kSocketSuffix;
}

std::string vhost_socket(const std::string& socket_dir, const std::string& port_id) {
  return socket_dir + "/" + port_id + ".sock";
}

Result<Instance> read_instance(const std::string& id, const Json& object, const std::string& socket_dir) {
  if (!is_uuid(id)) return bad_request("instance: the id is no UUID");
  Instance out;
  out.id = id;
  HANOK_TRY(power, get_string(object, "power"));
  HANOK_TRY(request_id, get_string(object, "request_id"));
  HANOK_TRY(vcpus, get_int(object, "vcpus"));
  HANOK_TRY(ram, get_int(object, "ram_mib"));
  HANOK_TRY(deadline, get_int(object, "deadline_us"));
  HANOK_TRY(deleted, get_bool(object, "deleted"));
  HANOK_TRY(config_drive, get_object(object, "config_drive"));
  out.power = power.value_or("running");
  out.request_id = request_id.value_or("-");
  out.vcpus = static_cast<int>(std::clamp<std::int64_t>(vcpus.value_or(1), 1, 1024));
  out.ram_mib = std::max<std::int64_t>(ram.value_or(64), 1);
  out.deadline_us = deadline.value_or(0);
  out.deleted = deleted.value_or(false);
  if (config_drive != nullptr) out.config_drive = *config_drive;
  if (out.power != "running" && out.power != "stopped" && out.power != "paused" && out.power != "suspended") {
    return bad_request("power: '" + out.power + "' is no state that an instance can be brought to");
  }
  HANOK_TRY(root, read_root(object));
  HANOK_TRY(nics, read_nics(object, socket_dir));
  out.root = std::move(root);
  out.root_socket = disk_socket(socket_dir, id);
  out.nics = std::move(nics);
  HANOK_CHECK(read_volumes(object, socket_dir, out));
  HANOK_CHECK(read_serials(object, out));
  HANOK_CHECK(read_upload(object, out));
  return out;
}

void boot_by_qemu(Instance& instance) {
  if (instance.root) instance.root->vhost_user = false;
  for (auto& volume : instance.volumes) {
    if (volume.boot_order > 0 && !instance.root) volume.socket.clear();
  }
}

std::vector<DiskSpec> disks_of(const Instance& instance) {
  std::vector<DiskSpec> out;
  if (instance.root) {
    out.push_back({.serial = instance.id,
                   .pool = instance.root->disk.pool,
                   .image = instance.root->disk.name,
                   .device = "vda",
                   .boot_order = 1,
                   .socket = instance.root->vhost_user ? instance.root_socket : std::string{},
                   .queues = disk_queues(instance)});
  }
  std::vector<DiskSpec> volumes = instance.volumes;
  std::stable_sort(volumes.begin(), volumes.end(),
                   [](const DiskSpec& a, const DiskSpec& b) { return a.boot_order > b.boot_order; });
  std::set<std::string> taken = {"vda"};
  for (const auto& volume : volumes) taken.insert(volume.device);
  bool first_is_free = !instance.root;
  std::set<std::string> given;
  if (instance.root) given.insert("vda");
  for (auto& volume : volumes) {
    const bool usable = volume.device.starts_with("vd") && !given.contains(volume.device);
    if (!usable && first_is_free) volume.device = "vda";
    if (!volume.device.starts_with("vd") || given.contains(volume.device)) {
      char letter = 'b';
      while (letter < 'z' && taken.contains(std::string("vd") + letter)) ++letter;
      volume.device = std::string("vd") + letter;
    }
    first_is_free = first_is_free && volume.device != "vda";
    taken.insert(volume.device);
    given.insert(volume.device);
    if (instance.root) volume.boot_order = 0;
    out.push_back(volume);
  }
  return out;
}

}  // namespace hanok::agent

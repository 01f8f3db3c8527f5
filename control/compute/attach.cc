#include "control/compute/attach.h"

#include <fmt/format.h>

#include <set>

#include "common/uuid.h"
#include "control/compute/tasks.h"
#include "control/volume/volume.h"

namespace hanok::compute {
namespace {

constexpr const char* kOwner = "compute:nova";

// What the request named wrongly is the request's fault.
Error absent_as_bad_request(Error error) {
  if (error.code == ErrorCode::kNotFound) error.code = ErrorCode::kBadRequest;
  return error;
}

bool is_disk_name(const std::string& name) {
  if (name.size() < 3 || name.size() > 4) return false;
  if (name.compare(0, 2, "vd") != 0 && name.compare(0, 2, "sd") != 0 && name.compare(0, 2, "xvd") != 0)
    return false;
  return std::all_of(name.begin() + 2, name.end(), [](char c) { return c >= 'a' && c <= 'z'; });
}

Result<volume::VolumeView> make_volume(store::Tx& tx, const http::Request& request, const BlockDevice& device,
                                       std::int64_t now_us) {
  volume::NewVolume spec{.project_id = request.caller.project_id,
                         .user_id = request.caller.user_id,
                         .name = "",
                         .size_gib = device.size_gib,
                         .image_id = {},
                         .snapshot_id = {}};
  if (device.source == "image") spec.image_id = device.uuid;
  if (device.source == "snapshot") spec.snapshot_id = device.uuid;
  auto made = volume::create_volume(tx, spec, now_us);
  if (!made.ok()) return absent_as_bad_request(made.take_error());
  return made;
}

Result<volume::VolumeView> existing_volume(store::Tx& tx, const http::Request& request,
                                           const BlockDevice& device) {
  auto found = volume::find_volume(tx, device.uuid, request.caller.project_id, request.caller.is_admin);
  if (!found.ok()) {
    return bad_request(fmt::format("Block Device Mapping is Invalid: failed to get volume {}.", device.uuid));
  }
  if (device.boot_index == 0 && !found->bootable) {
    return bad_request(fmt::format("Block Device {} is not bootable.", device.uuid));
  }
  return found;
}

}  // namespace

Status check_free_port(store::Tx& tx, const http::Request& request, const std::string& port_id) {
  auto port = network::get_port(tx, port_id);
  if (!port.ok() || (port->project_id != request.caller.project_id && !request.caller.is_admin)) {
    return bad_request(fmt::format("Port id {} could not be found.", port_id));
  }
  if (!port->device_id.empty()) return conflict(fmt::format("Port {} is still in use.", port_id));
  return {};
}

Result<std::string> attach_nic(store::Tx& tx, const http::Request& request, const Server& server,
                               const NicRequest& nic, const std::vector<std::string>& groups,
                               std::int64_t now_us) {
  std::string port_id = nic.port_id;
  if (port_id.empty()) {
    auto port = network::create_port(tx,
                                     {.network_id = nic.network_id,
                                      .project_id = server.project_id,
                                      .device_id = server.id,
                                      .device_owner = kOwner,
                                      .host = server.host,
                                      .name = "",
                                      .hostname = server.hostname,
                                      .fixed_ip = nic.fixed_ip,
                                      .security_groups = groups},
                                     now_us);
    if (!port.ok()) return absent_as_bad_request(port.take_error());
    port_id = port->id;
  } else {
    HANOK_CHECK(check_free_port(tx, request, port_id));
    HANOK_CHECK(network::bind_port(tx, port_id, server.id, kOwner, server.host, server.hostname, now_us));
  }
  HANOK_CHECK(
      tx.execute("INSERT OR REPLACE INTO server_ports (server_id, port_id, ours, tag) VALUES (?, ?, ?, ?)",
                 {server.id, port_id, nic.port_id.empty(), nic.tag}));
  return port_id;
}

Result<std::string> pick_device(store::Tx& tx, const Server& server, const std::string& wished) {
  HANOK_TRY(rows, tx.query("SELECT device FROM server_volumes WHERE server_id = ?", {server.id}));
  std::set<std::string> taken;
  if (!server.image_id.empty()) taken.insert(server.root_device);
  for (const auto& row : rows) taken.insert(row.text("device"));
  if (!wished.empty()) {
    const std::string name = wished.compare(0, 5, "/dev/") == 0 ? wished.substr(5) : wished;
    if (!is_disk_name(name)) return bad_request("The supplied device path is invalid.");
    if (taken.contains("/dev/" + name)) {
      return bad_request(fmt::format("The supplied device path (/dev/{}) is in use.", name));
    }
    return "/dev/" + name;
  }
  for (char letter = 'a'; letter <= 'z'; ++letter) {
    const std::string name = std::string("/dev/vd") + letter;
    const bool reserved = name == server.root_device && !server.image_id.empty();
    if (!reserved && !taken.contains(name)) return name;
  }
  return forbidden(
      "The maximum allowed number of disk devices (26) to attach to a single instance has been exceeded.");
}

Result<ServerVolume> insert_volume(store::Tx& tx, ServerVolume volume) {
  if (volume.bdm_id.empty()) volume.bdm_id = new_uuid();
  HANOK_CHECK(tx.execute(
      "INSERT INTO server_volumes (server_id, volume_id, attachment_id, bdm_id, device, boot_index,"
      " delete_on_termination, tag, state, generation, deadline_us)"
      " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      {volume.server_id, volume.volume_id, volume.attachment_id, volume.bdm_id, volume.device,
       volume.boot_index, volume.delete_on_termination, volume.tag, volume.state, volume.generation,
       volume.deadline_us}));
  return volume;
}

Status attach_device(store::Tx& tx, const http::Request& request, const Server& server,
                     const BlockDevice& device, std::int64_t now_us) {
  const bool root = device.boot_index == 0;
  HANOK_TRY(name, pick_device(tx, server, root ? server.root_device : device.device));
  ServerVolume row{.seq = 0,
                   .server_id = server.id,
                   .volume_id = device.uuid,
                   .attachment_id = "",
                   .bdm_id = "",
                   .device = name,
                   .boot_index = device.boot_index,
                   .delete_on_termination = device.delete_on_termination,
                   .tag = device.tag,
                   .state = "attaching",
                   .generation = 0,
                   .deadline_us = 0};  // the build's own deadline holds
  if (device.source != "volume") {
    HANOK_TRY(made, make_volume(tx, request, device, now_us));
    row.volume_id = made.id;
    row.state = "creating";
    HANOK_CHECK(insert_volume(tx, row));
    return {};
  }
  HANOK_CHECK(existing_volume(tx, request, device));
  auto attachment = volume::begin_attach(tx, device.uuid, server.id, server.host, name, now_us);
  if (!attachment.ok()) {
    auto error = attachment.take_error();
    if (error.code == ErrorCode::kConflict) error.code = ErrorCode::kBadRequest;
    return error;
  }
  row.attachment_id = attachment->id;
  HANOK_CHECK(insert_volume(tx, row));
  return {};
}

Status attach_created(store::Tx& tx, Server& server, ServerVolume& volume, std::int64_t now_us) {
  HANOK_TRY(attachment,
            volume::begin_attach(tx, volume.volume_id, server.id, server.host, volume.device, now_us));
  volume.attachment_id = attachment.id;
  volume.state = "attaching";
  HANOK_CHECK(tx.execute(
      "UPDATE server_volumes SET state = 'attaching', attachment_id = ?, deadline_us = ? WHERE seq = ?",
      {volume.attachment_id, server.deadline_us > 0 ? 0 : now_us + kVolumeSeconds * kSecond_us, volume.seq}));
  return change_server(tx, server, now_us);
}

}  // namespace hanok::compute

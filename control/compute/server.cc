#include "control/compute/server.h"

#include <fmt/format.h>

namespace hanok::compute {
namespace {

std::optional<std::string> old_flavor_text(const Server& server) {
  if (!server.old_flavor) return std::nullopt;
  return dump_json(flavor_to_json(*server.old_flavor));
}

// What the server takes from its host and its project's quota: the larger flavor while a resize is open.
struct Footprint {
  std::int64_t vcpus, ram_mib, disk_gib;
};
Footprint footprint_of(const Server& server) {
  if (server.deleted) return {0, 0, 0};
  const auto disk = [&](const Flavor& flavor) { return server.image_id.empty() ? 0 : flavor.disk_gib; };
  Footprint out{server.flavor.vcpus, server.flavor.ram_mib, disk(server.flavor)};
  if (server.old_flavor) {
    out.vcpus = std::max(out.vcpus, server.old_flavor->vcpus);
    out.ram_mib = std::max(out.ram_mib, server.old_flavor->ram_mib);
    out.disk_gib = std::max(out.disk_gib, disk(*server.old_flavor));
  }
  return out;
}

}  // namespace

std::string server_columns() {
  return "seq, id, name, description, hostname, project_id, user_id, flavor, old_flavor, image_id, image, "
         "host, "
         "zone, vm_state, task_state, power_state, power_wanted, delete_wanted, deleted, heals, "
         "reboot_serial, "
         "reboot_type, rebuild_serial, upload_image_id, generation, deadline_us, request_id, locked, "
         "locked_reason, "
         "key_name, key_public, key_type, user_data, config_drive, disk_config, access_ipv4, access_ipv6, "
         "reservation_id, launch_index, root_device, fault_code, fault_message, fault_details, fault_us, "
         "created_us, updated_us, launched_us, terminated_us";
}

Server read_server(const store::Row& row) {
  Server out;
  out.seq = row.integer("seq");
  out.id = row.text("id");
  out.name = row.text("name");
  out.description = row.maybe_text("description");
  out.hostname = row.text("hostname");
  out.project_id = row.text("project_id");
  out.user_id = row.text("user_id");
  out.flavor = flavor_from_json(row.json("flavor"));
  if (!row.is_null("old_flavor")) out.old_flavor = flavor_from_json(row.json("old_flavor"));
  out.image_id = row.text("image_id");
  out.image = row.json("image");
  out.host = row.text("host");
  out.zone = row.text("zone");
  out.vm_state = row.text("vm_state");
  out.task_state = row.text("task_state");
  out.power_state = static_cast<int>(row.integer("power_state"));
  out.power_wanted = row.text("power_wanted");
  out.delete_wanted = row.boolean("delete_wanted");
  out.deleted = row.boolean("deleted");
  out.heals = row.boolean("heals");
  out.reboot_serial = row.integer("reboot_serial");
  out.reboot_type = row.text("reboot_type");
  out.rebuild_serial = row.integer("rebuild_serial");
  out.upload_image_id = row.text("upload_image_id");
  out.generation = row.integer("generation");
  out.deadline_us = row.integer("deadline_us");
  out.request_id = row.text("request_id");
  out.locked = row.boolean("locked");
  out.locked_reason = row.maybe_text("locked_reason");
  out.key_name = row.maybe_text("key_name");
  out.key_public = row.maybe_text("key_public");
  out.key_type = row.maybe_text("key_type");
  out.user_data = row.maybe_text("user_data");
  out.config_drive = row.boolean("config_drive");
  out.disk_config = row.text("disk_config");
  out.access_ipv4 = row.text("access_ipv4");
  out.access_ipv6 = row.text("access_ipv6");
  out.reservation_id = row.text("reservation_id");
  out.launch_index = row.integer("launch_index");
  out.root_device = row.text("root_device");
  out.fault = {.code = static_cast<int>(row.integer("fault_code")),
               .message = row.text("fault_message"),
               .details = row.text("fault_details"),
               .at_us = row.integer("fault_us")};
  out.created_us = row.integer("created_us");
  out.updated_us = row.integer("updated_us");
  out.launched_us = row.integer("launched_us");
  out.terminated_us = row.integer("terminated_us");
  return out;
}

Result<std::optional<Server>> load_server(store::Tx& tx, const std::string& id) {
  HANOK_TRY(row, tx.query_one(fmt::format("SELECT {} FROM servers WHERE id = ?", server_columns()), {id}));
  if (!row) return std::optional<Server>{};
  return std::optional<Server>{read_server(*row)};
}

Result<Server> find_server(store::Tx& tx, const std::string& id, const http::Caller& caller) {
  HANOK_TRY(server, load_server(tx, id));
  if (!server || server->deleted || (!caller.is_admin && server->project_id != caller.project_id)) {
    return not_found(fmt::format("Instance {} could not be found.", id.substr(0, 255)));
  }
  return std::move(*server);
}

Result<Server> find_unlocked(store::Tx& tx, const http::Request& request) {
  HANOK_TRY(server, find_server(tx, request.param("id"), request.caller));
  if (server.locked && !request.caller.is_admin) {
    return conflict(fmt::format("Instance {} is locked", server.id));
  }
  return server;
}

Status insert_server(store::Tx& tx, Server& server) {
  const auto size = footprint_of(server);
  HANOK_CHECK(
      tx.execute("INSERT INTO servers (id, name, description, hostname, project_id, user_id, flavor, "
                 "old_flavor, image_id, image,"
                 " host, zone, vcpus, ram_mib, disk_gib, vm_state, task_state, power_state, power_wanted, "
                 "delete_wanted, deleted,"
                 " heals, reboot_serial, reboot_type, rebuild_serial, upload_image_id, generation, "
                 "deadline_us, request_id,"
                 " locked, locked_reason, key_name, key_public, key_type, user_data, config_drive, "
                 "disk_config, access_ipv4,"
                 " access_ipv6, reservation_id, launch_index, root_device, fault_code, fault_message, "
                 "fault_details, fault_us,"
                 " created_us, updated_us, launched_us, terminated_us)"
                 " VALUES (?, ?, ?, ?, ?, ?, ?, NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0, 0, ?, 0, '', "
                 "0, ?, ?, 0, NULL,"
                 " ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, '', '', 0, ?, ?, 0, 0)",
                 {server.id,
                  server.name,
                  server.description,
                  server.hostname,
                  server.project_id,
                  server.user_id,
                  flavor_to_json(server.flavor),
                  server.image_id,
                  server.image,
                  server.host,
                  server.zone,
                  size.vcpus,
                  size.ram_mib,
                  size.disk_gib,
                  server.vm_state,
                  server.task_state,
                  server.power_state,
                  server.power_wanted,
                  server.reboot_type,
                  server.deadline_us,
                  server.request_id,
                  server.key_name,
                  server.key_public,
                  server.key_type,
                  server.user_data,
                  server.config_drive,
                  server.disk_config,
                  server.access_ipv4,
                  server.access_ipv6,
                  server.reservation_id,
                  server.launch_index,
                  server.root_device,
                  server.created_us,
                  server.created_us}));
  return {};
}

Status save_server(store::Tx& tx, Server& server, std::int64_t now_us) {
  server.updated_us = now_us;
  const auto size = footprint_of(server);
  HANOK_CHECK(tx.execute(
      "UPDATE servers SET name = ?, description = ?, hostname = ?, flavor = ?, old_flavor = ?, image_id = ?, "
      "image = ?,"
      " host = ?, vcpus = ?, ram_mib = ?, disk_gib = ?, vm_state = ?, task_state = ?, power_state = ?,"
      " power_wanted = ?, delete_wanted = ?, deleted = ?, heals = ?, reboot_serial = ?, reboot_type = ?,"
      " rebuild_serial = ?, upload_image_id = ?, generation = ?, deadline_us = ?, request_id = ?, locked = ?,"
      " locked_reason = ?, key_name = ?, key_public = ?, key_type = ?, user_data = ?, disk_config = ?,"
      " access_ipv4 = ?, access_ipv6 = ?, root_device = ?, fault_code = ?, fault_message = ?, fault_details "
      "= ?,"
      " fault_us = ?, updated_us = ?, launched_us = ?, terminated_us = ? WHERE id = ?",
      {server.name,
       server.description,
       server.hostname,
       flavor_to_json(server.flavor),
       old_flavor_text(server),
       server.image_id,
       server.image,
       server.host,
       size.vcpus,
       size.ram_mib,
       size.disk_gib,
       server.vm_state,
       server.task_state,
       server.power_state,
       server.power_wanted,
       server.delete_wanted,
       server.deleted,
       server.heals,
       server.reboot_serial,
       server.reboot_type,
       server.rebuild_serial,
       server.upload_image_id,
       server.generation,
       server.deadline_us,
       server.request_id,
       server.locked,
       server.locked_reason,
       server.key_name,
       server.key_public,
       server.key_type,
       server.user_data,
       server.disk_config,
       server.access_ipv4,
       server.access_ipv6,
       server.root_device,
       server.fault.code,
       server.fault.message,
       server.fault.details,
       server.fault.at_us,
       server.updated_us,
       server.launched_us,
       server.terminated_us,
       server.id}));
  return {};
}

Status change_server(store::Tx& tx, Server& server, std::int64_t now_us) {
  HANOK_CHECK(tx.touch("instance", server.id));
  server.generation = tx.generation();
  return save_server(tx, server, now_us);
}

Result<std::vector<ServerVolume>> volumes_of(store::Tx& tx, const std::string& server_id) {
  HANOK_TRY(rows, tx.query("SELECT * FROM server_volumes WHERE server_id = ? ORDER BY seq", {server_id}));
  std::vector<ServerVolume> out;
  for (const auto& row : rows) {
    out.push_back({.seq = row.integer("seq"),
                   .server_id = row.text("server_id"),
                   .volume_id = row.text("volume_id"),
                   .attachment_id = row.text("attachment_id"),
                   .bdm_id = row.text("bdm_id"),
                   .device = row.text("device"),
                   .boot_index = row.integer("boot_index"),
                   .delete_on_termination = row.boolean("delete_on_termination"),
                   .tag = row.maybe_text("tag"),
                   .state = row.text("state"),
                   .generation = row.integer("generation"),
                   .deadline_us = row.integer("deadline_us")});
  }
  return out;
}

}  // namespace hanok::compute

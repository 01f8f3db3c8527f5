// The tables of the compute service. A change of schema is a new migration at the end, never an edit.

#include "control/compute/compute.h"

namespace hanok::compute {
namespace {

constexpr const char* kFirst = R"sql(
CREATE TABLE flavors (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL UNIQUE,
  vcpus INTEGER NOT NULL, ram_mib INTEGER NOT NULL, disk_gib INTEGER NOT NULL,
  ephemeral_gib INTEGER NOT NULL, swap_mib INTEGER NOT NULL, rxtx_factor REAL NOT NULL,
  is_public INTEGER NOT NULL, description TEXT, created_us INTEGER NOT NULL);
CREATE TABLE flavor_extra_specs (
  flavor_id TEXT NOT NULL REFERENCES flavors(id) ON DELETE CASCADE, name TEXT NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY (flavor_id, name));
CREATE TABLE flavor_access (
  flavor_id TEXT NOT NULL REFERENCES flavors(id) ON DELETE CASCADE, project_id TEXT NOT NULL,
  PRIMARY KEY (flavor_id, project_id));

CREATE TABLE keypairs (
  id INTEGER PRIMARY KEY AUTOINCREMENT, user_id TEXT NOT NULL, name TEXT NOT NULL, type TEXT NOT NULL,
  public_key TEXT NOT NULL, fingerprint TEXT NOT NULL, created_us INTEGER NOT NULL, UNIQUE (user_id, name));

CREATE TABLE servers (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, description TEXT,
  hostname TEXT NOT NULL, project_id TEXT NOT NULL, user_id TEXT NOT NULL,
  flavor TEXT NOT NULL, old_flavor TEXT, image_id TEXT NOT NULL, image TEXT,
  host TEXT NOT NULL, zone TEXT NOT NULL,
  vcpus INTEGER NOT NULL, ram_mib INTEGER NOT NULL, disk_gib INTEGER NOT NULL,
  vm_state TEXT NOT NULL, task_state TEXT NOT NULL, power_state INTEGER NOT NULL,
  power_wanted TEXT NOT NULL, delete_wanted INTEGER NOT NULL, deleted INTEGER NOT NULL, heals INTEGER NOT NULL,
  reboot_serial INTEGER NOT NULL, reboot_type TEXT NOT NULL, rebuild_serial INTEGER NOT NULL,
  upload_image_id TEXT NOT NULL, generation INTEGER NOT NULL, deadline_us INTEGER NOT NULL,
  request_id TEXT NOT NULL, locked INTEGER NOT NULL, locked_reason TEXT,
  key_name TEXT, key_public TEXT, key_type TEXT, user_data TEXT, config_drive INTEGER NOT NULL,
  disk_config TEXT NOT NULL, access_ipv4 TEXT NOT NULL, access_ipv6 TEXT NOT NULL,
  reservation_id TEXT NOT NULL, launch_index INTEGER NOT NULL, root_device TEXT NOT NULL,
  fault_code INTEGER NOT NULL, fault_message TEXT NOT NULL, fault_details TEXT NOT NULL,
  fault_us INTEGER NOT NULL,
  created_us INTEGER NOT NULL, updated_us INTEGER NOT NULL, launched_us INTEGER NOT NULL,
  terminated_us INTEGER NOT NULL);
CREATE INDEX servers_by_project ON servers (project_id, deleted, seq);
CREATE INDEX servers_by_host ON servers (host, deleted);
CREATE INDEX servers_waiting ON servers (deadline_us) WHERE deadline_us > 0;
CREATE INDEX servers_terminated ON servers (terminated_us) WHERE deleted = 1;

CREATE TABLE server_metadata (
  server_id TEXT NOT NULL REFERENCES servers(id) ON DELETE CASCADE, name TEXT NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY (server_id, name));
CREATE TABLE server_tags (
  server_id TEXT NOT NULL REFERENCES servers(id) ON DELETE CASCADE, tag TEXT NOT NULL,
  PRIMARY KEY (server_id, tag));
CREATE TABLE server_ports (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  server_id TEXT NOT NULL REFERENCES servers(id) ON DELETE CASCADE, port_id TEXT NOT NULL UNIQUE,
  ours INTEGER NOT NULL, tag TEXT);
CREATE INDEX server_ports_by_server ON server_ports (server_id);
CREATE TABLE server_volumes (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  server_id TEXT NOT NULL REFERENCES servers(id) ON DELETE CASCADE, volume_id TEXT NOT NULL,
  attachment_id TEXT NOT NULL, bdm_id TEXT NOT NULL, device TEXT NOT NULL, boot_index INTEGER NOT NULL,
  delete_on_termination INTEGER NOT NULL, tag TEXT, state TEXT NOT NULL, generation INTEGER NOT NULL,
  deadline_us INTEGER NOT NULL, UNIQUE (server_id, volume_id));
CREATE INDEX server_volumes_by_volume ON server_volumes (volume_id);

CREATE TABLE server_actions (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  server_id TEXT NOT NULL REFERENCES servers(id) ON DELETE CASCADE, action TEXT NOT NULL,
  event TEXT NOT NULL, host TEXT NOT NULL, request_id TEXT NOT NULL, user_id TEXT NOT NULL,
  project_id TEXT NOT NULL, start_us INTEGER NOT NULL, updated_us INTEGER NOT NULL,
  finish_us INTEGER NOT NULL, result TEXT NOT NULL, message TEXT);
CREATE INDEX server_actions_by_server ON server_actions (server_id, seq);

CREATE TABLE server_groups (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
  project_id TEXT NOT NULL, user_id TEXT NOT NULL, policy TEXT NOT NULL, rules TEXT NOT NULL);
CREATE TABLE server_group_members (
  group_id TEXT NOT NULL REFERENCES server_groups(id) ON DELETE CASCADE,
  server_id TEXT NOT NULL REFERENCES servers(id) ON DELETE CASCADE, PRIMARY KEY (group_id, server_id));

CREATE TABLE compute_quotas (
  project_id TEXT NOT NULL, resource TEXT NOT NULL, hard_limit INTEGER NOT NULL,
  PRIMARY KEY (project_id, resource));
CREATE TABLE compute_services (
  host TEXT PRIMARY KEY, id TEXT NOT NULL UNIQUE, seq INTEGER NOT NULL, disabled INTEGER NOT NULL,
  reason TEXT, forced_down INTEGER NOT NULL);
)sql";

}  // namespace

store::Module compute_module() {
  return {.name = "compute", .migrations = {{1, kFirst}}};
}

}  // namespace hanok::compute

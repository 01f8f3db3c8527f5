#pragma once
// A server as the database has it, and the few ways to load and save it.
//
// What is wanted (power_wanted, delete_wanted, reboot_serial, rebuild_serial, flavor, volumes) is what agents
// see; vm_state and task_state are what clients see. A report that carries at least `generation` has seen
// what is wanted.

#include <optional>
#include <string>
#include <vector>

#include "control/compute/context.h"
#include "control/compute/flavors.h"
#include "control/network/network.h"
#include "storage/block/block_store.h"

namespace hanok::compute {

struct Fault {
  int code = 0;  // 0: none
  std::string message, details;
  std::int64_t at_us = 0;
};

struct Server {
  std::int64_t seq = 0;
  std::string id, name;
  std::optional<std::string> description;
  std::string hostname, project_id, user_id;
  Flavor flavor;
  std::optional<Flavor> old_flavor;  // while a resize waits to be confirmed
  std::string image_id;              // empty: booted from a volume
  Json image;                        // what the agent needs of it: {"format","min_ram_mib","min_disk_gib"}
  std::string host, zone;            // host empty: not placed
  std::string vm_state = "building", task_state;
  int power_state = 0;  // 0 none, 1 running, 3 paused, 4 shut down, 7 suspended
  std::string power_wanted = "running";
  bool delete_wanted = false, deleted = false;
  bool heals = false;  // an ERROR that a good report ends (a deadline or an agent's fault, not an operator's)
  std::int64_t reboot_serial = 0, rebuild_serial = 0, generation = 0, deadline_us = 0;
  std::string reboot_type = "HARD", upload_image_id, request_id;
  bool locked = false;
  std::optional<std::string> locked_reason, key_name, key_public, key_type, user_data;
  bool config_drive = false;
  std::string disk_config = "MANUAL", access_ipv4, access_ipv6, reservation_id;
  std::int64_t launch_index = 0;
  std::string root_device = "/dev/vda";
  Fault fault;
  std::int64_t created_us = 0, updated_us = 0, launched_us = 0, terminated_us = 0;
};

// A volume of a server. state: attaching, attached, detaching.
struct ServerVolume {
  std::int64_t seq = 0;
  std::string server_id, volume_id, attachment_id, bdm_id, device;
  std::int64_t boot_index = -1;
  bool delete_on_termination = false;
  std::optional<std::string> tag;
  std::string state;
  std::int64_t generation = 0, deadline_us = 0;
};

[[nodiscard]] std::string server_columns();
[[nodiscard]] Server read_server(const store::Row& row);
// Deleted ones too; nullopt when there is no such row.
[[nodiscard]] Result<std::optional<Server>> load_server(store::Tx& tx, const std::string& id);
// The caller's own, or any for an administrator; kNotFound otherwise and for deleted ones.
[[nodiscard]] Result<Server> find_server(store::Tx& tx, const std::string& id, const http::Caller& caller);
// As find_server, and kConflict when it is locked and the caller is no administrator.
[[nodiscard]] Result<Server> find_unlocked(store::Tx& tx, const http::Request& request);

[[nodiscard]] Status insert_server(store::Tx& tx, Server& server);
// Saves what may change; updated_us becomes now.
[[nodiscard]] Status save_server(store::Tx& tx, Server& server, std::int64_t now_us);
// What agents must do has changed: tells them, then saves.
[[nodiscard]] Status change_server(store::Tx& tx, Server& server, std::int64_t now_us);

[[nodiscard]] Result<std::vector<ServerVolume>> volumes_of(store::Tx& tx, const std::string& server_id);

// Its root disk, if it has one that is no volume.
[[nodiscard]] inline storage::ImageRef root_image(const Server& server) {
  return {"vms", server.id + "_disk"};
}

// Turns a server's state into the status that clients see: ACTIVE, BUILD, SHUTOFF, ...
[[nodiscard]] std::string status_of(const Server& server);
[[nodiscard]] bool known_status(const std::string& status);

// {"server": ...} as GET /servers/{id} shows it at the request's microversion. detail_of is for lists.
enum class View { kShow, kDetail, kUpdate };
[[nodiscard]] Result<Json> server_view(store::Tx& tx, const http::Request& request, const Server& server,
                                       View view);
[[nodiscard]] Json server_summary(const http::Request& request, const Server& server);
// {"net name": [{"addr","version", ...}]}
[[nodiscard]] Json addresses_view(const std::vector<network::PortView>& ports, bool with_types);

}  // namespace hanok::compute

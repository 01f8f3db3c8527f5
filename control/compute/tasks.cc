#include "control/compute/tasks.h"

#include "control/compute/actions.h"
#include "control/image/image.h"
#include "control/volume/volume.h"

namespace hanok::compute {
namespace {

// What is gone already is as good as given back.
Status ignore_missing(Status status) {
  if (!status.ok() && status.error().code == ErrorCode::kNotFound) return {};
  return status;
}

}  // namespace

void begin_task(Server& server, const std::string& task_state, std::int64_t seconds, std::int64_t now_us) {
  server.task_state = task_state;
  server.deadline_us = now_us + seconds * kSecond_us;
}

void end_task(Server& server) {
  server.task_state.clear();
  server.deadline_us = 0;
}

void set_error(Server& server, int code, const std::string& message, const std::string& details, bool heals,
               std::int64_t now_us) {
  server.vm_state = "error";
  server.heals = heals;
  server.fault = {
      .code = code, .message = message.substr(0, 255), .details = details.substr(0, 4096), .at_us = now_us};
  end_task(server);
}

std::string vm_state_of(const std::string& power) {
  return power == "running" ? "active" : power;
}

int power_state_of(const std::string& power) {
  if (power == "running") return 1;
  if (power == "paused") return 3;
  if (power == "stopped") return 4;
  if (power == "suspended") return 7;
  return 0;
}

Status start_delete(store::Tx& tx, Server& server, std::int64_t now_us) {
  server.delete_wanted = true;
  if (server.host.empty()) return finish_delete(tx, server, now_us);
  begin_task(server, "deleting", kDeleteSeconds, now_us);
  return change_server(tx, server, now_us);
}

Status give_up_upload(store::Tx& tx, Server& server, std::int64_t now_us) {
  if (server.upload_image_id.empty()) return {};
  HANOK_CHECK(image::fail_image(tx, server.upload_image_id, root_image(server), now_us));
  server.upload_image_id.clear();
  return {};
}

Status finish_delete(store::Tx& tx, Server& server, std::int64_t now_us) {
  HANOK_CHECK(give_up_upload(tx, server, now_us));
  HANOK_TRY(ports, tx.query("SELECT port_id, ours FROM server_ports WHERE server_id = ?", {server.id}));
  for (const auto& port : ports) {
    HANOK_CHECK(drop_port(tx, port.text("port_id"), port.boolean("ours"), now_us));
  }
  HANOK_TRY(volumes, volumes_of(tx, server.id));
  for (const auto& volume : volumes) HANOK_CHECK(drop_volume(tx, volume, DropReason::kServerDeleted, now_us));
  HANOK_CHECK(tx.execute("DELETE FROM server_group_members WHERE server_id = ?", {server.id}));
  server.vm_state = "deleted";
  server.deleted = true;
  server.power_state = 0;
  server.terminated_us = now_us;
  end_task(server);
  HANOK_CHECK(finish_action(tx, server.id, "", now_us));
  return change_server(tx, server, now_us);
}

Status drop_volume(store::Tx& tx, const ServerVolume& volume, DropReason reason, std::int64_t now_us) {
  const Status detached = volume::complete_detach(tx, volume.volume_id, volume.server_id, now_us);
  HANOK_CHECK(ignore_missing(detached));
  HANOK_CHECK(tx.execute("DELETE FROM server_volumes WHERE seq = ?", {volume.seq}));
  // One that is still being made was never attached; one that lost its attachment otherwise is not ours.
  const bool ours = detached.ok() || volume.state == "creating";
  const bool goes = reason == DropReason::kServerDeleted && volume.delete_on_termination && ours;
  return goes ? volume::delete_with_server(tx, volume.volume_id, now_us) : Status{};
}

Status drop_port(store::Tx& tx, const std::string& port_id, bool ours, std::int64_t now_us) {
  HANOK_CHECK(
      ignore_missing(ours ? network::delete_port(tx, port_id) : network::unbind_port(tx, port_id, now_us)));
  HANOK_CHECK(tx.execute("DELETE FROM server_ports WHERE port_id = ?", {port_id}));
  return {};
}

}  // namespace hanok::compute

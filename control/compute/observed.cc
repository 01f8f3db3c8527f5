#include "control/compute/observed.h"

#include <fmt/format.h>

#include <set>

#include "control/compute/actions.h"
#include "control/compute/tasks.h"
#include "control/image/image.h"
#include "control/volume/volume.h"

namespace hanok::compute {
namespace {

struct Report {
  std::string state, fault_message, fault_details;
  std::int64_t generation = 0, reboot_serial = 0, rebuild_serial = 0;
  std::optional<std::set<std::string>> volumes;
  std::string uploaded, upload_error;
  std::int64_t upload_bytes = 0;
};

Status parse_volumes(const Json& json, Report& out) {
  HANOK_TRY(list, get_array(json, "volumes", 64));
  if (list == nullptr) return {};
  out.volumes.emplace();
  for (const auto& item : *list) {
    if (!item.is_string()) return bad_request("volumes: it must be a list of ids");
    out.volumes->insert(item.get<std::string>());
  }
  return {};
}

// "uploaded": {"image_id", "size_bytes"} or {"image_id", "error": {"message"}}.
Status parse_upload(const Json& json, Report& out) {
  HANOK_TRY(upload, get_object(json, "uploaded"));
  if (upload == nullptr) return {};
  HANOK_TRY(id, need_string(*upload, "image_id"));
  out.uploaded = id;
  HANOK_TRY(size, get_int(*upload, "size_bytes"));
  out.upload_bytes = size.value_or(0);
  HANOK_TRY(error, get_object(*upload, "error"));
  if (error != nullptr) {
    HANOK_TRY(message, get_string(*error, "message", 4096));
    out.upload_error = message.value_or("unnamed error");
  }
  return {};
}

Result<Report> parse_report(const Json& json) {
  Report out;
  HANOK_TRY(state, need_string(json, "state"));
  out.state = state;
  HANOK_TRY(generation, get_int(json, "generation"));
  HANOK_TRY(reboot, get_int(json, "reboot_serial"));
  HANOK_TRY(rebuild, get_int(json, "rebuild_serial"));
  out.generation = generation.value_or(0);
  out.reboot_serial = reboot.value_or(0);
  out.rebuild_serial = rebuild.value_or(0);
  HANOK_CHECK(parse_volumes(json, out));
  HANOK_CHECK(parse_upload(json, out));
  HANOK_TRY(fault, get_object(json, "fault"));
  if (fault != nullptr) {
    HANOK_TRY(message, get_string(*fault, "message", 4096));
    HANOK_TRY(details, get_string(*fault, "details", 65536));
    out.fault_message = message.value_or("");
    out.fault_details = details.value_or("");
  }
  return out;
}

bool is_power(const std::string& state) {
  return power_state_of(state) != 0;
}

// Attachments that the guest has or no longer has.
Status apply_volumes(store::Tx& tx, const Server& server, const Report& report, std::int64_t now_us) {
  if (!report.volumes || !is_power(report.state)) return {};
  HANOK_TRY(volumes, volumes_of(tx, server.id));
  for (const auto& volume : volumes) {
    const bool there = report.volumes->contains(volume.volume_id);
    if (volume.state == "attaching" && there) {
      HANOK_CHECK(volume::complete_attach(tx, volume.volume_id, server.id, now_us));
      HANOK_CHECK(tx.execute("UPDATE server_volumes SET state = 'attached', deadline_us = 0 WHERE seq = ?",
                             {volume.seq}));
      if (server.task_state.empty()) HANOK_CHECK(finish_action(tx, server.id, "", now_us));
    } else if (volume.state == "detaching" && !there && report.generation >= volume.generation) {
      HANOK_CHECK(drop_volume(tx, volume, DropReason::kDetached, now_us));
      HANOK_CHECK(tx.touch("instance", server.id));
      if (server.task_state.empty()) HANOK_CHECK(finish_action(tx, server.id, "", now_us));
    }
  }
  return {};
}

// The snapshot of the root disk that createImage asked for is written, or failed.
Status apply_upload(store::Tx& tx, Server& server, const Report& report, std::int64_t now_us) {
  if (report.uploaded.empty() || report.uploaded != server.upload_image_id) return {};
  if (report.upload_error.empty()) {
    HANOK_CHECK(image::finish_image(tx, server.upload_image_id, report.upload_bytes, now_us));
    server.upload_image_id.clear();
  } else {
    HANOK_CHECK(give_up_upload(tx, server, now_us));
  }
  if (server.task_state.rfind("image_", 0) == 0) end_task(server);
  HANOK_CHECK(finish_action(tx, server.id, report.upload_error, now_us));
  return change_server(tx, server, now_us);
}

Status apply_fault(store::Tx& tx, Server& server, const Report& report, std::int64_t now_us) {
  const std::string message = report.fault_message.empty() ? "the agent gave no cause" : report.fault_message;
  if (server.vm_state == "error" && server.fault.message == message.substr(0, 255) &&
      server.task_state.empty()) {
    return {};  // said before
  }
  set_error(server, 500, message, report.fault_details, true, now_us);
  HANOK_CHECK(finish_action(tx, server.id, message, now_us));
  return save_server(tx, server, now_us);
}

// The state that ends the task in hand: reached, as far as the report tells?
bool task_done(const Server& server, const Report& report) {
  if (report.generation < server.generation) return false;
  if (report.state != server.power_wanted) return false;
  return report.reboot_serial >= server.reboot_serial && report.rebuild_serial >= server.rebuild_serial;
}

void reach(Server& server, const std::string& state, std::int64_t now_us) {
  const std::string task = server.task_state;
  server.power_state = power_state_of(state);
  if (task == "resize_finish") {
    server.vm_state = "resized";
  } else {
    server.vm_state = vm_state_of(state);
    if (task == "resize_reverting") server.old_flavor.reset();
  }
  if (server.launched_us == 0) server.launched_us = now_us;
  server.heals = false;
  end_task(server);
}

// A guest that ended by itself stays off, as its owner would expect after a shutdown inside.
Status guest_stopped(store::Tx& tx, Server& server, std::int64_t now_us) {
  server.vm_state = "stopped";
  server.power_state = power_state_of("stopped");
  server.power_wanted = "stopped";
  return change_server(tx, server, now_us);
}

Status apply_state(store::Tx& tx, Server& server, const Report& report, std::int64_t now_us) {
  const bool snapshot = server.task_state.rfind("image_", 0) == 0;
  const bool waiting = !server.task_state.empty() && !snapshot;
  const bool broken = server.vm_state == "error" && server.heals;
  if (waiting || broken || server.vm_state == "building") {
    if (!task_done(server, report)) return {};
    reach(server, report.state, now_us);
    HANOK_CHECK(finish_action(tx, server.id, "", now_us));
    return save_server(tx, server, now_us);
  }
  const bool current = report.generation >= server.generation;
  if (current && report.state == "stopped" && server.power_wanted == "running" &&
      server.vm_state == "active") {
    return guest_stopped(tx, server, now_us);
  }
  if (server.vm_state != "error" && server.power_state != power_state_of(report.state) && current &&
      report.state == server.power_wanted) {
    server.power_state = power_state_of(report.state);
    return save_server(tx, server, now_us);
  }
  return {};
}

}  // namespace

Status observe_instance(store::Tx& tx, const std::string& host, const std::string& id, const Json& observed,
                        std::int64_t now_us) {
  HANOK_TRY(report, parse_report(observed));
  HANOK_TRY(found, load_server(tx, id));
  if (!found || found->deleted || found->host != host) return {};
  Server& server = *found;
  if (report.state == "deleted") {
    return server.delete_wanted ? finish_delete(tx, server, now_us) : Status{};
  }
  if (report.state == "error") return apply_fault(tx, server, report, now_us);
  HANOK_CHECK(apply_volumes(tx, server, report, now_us));
  HANOK_CHECK(apply_upload(tx, server, report, now_us));
  if (server.delete_wanted || !is_power(report.state)) return {};
  return apply_state(tx, server, report, now_us);
}

}  // namespace hanok::compute

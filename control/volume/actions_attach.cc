// The calls by which clients (Ironic, scripts, older Novas) attach volumes by themselves. Our own compute
// service uses volume.h. No data is moved: RBD needs no export.
#include <fmt/format.h>

#include "common/uuid.h"
#include "control/volume/action.h"

namespace hanok::volume {
namespace {

Error wrong_status(const Volume& volume, const char* wanted) {
  return bad_request(fmt::format("Invalid volume: Volume {} status must be {}, but current status is: {}.",
                                 volume.id, wanted, volume.status));
}

// Our own servers detach through the compute API, which takes the disk from the guest first.
Status check_free_of_servers(Action& action) {
  HANOK_TRY(rows, action.tx.query("SELECT server_id FROM volume_attachments WHERE volume_id = ? AND "
                                  "COALESCE(connector, 'null') = 'null'"
                                  " AND status IN ('attaching', 'attached', 'detaching') AND host <> ''",
                                  {action.volume.id}));
  if (rows.empty()) return {};
  return conflict(fmt::format("Volume {} is attached to server {}: detach it there.", action.volume.id,
                              rows.front().text("server_id")));
}

Answer done(Action& action, const char* status) {
  settle(action.volume, status);
  HANOK_CHECK(save_volume(action.tx, action.volume, action.now_us));
  return http::accepted();
}

}  // namespace

Json connection_info(const Volume& volume, const std::string& mode) {
  return {{"driver_volume_type", "rbd"},
          {"data",
           {{"name", fmt::format("{}/{}", volume.pool, rbd_image_of(volume.id))},
            {"volume_id", volume.id},
            {"auth_enabled", true},
            {"access_mode", mode},
            {"discard", true},
            {"qos_specs", nullptr},
            {"encrypted", volume.encryption.is_object()}}}};
}

Answer reserve(Action& action) {
  if (action.volume.status != "available") return wrong_status(action.volume, "available");
  return done(action, "attaching");
}

Answer unreserve(Action& action) {
  if (action.volume.status != "attaching" && action.volume.status != "reserved") return http::accepted();
  HANOK_CHECK(check_free_of_servers(action));
  HANOK_TRY(rest, resting_status(action.tx, action.volume.id));
  return done(action, rest.c_str());
}

Answer attach(Action& action) {
  HANOK_TRY(server, get_string(action.argument, "instance_uuid"));
  HANOK_TRY(host, get_string(action.argument, "host_name"));
  HANOK_TRY(mount, get_string(action.argument, "mountpoint"));
  HANOK_TRY(mode, get_string(action.argument, "mode"));
  if (!server && !host) return bad_request("Invalid request to attach volume to an invalid target.");
  if (server && !is_uuid(*server))
    return bad_request("Invalid input for field/attribute instance_uuid. It is not a 'uuid'.");
  if (mode && *mode != "rw" && *mode != "ro")
    return bad_request("Invalid request to attach volume with an invalid mode.");
  if (action.volume.status != "available" && action.volume.status != "attaching") {
    return wrong_status(action.volume, "available or attaching");
  }
  HANOK_CHECK(check_free_of_servers(action));
  const Attachment attachment{.id = new_uuid(),
                              .volume_id = action.volume.id,
                              .server_id = server.value_or(""),
                              .host = host.value_or(""),
                              .device = mount.value_or(""),
                              .mode = mode.value_or("rw"),
                              .status = "attached",
                              .connector = Json::object(),
                              .attached_us = action.now_us};
  HANOK_CHECK(insert_attachment(action.tx, attachment, action.now_us));
  return done(action, "in-use");
}

Answer begin_detaching(Action& action) {
  if (action.volume.status != "in-use") return wrong_status(action.volume, "in-use");
  HANOK_CHECK(check_free_of_servers(action));
  return done(action, "detaching");
}

Answer roll_detaching(Action& action) {
  if (action.volume.status != "detaching") return http::accepted();
  HANOK_CHECK(check_free_of_servers(action));
  return done(action, "in-use");
}

Answer detach(Action& action) {
  HANOK_TRY(attachment_id, get_string(action.argument, "attachment_id"));
  HANOK_CHECK(check_free_of_servers(action));
  HANOK_TRY(attachments, attachments_of(action.tx, action.volume.id));
  if (attachments.size() > 1 && !attachment_id) {
    return bad_request("Invalid volume: the volume has several attachments: attachment_id is needed.");
  }
  bool found = false;
  for (const auto& one : attachments) {
    if (attachment_id && one.id != *attachment_id) continue;
    found = true;
    HANOK_CHECK(action.tx.execute("DELETE FROM volume_attachments WHERE id = ?", {one.id}));
  }
  if (!found && attachment_id)
    return not_found(fmt::format("Volume attachment could not be found with filter: attachment_id = {}.",
                                 attachment_id->substr(0, 64)));
  HANOK_TRY(rest, resting_status(action.tx, action.volume.id));
  return done(action, rest.c_str());
}

Answer initialize_connection(Action& action) {
  if (!action.argument.is_object() || !action.argument.contains("connector")) {
    return bad_request("Must specify 'connector'.");
  }
  const bool readonly = action.volume.metadata.value("readonly", "False") == "True";
  return http::ok({{"connection_info", connection_info(action.volume, readonly ? "ro" : "rw")}});
}

Answer terminate_connection(Action& action) {
  if (!action.argument.is_object() || !action.argument.contains("connector")) {
    return bad_request("Must specify 'connector'.");
  }
  return http::accepted();
}

}  // namespace hanok::volume

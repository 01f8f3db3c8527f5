// The attachments API (3.27 and newer): reserve by creating one, connect by giving a connector, complete,
// delete.
#include <fmt/format.h>

#include "common/uuid.h"
#include "control/volume/action.h"
#include "control/volume/listing.h"
#include "control/volume/view.h"

namespace hanok::volume {
namespace {

constexpr int kFirstMinor = 27;

Status check_version(const http::Request& request) {
  if (request.minor_version >= kFirstMinor) return {};
  return not_found("The resource could not be found.");
}

Json attachment_json(const Volume& volume, const Attachment& one, bool full) {
  Json out = {{"id", one.id},
              {"volume_id", one.volume_id},
              {"instance", one.server_id.empty() ? Json() : Json(one.server_id)},
              {"status", one.status}};
  if (!full) return out;
  out["attach_mode"] = one.mode;
  out["attached_at"] = time_json(one.attached_us).is_null() ? Json("") : time_json(one.attached_us);
  out["detached_at"] = "";
  out["connection_info"] = Json::object();
  if (one.connector.is_object() && !one.connector.empty()) {
    const Json info = connection_info(volume, one.mode);
    out["connection_info"] = info["data"];
    out["connection_info"]["driver_volume_type"] = "rbd";
    out["connection_info"]["attachment_id"] = one.id;
  }
  return out;
}

struct Loaded {
  Attachment attachment;
  Volume volume;
};
Result<Loaded> requested_attachment(store::Tx& tx, const http::Request& request) {
  HANOK_TRY(row, tx.query_one("SELECT * FROM volume_attachments WHERE id = ?", {request.param("id")}));
  const Error missing =
      not_found(fmt::format("Volume attachment could not be found with filter: attachment_id = {}.",
                            request.param("id").substr(0, 64)));
  if (!row) return missing;
  Loaded out{attachment_from(*row), {}};
  auto volume = load_volume(tx, out.attachment.volume_id, request.caller.project_id, request.caller.is_admin);
  if (!volume.ok()) return missing;
  out.volume = std::move(*volume);
  return out;
}

// Those of our own servers are made and removed by the compute service, together with the guest's disk.
Status check_foreign(const Attachment& attachment) {
  if (attachment.connector.is_object()) return {};
  return conflict(
      fmt::format("The attachment belongs to server {}: detach the volume there.", attachment.server_id));
}

Answer list_attachments_with(const Context& context, http::Request& request, bool detail) {
  HANOK_CHECK(check_version(request));
  HANOK_TRY(page, page_of(request));
  return context.database.read([&](store::Tx& tx) -> Answer {
    Select select;
    Select owner;
    filter_project(owner, request);
    select.where = "volume_id IN (SELECT id FROM volumes WHERE " + owner.where + ")";
    select.args = owner.args;
    if (const auto id = request.query_one("volume_id"); id) select.add("volume_id = ?", *id);
    if (const auto id = request.query_one("instance_id"); id) select.add("server_id = ?", *id);
    if (const auto status = request.query_one("status"); status) select.add("status = ?", *status);
    HANOK_TRY(selected,
              select_page(tx, "volume_attachments", select, {{"created_us", true}, {"id", true}}, page));
    Json items = Json::array();
    for (const auto& row : selected.rows) {
      const Attachment one = attachment_from(row);
      HANOK_TRY(volume, get_volume(tx, one.volume_id));
      if (volume) items.push_back(attachment_json(*volume, one, detail));
    }
    return http::ok({{"attachments", items}});
  });
}

}  // namespace

Answer list_attachments(const Context& context, http::Request& request) {
  return list_attachments_with(context, request, false);
}

Answer list_attachments_detail(const Context& context, http::Request& request) {
  return list_attachments_with(context, request, true);
}

Answer show_attachment(const Context& context, http::Request& request) {
  HANOK_CHECK(check_version(request));
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(loaded, requested_attachment(tx, request));
    return http::ok({{"attachment", attachment_json(loaded.volume, loaded.attachment, true)}});
  });
}

Answer create_attachment(const Context& context, http::Request& request) {
  HANOK_CHECK(check_version(request));
  HANOK_TRY(body, body_of(request, "attachment"));
  HANOK_TRY(volume_id, need_string(*body, "volume_uuid"));
  HANOK_TRY(server, get_string(*body, "instance_uuid"));
  HANOK_TRY(connector, get_object(*body, "connector"));
  HANOK_TRY(mode, get_string(*body, "mode"));
  if (!is_uuid(volume_id))
    return bad_request("Invalid input for field/attribute volume_uuid. It is not a 'uuid'.");
  if (server && !is_uuid(*server))
    return bad_request("Invalid input for field/attribute instance_uuid. It is not a 'uuid'.");
  if (mode && *mode != "rw" && *mode != "ro")
    return bad_request("Invalid input for field/attribute mode. It is 'rw' or 'ro'.");
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(volume, load_volume(tx, volume_id, request.caller.project_id, request.caller.is_admin));
    if (volume.status != "available" && !(volume.multiattach && volume.status == "in-use")) {
      return bad_request(
          fmt::format("Invalid volume: Volume {} status must be available or downloading to reserve, "
                      "but the current status is {}.",
                      volume.id, volume.status));
    }
    const bool connected = connector != nullptr && !connector->empty();
    const std::int64_t now_us = context.clock.now_us();
    const Attachment one{.id = new_uuid(),
                         .volume_id = volume.id,
                         .server_id = server.value_or(""),
                         .host = connected ? connector->value("host", "") : "",
                         .device = "",
                         .mode = mode.value_or("rw"),
                         .status = connected ? "attaching" : "reserved",
                         .connector = connected ? *connector : Json::object(),
                         .attached_us = {}};
    HANOK_CHECK(insert_attachment(tx, one, now_us));
    if (volume.status == "available") settle(volume, connected ? "attaching" : "reserved");
    HANOK_CHECK(save_volume(tx, volume, now_us));
    return http::ok({{"attachment", attachment_json(volume, one, true)}});
  });
}

Answer update_attachment(const Context& context, http::Request& request) {
  HANOK_CHECK(check_version(request));
  HANOK_TRY(body, body_of(request, "attachment"));
  HANOK_TRY(connector, need_object(*body, "connector"));
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(loaded, requested_attachment(tx, request));
    HANOK_CHECK(check_foreign(loaded.attachment));
    loaded.attachment.connector = *connector;
    loaded.attachment.status = "attaching";
    HANOK_CHECK(tx.execute("UPDATE volume_attachments SET connector = ?, status = 'attaching' WHERE id = ?",
                           {*connector, loaded.attachment.id}));
    if (loaded.volume.status == "reserved") settle(loaded.volume, "attaching");
    HANOK_CHECK(save_volume(tx, loaded.volume, context.clock.now_us()));
    return http::ok({{"attachment", attachment_json(loaded.volume, loaded.attachment, true)}});
  });
}

Answer delete_attachment(const Context& context, http::Request& request) {
  HANOK_CHECK(check_version(request));
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(loaded, requested_attachment(tx, request));
    HANOK_CHECK(check_foreign(loaded.attachment));
    HANOK_CHECK(tx.execute("DELETE FROM volume_attachments WHERE id = ?", {loaded.attachment.id}));
    HANOK_TRY(rest, resting_status(tx, loaded.volume.id));
    settle(loaded.volume, rest);
    HANOK_CHECK(save_volume(tx, loaded.volume, context.clock.now_us()));
    HANOK_TRY(left, attachments_of(tx, loaded.volume.id));
    Json items = Json::array();
    for (const auto& one : left) items.push_back(attachment_json(loaded.volume, one, false));
    return http::ok({{"attachments", items}});
  });
}

// os-complete (3.44).
Answer attachment_action(const Context& context, http::Request& request) {
  HANOK_CHECK(check_version(request));
  if (!request.json.is_object() || !request.json.contains("os-complete"))
    return bad_request("There is no such action.");
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(loaded, requested_attachment(tx, request));
    HANOK_CHECK(check_foreign(loaded.attachment));
    const std::int64_t now_us = context.clock.now_us();
    HANOK_CHECK(tx.execute("UPDATE volume_attachments SET status = 'attached', attached_us = ? WHERE id = ?",
                           {now_us, loaded.attachment.id}));
    settle(loaded.volume, "in-use");
    HANOK_CHECK(save_volume(tx, loaded.volume, now_us));
    return http::no_content();
  });
}

}  // namespace hanok::volume

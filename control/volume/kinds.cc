// Volumes and snapshots as agents see them, and what their reports do. An object is shown only while there is
// work to do: what is settled renders as null, so that an agent that starts has no more to look at than what
// is unfinished.

#include <algorithm>
#include <string_view>
#include <utility>

#include "common/clock.h"
#include "control/image/image.h"
#include "control/volume/encryption.h"
#include "control/volume/group_record.h"
#include "control/volume/kinds.h"
#include "control/volume/qos.h"
#include "control/volume/record.h"

namespace hanok::volume {

Result<std::optional<std::string>> volume_host(store::Tx& tx) {
  HANOK_TRY(hosts, bus::list_hosts(tx, SystemClock{}.now_us()));
  std::optional<std::string> out;
  for (const bus::Host& host : hosts) {
    const bool fit =
        host.alive && std::find(host.roles.begin(), host.roles.end(), "volume") != host.roles.end();
    if (fit && (!out || host.name < *out)) out = host.name;
  }
  return out;
}

std::string deadline_cause(const std::optional<std::string>& last_error) {
  return "it was not finished before its deadline" +
         (last_error && !last_error->empty() ? ": " + *last_error : std::string(": no volume agent did it"));
}

Status note_error(store::Tx& tx, const char* table, const std::string& id, const std::string& why) {
  HANOK_CHECK(tx.execute(std::string("UPDATE ") + table + " SET last_error = ? WHERE id = ?", {why, id}));
  return {};
}

Result<std::string> error_of(const Json& observed) {
  HANOK_TRY(error, get_object(observed, "error"));
  if (error == nullptr) return std::string("unknown");
  HANOK_TRY(message, get_string(*error, "message", 4096));
  return message.value_or("unknown");
}

Status forget_volume(store::Tx& tx, const std::string& id) {
  HANOK_TRY(volume, get_volume(tx, id));
  HANOK_TRY(rows, tx.query("SELECT id FROM snapshots WHERE volume_id = ?", {id}));
  for (const auto& row : rows) HANOK_CHECK(tx.touch("snapshot", row.text("id")));
  HANOK_CHECK(tx.execute("DELETE FROM snapshots WHERE volume_id = ?", {id}));
  HANOK_CHECK(tx.execute("DELETE FROM volume_attachments WHERE volume_id = ?", {id}));
  HANOK_CHECK(tx.execute("DELETE FROM volume_transfers WHERE volume_id = ?", {id}));
  HANOK_CHECK(tx.execute("DELETE FROM volumes WHERE id = ?", {id}));
  if (volume && volume->group_id) HANOK_CHECK(group_changed(tx, *volume->group_id, SystemClock{}.now_us()));
  return tx.touch("volume", id);
}

namespace {

struct Step {
  std::string_view status, task, failed;
};
constexpr Step kVolumeSteps[] = {
    {"creating", "create", "error"},  {"extending", "extend", "error_extending"},
    {"reverting", "revert", "error"}, {"uploading", "upload", ""},
    {"retyping", "migrate", "error"}, {"deleting", "delete", "error_deleting"},
};
constexpr Step kSnapshotSteps[] = {
    {"creating", "create", "error"},
    {"deleting", "delete", "error_deleting"},
};

// Work is under way only while it has a deadline: a status that an administrator merely set starts nothing.
template <std::size_t N, typename Item>
const Step* step_of(const Step (&steps)[N], const Item& item) {
  if (item.deadline_us == 0) return nullptr;
  for (const Step& step : steps) {
    if (step.status == item.status) return &step;
  }
  return nullptr;
}

// Limits are brought about whatever the volume is in, if only its image is there.
constexpr Step kLimitStep = {"", "limit", ""};

const Step* volume_step(const Volume& volume, const Json& limits) {
  if (const Step* step = step_of(kVolumeSteps, volume)) return step;
  const bool there = volume.status != "creating" && volume.status != "deleting" && volume.status != "error" &&
                     volume.status != "restoring-backup";
  return there && volume.limits != limits ? &kLimitStep : nullptr;
}

// What a revert under way goes back to.
Result<std::string> restoring_snapshot(store::Tx& tx, const std::string& volume_id) {
  HANOK_TRY(row, tx.query_one("SELECT id FROM snapshots WHERE volume_id = ? AND status = 'restoring'",
                              {volume_id}));
  return row ? rbd_snapshot_of(row->text("id")) : std::string();
}

// Where the source is now: it may have moved since the volume was asked for.
Result<Json> current_source(store::Tx& tx, const Volume& volume) {
  Json out = volume.source;
  if (out["type"] != "snapshot" && out["type"] != "volume") return out;
  const std::string image = out.value("image", "");
  HANOK_TRY(parent, get_volume(tx, image.substr(image.find('-') + 1)));
  if (parent) out["pool"] = parent->pool;
  return out;
}

// To write or read what is in an encrypted volume; clones and all else are made of what is encrypted already.
bool needs_key(const Step& step, const Volume& volume) {
  const std::string type = volume.source.value("type", "none");
  return step.task == "upload" || (step.task == "create" && (type == "none" || type == "image"));
}

Result<Json> render_volume(store::Tx& tx, const std::string& id, const std::string& host) {
  HANOK_TRY(volume, get_volume(tx, id));
  if (!volume) return Json();
  HANOK_TRY(limits, limits_of(tx, volume->type_id, volume->wanted_gib));
  const Step* step = volume_step(*volume, limits);
  HANOK_TRY(chosen, volume_host(tx));
  if (step == nullptr || (chosen && *chosen != host)) return Json();
  Json upload;
  if (step->task == "upload" && volume->upload_image_id) {
    upload = {
        {"image_id", *volume->upload_image_id}, {"pool", kImagePool}, {"name", *volume->upload_image_id}};
  }
  HANOK_TRY(snapshot, restoring_snapshot(tx, id));
  HANOK_TRY(source, current_source(tx, *volume));
  return Json{{"task", step->task},
              {"pool", volume->pool},
              {"image", rbd_image_of(id)},
              {"size_gib", volume->wanted_gib},
              {"source", std::move(source)},
              {"wanted", step->task == "delete" ? "absent" : "present"},
              {"upload", upload},
              {"encryption", encryption_for_agent(volume->encryption, needs_key(*step, *volume))},
              {"snapshot", snapshot},
              {"target_pool", volume->target_pool},
              {"moved_from", volume->moved_from},
              {"limits", limits},
              {"request_id", volume->request_id}};
}

Result<Json> render_snapshot(store::Tx& tx, const std::string& id, const std::string& host) {
  HANOK_TRY(snapshot, get_snapshot(tx, id));
  if (!snapshot) return Json();
  const Step* step = step_of(kSnapshotSteps, *snapshot);
  HANOK_TRY(chosen, volume_host(tx));
  if (step == nullptr || (chosen && *chosen != host)) return Json();
  HANOK_TRY(volume, get_volume(tx, snapshot->volume_id));
  return Json{{"task", step->task},
              {"pool", volume ? volume->pool : kPool},
              {"image", rbd_image_of(snapshot->volume_id)},
              {"snapshot", rbd_snapshot_of(id)},
              {"source", snapshot->source_name.value_or("")},
              {"wanted", step->task == "delete" ? "absent" : "present"},
              {"request_id", snapshot->request_id}};
}

struct Report {
  std::string task, state, error, uploaded;
  std::optional<Json> limits;
  std::int64_t size_gib = 0;
  std::int64_t size_bytes = 0;
};

Result<Report> parse_report(const Json& observed) {
  Report out;
  HANOK_TRY(task, get_string(observed, "task"));
  HANOK_TRY(state, need_string(observed, "state"));
  HANOK_TRY(uploaded, get_string(observed, "uploaded"));
  HANOK_TRY(size, get_int(observed, "size_gib"));
  HANOK_TRY(bytes, get_int(observed, "size_bytes"));
  HANOK_TRY(error, get_object(observed, "error"));
  if (error != nullptr) {
    HANOK_TRY(message, get_string(*error, "message", 4096));
    out.error = message.value_or("unknown");
  }
  HANOK_TRY(limits, get_object(observed, "limits"));
  if (limits != nullptr) out.limits = *limits;
  out.task = task.value_or("");
  out.state = state;
  out.uploaded = uploaded.value_or("");
  out.size_gib = size.value_or(0);
  out.size_bytes = bytes.value_or(0);
  return out;
}

Status release_restoring(store::Tx& tx, const std::string& volume_id) {
  HANOK_CHECK(tx.execute(
      "UPDATE snapshots SET status = 'available' WHERE volume_id = ? AND status = 'restoring'", {volume_id}));
  return {};
}

// The agent took back what it had begun of a move.
Status move_failed(store::Tx& tx, Volume& volume, const std::string& why, std::int64_t now_us) {
  volume.target_pool.clear();
  volume.target_type_id.reset();
  settle(volume, "available");
  volume.last_error = why;
  HANOK_CHECK(add_message(tx, volume.project_id, "VOLUME", volume.id, "VOLUME_migrate",
                          "retype volume: " + why, volume.request_id, now_us));
  return save_volume(tx, volume, now_us);
}

// A move beyond its deadline too: where its image is, the agent that deletes it finds out.
Status volume_failed(store::Tx& tx, Volume& volume, const Step& step, const std::string& why,
                     std::int64_t now_us) {
  if (step.task == "upload") {
    HANOK_CHECK(give_up_upload(tx, volume, now_us));
    HANOK_TRY(rest, resting_status(tx, volume.id));
    settle(volume, rest);
  } else {
    if (step.task == "extend") volume.wanted_gib = volume.size_gib;
    if (step.task == "revert") HANOK_CHECK(release_restoring(tx, volume.id));
    const bool managing = step.task == "create" && volume.source["type"] == "manage";
    settle(volume, managing ? "error_managing" : std::string(step.failed));
  }
  volume.last_error = why;
  HANOK_CHECK(add_message(tx, volume.project_id, "VOLUME", volume.id, "VOLUME_" + std::string(step.task),
                          std::string(step.task) + " volume: " + why, volume.request_id, now_us));
  return save_volume(tx, volume, now_us);
}

Status volume_done(store::Tx& tx, Volume& volume, const Step& step, const Report& report,
                   std::int64_t now_us) {
  if (report.limits) volume.limits = *report.limits;
  if (step.task == "limit") return save_volume(tx, volume, now_us);
  HANOK_TRY(rest, resting_status(tx, volume.id));
  if (step.task == "extend") {
    if (report.size_gib < volume.wanted_gib) return {};  // of an earlier wish
    volume.size_gib = volume.wanted_gib;
  } else if (step.task == "revert") {
    HANOK_CHECK(release_restoring(tx, volume.id));
  } else if (step.task == "migrate") {
    volume.moved_from = std::exchange(volume.pool, std::exchange(volume.target_pool, ""));
    volume.type_id = std::exchange(volume.target_type_id, std::nullopt);
    volume.work_percent = 0;
    HANOK_CHECK(tx.touch("volume_work", volume.id));
  } else if (step.task == "upload") {
    if (report.uploaded.empty() || report.uploaded != volume.upload_image_id.value_or("")) return {};
    HANOK_CHECK(image::finish_image(tx, report.uploaded, report.size_bytes, now_us));
    volume.upload_image_id.reset();
  }
  settle(volume, rest);
  return save_volume(tx, volume, now_us);
}

// The volume works, if not as promised: its status stays. It is not touched, or the agent would be at it
// without pause: the next change or the agent's next start tries again.
Status limit_failed(store::Tx& tx, const Volume& volume, const std::string& why, std::int64_t now_us) {
  if (volume.last_error != why) {
    HANOK_CHECK(add_message(tx, volume.project_id, "VOLUME", volume.id, "VOLUME_limit",
                            "limit volume: " + why, volume.request_id, now_us));
  }
  return note_error(tx, "volumes", volume.id, why);
}

Status observe_volume(store::Tx& tx, const std::string&, const std::string& id, const Json& observed) {
  HANOK_TRY(volume, get_volume(tx, id));
  HANOK_TRY(report, parse_report(observed));
  if (!volume) return {};
  HANOK_TRY(limits, limits_of(tx, volume->type_id, volume->wanted_gib));
  const Step* step = volume_step(*volume, limits);
  if (step == nullptr || report.task != step->task) return {};  // late: the wish has changed since
  const std::int64_t now_us = SystemClock{}.now_us();
  if (report.state == "retrying") return note_error(tx, "volumes", id, report.error);
  if (report.state == "error" && step->task == "limit") {
    return limit_failed(tx, *volume, report.error, now_us);
  }
  if (report.state == "error" && step->task == "migrate") {
    return move_failed(tx, *volume, report.error, now_us);
  }
  if (report.state == "error") return volume_failed(tx, *volume, *step, report.error, now_us);
  if (step->task == "delete") {
    if (report.state != "deleted") return {};
    HANOK_CHECK(forget_volume(tx, id));
    return flatten_clones(tx, id);
  }
  if (report.state != "available") return {};
  return volume_done(tx, *volume, *step, report, now_us);
}

Status snapshot_failed(store::Tx& tx, Snapshot& snapshot, const Step& step, const std::string& why,
                       std::int64_t now_us) {
  snapshot.status = std::string(step.failed);
  snapshot.deadline_us = 0;
  snapshot.last_error = why;
  HANOK_CHECK(add_message(tx, snapshot.project_id, "VOLUME_SNAPSHOT", snapshot.id,
                          "SNAPSHOT_" + std::string(step.task), std::string(step.task) + " snapshot: " + why,
                          snapshot.request_id, now_us));
  return save_snapshot(tx, snapshot, now_us);
}

Status observe_snapshot(store::Tx& tx, const std::string&, const std::string& id, const Json& observed) {
  HANOK_TRY(snapshot, get_snapshot(tx, id));
  HANOK_TRY(report, parse_report(observed));
  if (!snapshot) return {};
  const Step* step = step_of(kSnapshotSteps, *snapshot);
  if (step == nullptr || report.task != step->task) return {};
  const std::int64_t now_us = SystemClock{}.now_us();
  if (report.state == "retrying") return note_error(tx, "snapshots", id, report.error);
  if (report.state == "error") return snapshot_failed(tx, *snapshot, *step, report.error, now_us);
  if (step->task == "delete") {
    if (report.state != "deleted") return {};
    HANOK_CHECK(tx.execute("DELETE FROM snapshots WHERE id = ?", {id}));
    return tx.touch("snapshot", id);
  }
  if (report.state != "available") return {};
  snapshot->status = "available";
  snapshot->deadline_us = 0;
  return save_snapshot(tx, *snapshot, now_us);
}

Status expire_volume(store::Tx& tx, Volume& volume, std::int64_t now_us) {
  const std::string why = deadline_cause(volume.last_error);
  if (const Step* step = step_of(kVolumeSteps, volume); step != nullptr) {
    return volume_failed(tx, volume, *step, why, now_us);
  }
  const bool plugging = volume.status == "attaching" || volume.status == "detaching";
  settle(volume, plugging ? "error_" + volume.status : volume.status);
  if (plugging) volume.last_error = why;
  return save_volume(tx, volume, now_us);
}

}  // namespace

bus::Kind with_keys(bus::Kind kind, const Keys& keys) {
  kind.render = [render = std::move(kind.render), &keys](store::Tx& tx, const std::string& id,
                                                         const std::string& host) -> Result<Json> {
    HANOK_TRY(object, render(tx, id, host));
    keys.open_all(object);
    return object;
  };
  return kind;
}

std::vector<bus::Kind> volume_kinds() {
  return {{.name = "volume", .render = render_volume, .observe = observe_volume},
          {.name = "snapshot", .render = render_snapshot, .observe = observe_snapshot},
          work_kind(),
          backup_kind(),
          group_snapshot_kind()};
}

Status expire_volumes(store::Tx& tx, std::int64_t now_us) {
  HANOK_TRY(volumes,
            tx.query("SELECT * FROM volumes WHERE deadline_us > 0 AND deadline_us < ? LIMIT 100", {now_us}));
  for (const auto& row : volumes) {
    Volume volume = volume_from(row);
    HANOK_CHECK(expire_volume(tx, volume, now_us));
  }
  HANOK_TRY(snapshots, tx.query("SELECT * FROM snapshots WHERE deadline_us > 0 AND deadline_us < ? LIMIT 100",
                                {now_us}));
  for (const auto& row : snapshots) {
    Snapshot snapshot = snapshot_from(row);
    const Step* step = step_of(kSnapshotSteps, snapshot);
    if (step == nullptr) {
      HANOK_CHECK(tx.execute("UPDATE snapshots SET deadline_us = 0 WHERE id = ?", {snapshot.id}));
    } else {
      HANOK_CHECK(snapshot_failed(tx, snapshot, *step, deadline_cause(snapshot.last_error), now_us));
    }
  }
  HANOK_CHECK(expire_group_snapshots(tx, now_us));
  return expire_backups(tx, now_us);
}

}  // namespace hanok::volume

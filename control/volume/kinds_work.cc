// Work in the background of a volume that is used meanwhile, as agents see it (kind `volume_work`): bringing
// over what a move left in the old pool, then flattening.
#include "common/clock.h"
#include "control/volume/kinds.h"
#include "control/volume/record.h"

namespace hanok::volume {
namespace {

std::string work_of(const Volume& volume) {
  if (volume.status == "creating" || volume.status == "deleting" || volume.status == "error_deleting" ||
      volume.status == "retyping") {
    return "";
  }
  if (!volume.moved_from.empty()) return "copy";
  return volume.flattening ? "flatten" : "";
}

// The same as long as the same is wanted: what is changed in it breaks off what runs.
Result<Json> render_work(store::Tx& tx, const std::string& id, const std::string& host) {
  HANOK_TRY(volume, get_volume(tx, id));
  if (!volume) return Json();
  const std::string task = work_of(*volume);
  HANOK_TRY(chosen, volume_host(tx));
  if (task.empty() || (chosen && *chosen != host)) return Json();
  return Json{{"task", task},
              {"pool", volume->pool},
              {"image", rbd_image_of(id)},
              {"moved_from", volume->moved_from},
              {"request_id", volume->request_id}};
}

// A clone's parent does not matter any more; nor does where it was copied from.
Status work_done(store::Tx& tx, Volume& volume, const std::string& task, std::int64_t now_us) {
  if (task == "flatten") {
    HANOK_CHECK(
        tx.execute("UPDATE volumes SET source = ? WHERE id = ?", {Json{{"type", "none"}}, volume.id}));
    volume.flattening = false;
  } else {
    volume.moved_from.clear();
  }
  volume.work_percent = 0;
  HANOK_CHECK(save_volume(tx, volume, now_us));
  return tx.touch("volume_work", volume.id);
}

Status work_failed(store::Tx& tx, Volume& volume, const std::string& task, const std::string& why,
                   std::int64_t now_us) {
  HANOK_CHECK(add_message(tx, volume.project_id, "VOLUME", volume.id, "VOLUME_" + task,
                          task + " volume: " + why, volume.request_id, now_us));
  if (task != "flatten") return note_error(tx, "volumes", volume.id, why);
  volume.flattening = false;
  volume.last_error = why;
  HANOK_CHECK(save_volume(tx, volume, now_us));
  return tx.touch("volume_work", volume.id);
}

Status observe_work(store::Tx& tx, const std::string&, const std::string& id, const Json& observed) {
  HANOK_TRY(volume, get_volume(tx, id));
  HANOK_TRY(task, need_string(observed, "task"));
  HANOK_TRY(state, need_string(observed, "state"));
  HANOK_TRY(percent, get_int(observed, "progress"));
  HANOK_TRY(why, error_of(observed));
  if (!volume || task != work_of(*volume)) return {};  // late: the wish has changed since
  const std::int64_t now_us = SystemClock{}.now_us();
  if (state == "done") return work_done(tx, *volume, task, now_us);
  if (state == "working") {
    HANOK_CHECK(
        tx.execute("UPDATE volumes SET work_percent = ? WHERE id = ?", {percent.value_or(0), volume->id}));
    return {};
  }
  if (state == "retrying") return note_error(tx, "volumes", id, why);
  return work_failed(tx, *volume, task, why, now_us);
}

}  // namespace

bus::Kind work_kind() {
  return {.name = "volume_work", .render = render_work, .observe = observe_work};
}

Status flatten_clones(store::Tx& tx, const std::string& volume_id) {
  HANOK_TRY(rows, tx.query("SELECT id FROM volumes WHERE status <> 'deleting' AND flattening = 0 AND"
                           " json_extract(source, '$.type') IN ('snapshot', 'volume') AND"
                           " json_extract(source, '$.image') = ?",
                           {rbd_image_of(volume_id)}));
  for (const auto& row : rows) {
    HANOK_CHECK(
        tx.execute("UPDATE volumes SET flattening = 1, work_percent = 0 WHERE id = ?", {row.text("id")}));
    HANOK_CHECK(tx.touch("volume_work", row.text("id")));
  }
  return {};
}

}  // namespace hanok::volume

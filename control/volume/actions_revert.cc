// Revert to the newest snapshot (3.40). Until it is done, the snapshot is `restoring`: nobody can delete it.
#include <fmt/format.h>

#include "control/volume/action.h"

namespace hanok::volume {
namespace {

constexpr std::int64_t kRevertSeconds = 3600;  // a rollback copies what has changed since

}  // namespace

Answer revert(Action& action) {
  Volume& volume = action.volume;
  if (action.request.minor_version < 40) return bad_request("There is no such action: revert.");
  HANOK_TRY(wanted, need_string(action.argument, "snapshot_id"));
  HANOK_TRY(row, action.tx.query_one("SELECT * FROM snapshots WHERE volume_id = ? ORDER BY created_us DESC, "
                                     "id DESC LIMIT 1",
                                     {volume.id}));
  if (!row) return bad_request(fmt::format("Volume {} has no snapshots.", volume.id));
  Snapshot snapshot = snapshot_from(*row);
  if (snapshot.id != wanted) {
    return bad_request(fmt::format("Specified snapshot {} is None or not the latest one of volume {}.",
                                   wanted.substr(0, 64), volume.id));
  }
  if (volume.status != "available") {
    return conflict(fmt::format("Can't revert volume {}, since its status is not available, but {}.",
                                volume.id, volume.status));
  }
  // What is copied later would overwrite what the revert brought back.
  HANOK_CHECK(check_moved(action.tx, volume.id));
  if (snapshot.status != "available") {
    return conflict(fmt::format("Can't revert volume {} to snapshot {}, which is {}.", volume.id, snapshot.id,
                                snapshot.status));
  }
  snapshot.status = "restoring";
  HANOK_CHECK(save_snapshot(action.tx, snapshot, action.now_us));
  volume.request_id = action.request.request_id;
  begin(volume, "reverting", kRevertSeconds, action.now_us);
  HANOK_CHECK(save_volume(action.tx, volume, action.now_us));
  return http::accepted();
}

}  // namespace hanok::volume

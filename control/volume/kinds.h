#pragma once
// What the kinds of the volume service share: kinds.cc has volumes and snapshots, kinds_work.cc
// work in their background, kinds_backup.cc backups, kinds_group.cc group snapshots.

#include <optional>
#include <string>

#include "control/bus/bus.h"

namespace hanok::volume {

// One host does the work on volumes, so that two never do the same: the first by name of those alive.
[[nodiscard]] Result<std::optional<std::string>> volume_host(store::Tx& tx);
[[nodiscard]] std::string deadline_cause(const std::optional<std::string>& last_error);
// The cause of what is tried again: kept for the day that its deadline passes; wakes nobody.
[[nodiscard]] Status note_error(store::Tx& tx, const char* table, const std::string& id,
                                const std::string& why);

// Why it failed, of a report.
[[nodiscard]] Result<std::string> error_of(const Json& observed);

// The volume with its snapshots, attachments and transfers; what is in the pool stays.
[[nodiscard]] Status forget_volume(store::Tx& tx, const std::string& id);

// kinds_work.cc
[[nodiscard]] bus::Kind work_kind();
// The clones of a volume that is no more: in the background, so that its image can go from the trash.
[[nodiscard]] Status flatten_clones(store::Tx& tx, const std::string& volume_id);
// kinds_backup.cc
[[nodiscard]] bus::Kind backup_kind();
[[nodiscard]] Status expire_backups(store::Tx& tx, std::int64_t now_us);
// kinds_group.cc
[[nodiscard]] bus::Kind group_snapshot_kind();
[[nodiscard]] Status expire_group_snapshots(store::Tx& tx, std::int64_t now_us);

}  // namespace hanok::volume

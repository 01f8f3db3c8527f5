#pragma once
// Backups as the API shows them.

#include "control/volume/backup_record.h"

namespace hanok::volume {

[[nodiscard]] Json backup_summary_json(const http::Request& request, const Backup& backup);
[[nodiscard]] Json backup_json(const http::Request& request, const Backup& backup);

}  // namespace hanok::volume

#pragma once
// Quota: limits per project (its own, else the class `default`, else built in) and what is used.

#include <map>
#include <string>
#include <vector>

#include "control/store/store.h"

namespace hanok::volume {

constexpr std::int64_t kMaxVolumeGib = 1 << 20;

struct Amount {
  std::int64_t volumes = 0, gigabytes = 0, snapshots = 0, backups = 0, backup_gigabytes = 0, groups = 0;
};
[[nodiscard]] const std::map<std::string, std::int64_t>& builtin_limits();
[[nodiscard]] Result<std::map<std::string, std::int64_t>> limits_of(store::Tx& tx,
                                                                    const std::string& project_id);
[[nodiscard]] Result<Amount> usage_of(store::Tx& tx, const std::string& project_id);
// kOverQuota (413) when `more` does not fit. -1 means no limit.
[[nodiscard]] Status check_quota(store::Tx& tx, const std::string& project_id, const Amount& more);
[[nodiscard]] Status check_volume_size(store::Tx& tx, const std::string& project_id, std::int64_t size_gib);

}  // namespace hanok::volume

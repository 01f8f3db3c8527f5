#include "agents/volume/trash_sweeper.h"

#include <algorithm>

#include "common/log.h"

namespace hanok::agent {
namespace {

constexpr std::int64_t kRetryMs = 30'000;

}  // namespace

TrashSweeper::TrashSweeper(Purge purge, const std::vector<std::string>& pools, std::int64_t interval_ms)
    : purge_(std::move(purge)),
      interval_ms_(interval_ms),
      worker_(1, [this](const std::string& pool) { return sweep(pool); }) {
  for (const auto& pool : pools) worker_.wake(pool);
}

std::int64_t TrashSweeper::sweep(const std::string& pool) {
  const auto gone = purge_(pool);
  if (!gone.ok()) {
    spdlog::warn("[-] trash of pool {}: {}", pool, gone.error().message);
    return std::min(kRetryMs, interval_ms_);
  }
  if (*gone > 0) spdlog::info("[-] trash of pool {}: {} images removed for good", pool, *gone);
  return interval_ms_;
}

}  // namespace hanok::agent

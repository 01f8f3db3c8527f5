#include "control/identity/context.h"

namespace hanok::identity {

std::optional<http::Caller> CallerCache::find(const std::string& token, std::int64_t now_us) {
  const std::lock_guard lock(mutex_);
  const auto it = entries_.find(token);
  if (it == entries_.end()) return std::nullopt;
  if (it->second.epoch == epoch_ && it->second.expires_us > now_us) return it->second.caller;
  entries_.erase(it);
  return std::nullopt;
}

void CallerCache::keep(const std::string& token, const http::Caller& caller, std::int64_t expires_us,
                       std::uint64_t epoch) {
  const std::lock_guard lock(mutex_);
  if (entries_.size() >= kMaxEntries) entries_.clear();
  entries_.insert_or_assign(token, Entry{caller, expires_us, epoch});
}

}  // namespace hanok::identity

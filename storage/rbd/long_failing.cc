#include "storage/rbd/long_failing.h"

namespace hanok::storage {

bool LongFailing::failed(const ImageRef& image, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  // Nobody tries those again: given up, or a failure of long ago.
  std::erase_if(failing_, [&](const auto& one) { return now - one.second.last > patience_; });
  const auto [found, first] = failing_.try_emplace(display(image), Failures{now, now});
  found->second.last = now;
  if (first || now - found->second.since < patience_) return false;
  found->second.since = now;
  return true;
}

void LongFailing::done(const ImageRef& image) {
  const std::lock_guard lock(mutex_);
  failing_.erase(display(image));
}

}  // namespace hanok::storage

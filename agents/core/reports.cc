#include "agents/core/reports.h"

#include <chrono>

namespace hanok::agent {

void Reports::report(const std::string& kind, const std::string& id, Json observed) {
  const std::lock_guard lock(mutex_);
  auto& serial = newest_[{kind, id}];
  if (serial != 0) by_serial_.erase(serial);
  serial = next_serial_++;
  by_serial_[serial] = Entry{kind, id, std::move(observed), serial, 0};
  changed_.notify_all();
}

std::vector<Reports::Entry> Reports::next(std::size_t limit, std::int64_t wait_ms) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, std::chrono::milliseconds(wait_ms),
                    [this] { return stopping_ || !by_serial_.empty(); });
  std::vector<Entry> out;
  for (const auto& [serial, entry] : by_serial_) {
    if (out.size() == limit || stopping_) break;
    out.push_back(entry);
  }
  return out;
}

void Reports::done(const Entry& entry) {
  const std::lock_guard lock(mutex_);
  if (by_serial_.erase(entry.serial) != 0) newest_.erase({entry.kind, entry.id});
}

bool Reports::refused(const Entry& entry) {
  const std::lock_guard lock(mutex_);
  const auto it = by_serial_.find(entry.serial);
  if (it == by_serial_.end() || ++it->second.refusals < kMaxRefusals) return false;
  by_serial_.erase(it);
  newest_.erase({entry.kind, entry.id});
  ++dropped_;
  return true;
}

void Reports::stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  changed_.notify_all();
}

std::size_t Reports::waiting() const {
  const std::lock_guard lock(mutex_);
  return by_serial_.size();
}

std::uint64_t Reports::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

}  // namespace hanok::agent

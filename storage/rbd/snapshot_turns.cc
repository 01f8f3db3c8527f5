#include "storage/rbd/snapshot_turns.h"

#include <algorithm>
#include <thread>

namespace hanok::storage {
namespace {

bool share_one(const std::set<std::string>& one, const std::set<std::string>& other) {
  return std::any_of(one.begin(), one.end(), [&](const auto& image) { return other.count(image) > 0; });
}

}  // namespace

SnapshotTurns::Turn SnapshotTurns::begin(const std::vector<ImageRef>& asked, Takes takes) {
  Images images;
  for (const ImageRef& one : asked) images.insert(display(one));
  {
    std::unique_lock lock(mutex_);
    const auto mine = asked_.insert(asked_.end(), images);
    changed_.wait(lock, [&] {
      return std::none_of(asked_.begin(), mine,
                          [&](const Images& other) { return share_one(images, other); });
    });
  }
  if (takes == Takes::kLock) pause_after_last(images);
  return {*this, std::move(images)};
}

void SnapshotTurns::pause_after_last(const Images& images) {
  Clock::time_point until{};
  {
    const std::lock_guard lock(mutex_);
    for (const std::string& image : images) {
      const auto ended = ended_.find(image);
      if (ended != ended_.end()) until = std::max(until, ended->second + pause_);
    }
  }
  std::this_thread::sleep_until(until);
}

void SnapshotTurns::end(const Images& images) {
  const std::lock_guard lock(mutex_);
  asked_.erase(std::find(asked_.begin(), asked_.end(), images));  // equal ones wait for the first
  const Clock::time_point now = Clock::now();
  std::erase_if(ended_, [&](const auto& one) { return one.second + pause_ < now; });
  for (const std::string& image : images) ended_[image] = now;
  changed_.notify_all();
}

}  // namespace hanok::storage

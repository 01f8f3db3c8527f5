#pragma once
// One snapshot of an image at a time, in the order of asking, and nothing meanwhile that must not find the
// image open; a pause before a snapshot for which the lock is taken from whoever has it. librbd 16.2 hangs,
// and with it a guest's I/O, if it must give the lock away before it has read of a snapshot that the image
// has (PreReleaseRequest's flush waits for a refresh, whose own flush waits for that one). It reads of it at
// the next I/O, or not yet if it made two snapshots in a row.

#include <chrono>
#include <condition_variable>
#include <list>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "storage/block/block_store.h"

namespace hanok::storage {

// Safe for use by several threads.
class SnapshotTurns {
 public:
  enum class Takes { kTurn, kLock };  // kLock: at least `pause` after the last turn of each of its images

  class Turn {  // ends when destroyed, unless moved from
   public:
    ~Turn() {
      if (turns_ != nullptr) turns_->end(images_);
    }
    Turn(Turn&& other) noexcept
        : turns_(std::exchange(other.turns_, nullptr)), images_(std::move(other.images_)) {}
    Turn& operator=(Turn&&) = delete;

   private:
    friend class SnapshotTurns;
    Turn(SnapshotTurns& turns, std::set<std::string> images) : turns_(&turns), images_(std::move(images)) {}

    SnapshotTurns* turns_;
    std::set<std::string> images_;
  };

  explicit SnapshotTurns(std::chrono::milliseconds pause) : pause_(pause) {}
  // Waits until nobody has a turn of any of the images, nor has asked for one before.
  [[nodiscard]] Turn begin(const std::vector<ImageRef>& asked, Takes takes);

 private:
  using Clock = std::chrono::steady_clock;
  using Images = std::set<std::string>;  // as display() names them

  void end(const Images& images);
  void pause_after_last(const Images& images);

  const std::chrono::milliseconds pause_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::list<Images> asked_;                         // in order; those under way too, until they end
  std::map<std::string, Clock::time_point> ended_;  // within the last `pause_`
};

}  // namespace hanok::storage

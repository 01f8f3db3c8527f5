#pragma once
// Closes images behind the back of those who are done with them: RBD gives the lock back and ends its watch
// then, which takes a sixth of the time of a snapshot, a quarter of that of its removal.

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

#include "storage/rbd/rbd_image.h"
#include "storage/rbd/snapshot_turns.h"

namespace hanok::storage {

// Safe for use by several threads.
class ImageCloser {
 public:
  ImageCloser() = default;
  ~ImageCloser();  // when all are closed
  ImageCloser(const ImageCloser&) = delete;
  ImageCloser& operator=(const ImageCloser&) = delete;

  // The turn ends after it. Returns at once, unless more than a few wait: then when this one is closed.
  void close(std::unique_ptr<OpenImage> image, SnapshotTurns::Turn turn);

 private:
  struct Waiting {
    SnapshotTurns::Turn turn;  // destroyed last
    std::unique_ptr<OpenImage> image;
  };

  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Waiting> waiting_;
  bool ending_ = false;
  std::thread thread_{[this] { run(); }};  // the last member: it uses the others
};

}  // namespace hanok::storage

#include "storage/rbd/image_closer.h"

namespace hanok::storage {
namespace {

constexpr std::size_t kMostWaiting = 16;

}  // namespace

ImageCloser::~ImageCloser() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void ImageCloser::close(std::unique_ptr<OpenImage> image, SnapshotTurns::Turn turn) {
  Waiting one{std::move(turn), std::move(image)};
  const std::lock_guard lock(mutex_);
  if (waiting_.size() >= kMostWaiting) return;
  waiting_.push_back(std::move(one));
  changed_.notify_all();
}

void ImageCloser::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return ending_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    {
      const Waiting one = std::move(waiting_.front());
      waiting_.pop_front();
      lock.unlock();
    }
    lock.lock();
  }
}

}  // namespace hanok::storage

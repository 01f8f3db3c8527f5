#pragma once
// Which images something has failed of for so long that it does not come right by itself.

#include <chrono>
#include <map>
#include <mutex>
#include <string>

#include "storage/block/block_store.h"

namespace hanok::storage {

// Safe for use by several threads.
class LongFailing {
 public:
  using Clock = std::chrono::steady_clock;

  // After `patience` of failures it is time to do something, and again after as long.
  explicit LongFailing(std::chrono::milliseconds patience) : patience_(patience) {}
  // To be told of each failure; true when it is time.
  [[nodiscard]] bool failed(const ImageRef& image, Clock::time_point now);
  void done(const ImageRef& image);

 private:
  struct Failures {
    Clock::time_point since, last;
  };

  const std::chrono::milliseconds patience_;
  std::mutex mutex_;
  std::map<std::string, Failures> failing_;  // by what display() names them
};

}  // namespace hanok::storage

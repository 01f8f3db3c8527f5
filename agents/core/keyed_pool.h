#pragma once
// Bounded workers over keys: one handler, many keys; the handler never runs twice at once for one key, and
// any number of wakes of a key that has not started yet cost one run.

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace hanok::agent {

class KeyedPool {
 public:
  // Does the work of `key`; a number of milliseconds asks to be called again after that time.
  using Handler = std::function<std::optional<std::int64_t>(const std::string& key)>;

  KeyedPool(std::size_t threads, Handler handler);
  ~KeyedPool();  // stop()
  KeyedPool(const KeyedPool&) = delete;
  KeyedPool& operator=(const KeyedPool&) = delete;

  // Thread-safe, never blocks. Woken while it runs, the key runs once more afterwards. The earliest time
  // wins.
  void wake(const std::string& key, std::int64_t delay_ms = 0);
  // Waits for running handlers; queued keys are dropped. Idempotent.
  void stop();

 private:
  using Time = std::chrono::steady_clock::time_point;
  struct State {
    bool running = false;
    std::optional<Time> due{};
  };

  void work();
  void schedule(const std::string& key, State& state, Time due);

  Handler handler_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, State> states_;
  std::set<std::pair<Time, std::string>> ready_;  // keys that are due and not running
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace hanok::agent

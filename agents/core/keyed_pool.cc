#include "agents/core/keyed_pool.h"

namespace hanok::agent {

KeyedPool::KeyedPool(std::size_t threads, Handler handler) : handler_(std::move(handler)) {
  for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

KeyedPool::~KeyedPool() {
  stop();
}

void KeyedPool::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (auto& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void KeyedPool::wake(const std::string& key, std::int64_t delay_ms) {
  const std::lock_guard lock(mutex_);
  schedule(key, states_[key], std::chrono::steady_clock::now() + std::chrono::milliseconds(delay_ms));
}

void KeyedPool::schedule(const std::string& key, State& state, Time due) {
  if (state.due && *state.due <= due) return;
  if (state.due && !state.running) ready_.erase({*state.due, key});
  state.due = due;
  if (!state.running) {
    ready_.emplace(due, key);
    changed_.notify_one();
  }
}

void KeyedPool::work() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (ready_.empty()) {
      changed_.wait(lock);
      continue;
    }
    const auto first = *ready_.begin();
    if (first.first > std::chrono::steady_clock::now()) {
      changed_.wait_until(lock, first.first);
      continue;
    }
    ready_.erase(ready_.begin());
    State& state = states_[first.second];  // map nodes do not move
    state.due.reset();
    state.running = true;
    lock.unlock();
    const auto again_after_ms = handler_(first.second);
    lock.lock();
    state.running = false;
    const auto woken = std::exchange(state.due, std::nullopt);
    if (woken) schedule(first.second, state, *woken);
    if (again_after_ms) {
      schedule(first.second, state,
               std::chrono::steady_clock::now() + std::chrono::milliseconds(*again_after_ms));
    }
    if (!state.due) states_.erase(first.second);
  }
}

}  // namespace hanok::agent

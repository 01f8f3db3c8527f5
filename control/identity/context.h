#pragma once
// What every handler of the identity service gets.

#include <atomic>
#include <mutex>
#include <unordered_map>

#include "control/identity/identity.h"
#include "control/identity/key_repository.h"
#include "control/identity/password.h"

namespace hanok::identity {

constexpr const char* kDefaultDomain = "default";

// Callers of tokens seen lately. An entry holds only while nothing of the identity service has changed since
// it was made, so that a revocation or a lost role counts at once.
class CallerCache {
 public:
  [[nodiscard]] std::uint64_t epoch() const { return epoch_; }
  void changed() { ++epoch_; }
  [[nodiscard]] std::optional<http::Caller> find(const std::string& token, std::int64_t now_us);
  void keep(const std::string& token, const http::Caller& caller, std::int64_t expires_us,
            std::uint64_t epoch);

 private:
  static constexpr std::size_t kMaxEntries = 8192;
  struct Entry {
    http::Caller caller;
    std::int64_t expires_us;
    std::uint64_t epoch;
  };
  std::atomic<std::uint64_t> epoch_{1};
  std::mutex mutex_;
  std::unordered_map<std::string, Entry> entries_;
};

struct Context {
  store::Database& database;
  const Clock& clock;
  Settings settings;
  std::unique_ptr<KeyRepository> keys;
  PasswordHasher hasher;
  CallerCache callers;

  // A write of the identity service: cached callers are void afterwards.
  template <typename F>
  auto write(F&& fn) {
    auto out = database.write(std::forward<F>(fn));
    callers.changed();
    return out;
  }
  [[nodiscard]] std::int64_t now_us() const { return clock.now_us(); }
};

}  // namespace hanok::identity

#pragma once
// bcrypt ($2b$) through libcrypt. Hashing is meant to be slow: at most a few at once, the others wait.

#include <memory>
#include <semaphore>
#include <string>
#include <string_view>

#include "common/result.h"

namespace hanok::identity {

// Thread-safe; each call takes the time of one bcrypt (about 0.2 s at cost 12).
class PasswordHasher {
 public:
  static constexpr std::size_t kMaxPasswordBytes = 4096;  // beyond 72 bcrypt does not look, as in Keystone

  // `cost`: 4 to 31, log2 of the rounds; Keystone's default is 12. `at_once`: 1 to 64.
  PasswordHasher(int cost, int at_once);

  [[nodiscard]] std::string hash(const std::string& password);
  // An empty `stored` takes the same time and is never right.
  [[nodiscard]] bool verify(const std::string& password, const std::string& stored);

 private:
  [[nodiscard]] std::string run(const std::string& password, const std::string& setting);

  int cost_;
  std::counting_semaphore<64> slots_;
  std::string nobody_;  // a hash that no password has
};

}  // namespace hanok::identity

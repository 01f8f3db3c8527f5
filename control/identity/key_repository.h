#pragma once
// Fernet keys in a folder, as Keystone keeps them: files named by numbers, the highest is the primary (it
// encrypts), 0 is staged (the next primary), the others only decrypt. Folder 0700, files 0600.

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/identity/fernet.h"

namespace hanok::identity {

// Thread-safe.
class KeyRepository {
 public:
  // Keys after a rotation, the staged one included: tokens live through max - 2 rotations.
  static constexpr std::size_t kMaxKeys = 3;

  // Makes the folder with a primary and a staged key if it has none. A file that is no key is an error.
  [[nodiscard]] static Result<std::unique_ptr<KeyRepository>> open(const std::string& folder);

  // The staged key becomes the primary, a new one is staged, the oldest beyond kMaxKeys go.
  [[nodiscard]] Status rotate();
  // Rotates when the primary is older than `max_age_s` seconds (by its file's time).
  [[nodiscard]] Status rotate_when_older(std::int64_t now_s, std::int64_t max_age_s);

  [[nodiscard]] std::string encrypt(std::string_view plaintext, std::int64_t time_s) const;
  [[nodiscard]] std::optional<FernetMessage> decrypt(std::string_view token) const;
  [[nodiscard]] std::size_t size() const;

 private:
  explicit KeyRepository(std::string folder) : folder_(std::move(folder)) {}
  [[nodiscard]] Result<std::vector<int>> numbers() const;
  [[nodiscard]] Status load();
  [[nodiscard]] std::string file(int number) const { return folder_ + "/" + std::to_string(number); }

  std::string folder_;
  mutable std::mutex mutex_;
  std::vector<FernetKey> keys_;  // the primary first
};

}  // namespace hanok::identity

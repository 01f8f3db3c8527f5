#include "control/identity/key_repository.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "common/log.h"
#include "common/secret.h"

namespace hanok::identity {

Result<std::unique_ptr<KeyRepository>> KeyRepository::open(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error || chmod(folder.c_str(), 0700) != 0)
    return internal_error(folder + ": cannot make the key folder");
  std::unique_ptr<KeyRepository> repository(new KeyRepository(folder));
  HANOK_TRY(present, repository->numbers());
  if (present.empty()) {
    // The staged key first: a crash between the two leaves a folder that still opens (with one key).
    HANOK_CHECK(write_secret_file(repository->file(0), encode_fernet_key(new_fernet_key())));
    HANOK_CHECK(write_secret_file(repository->file(1), encode_fernet_key(new_fernet_key())));
  }
  HANOK_CHECK(repository->load());
  return repository;
}

Result<std::vector<int>> KeyRepository::numbers() const {
  std::vector<int> out;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
    const std::string name = entry.path().filename();
    if (name.empty() || name.size() > 9 || name.find_first_not_of("0123456789") != std::string::npos)
      continue;
    out.push_back(std::stoi(name));
  }
  if (error) return internal_error(folder_ + ": cannot read the key folder");
  std::sort(out.rbegin(), out.rend());
  return out;
}

Status KeyRepository::load() {
  HANOK_TRY(present, numbers());
  std::vector<FernetKey> keys;
  for (int number : present) {
    HANOK_TRY(text, read_file(file(number), 4096));
    auto key = decode_fernet_key(text);
    if (!key.ok()) return internal_error(file(number) + ": " + key.error().message);
    keys.push_back(*key);
  }
  const std::lock_guard lock(mutex_);
  keys_ = std::move(keys);
  return {};
}

Status KeyRepository::rotate() {
  HANOK_TRY(present, numbers());
  HANOK_ASSERT(!present.empty());
  const int next = present.front() + 1;
  if (rename(file(0).c_str(), file(next).c_str()) != 0)
    return internal_error(folder_ + ": cannot rotate the keys");
  HANOK_CHECK(write_secret_file(file(0), encode_fernet_key(new_fernet_key())));
  HANOK_TRY(after, numbers());
  // Newest first, the staged key last: the oldest are just before it.
  while (after.size() > kMaxKeys) {
    const std::size_t oldest = after.size() - 2;
    unlink(file(after[oldest]).c_str());
    after.erase(after.begin() + static_cast<std::ptrdiff_t>(oldest));
  }
  spdlog::info("identity: Fernet key {} is the primary now", next);
  return load();
}

Status KeyRepository::rotate_when_older(std::int64_t now_s, std::int64_t max_age_s) {
  HANOK_TRY(present, numbers());
  struct stat info {};
  if (present.empty() || stat(file(present.front()).c_str(), &info) != 0) {
    return internal_error(folder_ + ": no keys");
  }
  if (now_s - info.st_mtime < max_age_s) return {};
  HANOK_CHECK(rotate());
  HANOK_TRY(after, numbers());
  // A renamed file keeps its time; its age as primary counts from now.
  const timespec times[2] = {{now_s, 0}, {now_s, 0}};
  if (utimensat(AT_FDCWD, file(after.front()).c_str(), times, 0) != 0) {
    return internal_error(folder_ + ": cannot stamp the primary key");
  }
  return {};
}

std::string KeyRepository::encrypt(std::string_view plaintext, std::int64_t time_s) const {
  const std::lock_guard lock(mutex_);
  return fernet_encrypt(keys_.front(), plaintext, time_s);
}

std::optional<FernetMessage> KeyRepository::decrypt(std::string_view token) const {
  const std::lock_guard lock(mutex_);
  for (const FernetKey& key : keys_) {
    if (auto message = fernet_decrypt(key, token)) return message;
  }
  return std::nullopt;
}

std::size_t KeyRepository::size() const {
  const std::lock_guard lock(mutex_);
  return keys_.size();
}

}  // namespace hanok::identity

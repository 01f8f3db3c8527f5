#include "storage/target/rbd/fence.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <sstream>
#include <vector>

#include "common/log.h"
#include "common/secret.h"
#include "storage/rbd/cluster.h"

namespace hanok::storage::target {
namespace {

constexpr std::size_t kMaxFile_bytes = 65536;
constexpr std::size_t kKept = 64;  // predecessors that died before one of them got the lock

// "127.0.0.1:0/1234" out of what librados and librbd print, which may be "v1:..." or in brackets.
std::string plain(std::string address) {
  std::erase_if(address, [](char letter) { return letter == '[' || letter == ']'; });
  address = address.substr(0, address.find(','));
  if (address.starts_with("v1:") || address.starts_with("v2:")) address.erase(0, 3);
  return address;
}

Result<std::string> own_address(rados_t rados) {
  char* addresses = nullptr;
  if (const int code = rados_getaddrs(rados, &addresses); code < 0) return rbd_error(code, "own address");
  std::string out = plain(addresses);
  rados_buffer_free(addresses);
  return out;
}

Result<std::vector<std::string>> read_owners(const std::string& file) {
  auto text = read_file(file, kMaxFile_bytes);
  if (!text.ok() && text.error().code != ErrorCode::kNotFound) return text.error();
  std::vector<std::string> out;
  std::istringstream lines(text.ok() ? *text : std::string());
  for (std::string line; std::getline(lines, line);) out.push_back(line);
  return out;
}

Status write_owners(const std::string& file, std::vector<std::string> owners, const std::string& own) {
  if (owners.size() > kKept) owners.erase(owners.begin(), owners.end() - kKept);
  std::string text;
  for (const std::string& owner : owners) text += owner + "\n";
  return write_secret_file(file, text + own + "\n");
}

Result<std::string> lock_owner(rbd_image_t image, const std::string& name) {  // empty: nobody
  rbd_lock_mode_t mode = RBD_LOCK_MODE_EXCLUSIVE;
  std::array<char*, 8> owners{};
  std::size_t count = owners.size();
  const int code = rbd_lock_get_owners(image, &mode, owners.data(), &count);
  if (code == -ENOENT || (code == 0 && count == 0)) return std::string();
  if (code < 0) return rbd_error(code, name + ": owner of the lock");
  std::string out = owners[0];
  rbd_lock_get_owners_cleanup(owners.data(), count);
  return out;
}

// A client that lives keeps a watch on the image.
Result<bool> lives(rbd_image_t image, const std::string& owner, const std::string& name) {
  std::array<rbd_image_watcher_t, 64> watchers{};
  std::size_t count = watchers.size();
  if (const int code = rbd_watchers_list(image, watchers.data(), &count); code < 0) {
    return rbd_error(code, name + ": watchers");
  }
  const bool out =
      std::any_of(watchers.begin(), watchers.begin() + static_cast<std::ptrdiff_t>(count),
                  [&](const rbd_image_watcher_t& one) { return plain(one.addr) == plain(owner); });
  rbd_watchers_list_cleanup(watchers.data(), count);
  return out;
}

}  // namespace

Status fence(rados_t rados, rbd_image_t image, const std::string& name, const std::string& owner_file) {
  HANOK_TRY(own, own_address(rados));
  HANOK_TRY(owners, read_owners(owner_file));
  HANOK_CHECK(write_owners(owner_file, owners, own));
  HANOK_TRY(owner, lock_owner(image, name));
  if (owner.empty()) return {};
  const bool predecessor = std::find(owners.begin(), owners.end(), plain(owner)) != owners.end();
  if (!predecessor) {
    HANOK_TRY(alive, lives(image, owner, name));
    if (alive) return conflict(name + ": in use by the client at " + owner);
  }
  if (const int code = rbd_lock_break(image, RBD_LOCK_MODE_EXCLUSIVE, owner.c_str());
      code < 0 && code != -ENOENT) {
    return rbd_error(code, name + ": the lock of " + owner + ", who is dead, cannot be broken");
  }
  spdlog::warn("{}: broke the lock of {}, who is dead", name, owner);
  return {};
}

}  // namespace hanok::storage::target

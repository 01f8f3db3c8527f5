#include "storage/target/rbd/admin_socket.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "common/json.h"

namespace hanok::storage::target {
namespace {

constexpr std::string_view kCommand = R"({"prefix":"perf dump","logger":"objecter","format":"json"})";
constexpr std::uint32_t kMaxAnswer_bytes = 65536;
constexpr timeval kPatience = {.tv_sec = 0, .tv_usec = 100'000};

class Socket {
 public:
  Socket() : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO}) {
      setsockopt(fd_, SOL_SOCKET, option, &kPatience, sizeof(kPatience));
    }
  }
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_;
};

Error failed(const std::string& path) {
  return unavailable(path + ": " + std::strerror(errno));
}

bool receive(int fd, void* out, std::size_t length) {
  return recv(fd, out, length, MSG_WAITALL) == static_cast<ssize_t>(length);
}

}  // namespace

Result<ObjecterCounts> ask_objecter(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return bad_request(path + ": too long for a socket");
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const Socket peer;
  if (connect(peer.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
    return failed(path);
  const std::string command = std::string(kCommand) + '\0';
  if (send(peer.fd(), command.data(), command.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(command.size()))
    return failed(path);
  std::array<std::uint8_t, 4> head{};
  if (!receive(peer.fd(), head.data(), head.size())) return failed(path);
  std::uint32_t length = 0;
  for (const std::uint8_t byte : head) length = length << 8U | byte;
  if (length > kMaxAnswer_bytes)
    return bad_request(path + ": an answer of " + std::to_string(length) + " bytes");
  std::string text(length, '\0');
  if (!receive(peer.fd(), text.data(), text.size())) return failed(path);
  HANOK_TRY(answer, parse_json(text));
  HANOK_TRY(objecter, need_object(answer, "objecter"));
  HANOK_TRY(active, get_int(*objecter, "op_active"));
  HANOK_TRY(replies, get_int(*objecter, "op_reply"));
  if (!active || !replies || *active < 0 || *replies < 0)
    return bad_request(path + ": no op_active or op_reply");
  return ObjecterCounts{static_cast<std::uint64_t>(*active), static_cast<std::uint64_t>(*replies)};
}

}  // namespace hanok::storage::target

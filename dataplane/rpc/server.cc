#include "dataplane/rpc/server.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

namespace hanok::dataplane::rpc {

struct Server::Connection {
  explicit Connection(int socket) : fd(socket) {}
  ~Connection() { close(fd); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  int fd;
  std::string received;
  std::size_t scanned = 0;  // bytes of `received` known to hold no newline
  std::string unsent;
  bool closing = false;  // close when `unsent` has gone
  bool dead = false;
};

namespace {

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return bad_request(path + ": a socket path has 1 to 107 bytes");
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

bool someone_listens(const sockaddr_un& address) {
  const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (probe < 0) return false;
  const bool alive = connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  close(probe);
  return alive;
}

Result<int> listen_on(const std::string& path) {
  HANOK_TRY(address, address_of(path));
  if (someone_listens(address)) return conflict(path + ": another process listens here");
  unlink(path.c_str());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return unavailable(std::string("socket: ") + std::strerror(errno));
  const mode_t before = umask(0177);  // the file must never be there with wider rights
  const int bound = bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  const int why = errno;
  umask(before);
  if (bound != 0 || listen(fd, 16) != 0) {
    const std::string reason = std::strerror(bound != 0 ? why : errno);
    close(fd);
    return unavailable(path + ": " + reason);
  }
  return fd;
}

}  // namespace

Server::Server(std::string socket_path, std::map<std::string, Method> methods, ServerLimits limits)
    : socket_path_(std::move(socket_path)), limits_(limits), dispatcher_(std::move(methods), counters_) {}

Result<std::unique_ptr<Server>> Server::start(const std::string& socket_path,
                                              std::map<std::string, Method> methods, ServerLimits limits) {
  HANOK_TRY(listen_fd, listen_on(socket_path));
  std::unique_ptr<Server> server(new Server(socket_path, std::move(methods), limits));
  server->listen_fd_ = listen_fd;
  server->wake_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  HANOK_ASSERT(server->wake_fd_ >= 0);
  server->thread_ = std::thread([raw = server.get()] { raw->run(); });
  return server;
}

Server::~Server() {
  stopping_ = true;
  if (thread_.joinable()) {
    const std::uint64_t one = 1;
    HANOK_ASSERT(write(wake_fd_, &one, sizeof(one)) == sizeof(one));
    thread_.join();
  }
  if (wake_fd_ >= 0) close(wake_fd_);
  if (listen_fd_ >= 0) {
    close(listen_fd_);
    unlink(socket_path_.c_str());
  }
}

void Server::run() {
  while (!stopping_) {
    std::vector<pollfd> waits = {{wake_fd_, POLLIN, 0}, {listen_fd_, POLLIN, 0}};
    for (const auto& [fd, connection] : connections_) {
      // One that owes us reading is not served more: its answers would pile up here.
      const bool owes = connection->unsent.size() > limits_.message_bytes;
      short events = 0;
      if (!connection->closing && !owes) events |= POLLIN;
      if (!connection->unsent.empty()) events |= POLLOUT;
      waits.push_back({fd, events, 0});
    }
    if (poll(waits.data(), waits.size(), -1) < 0) continue;  // EINTR
    for (std::size_t i = 2; i < waits.size(); ++i) {
      Connection& connection = *connections_.at(waits[i].fd);
      if ((waits[i].revents & (POLLIN | POLLHUP | POLLERR)) != 0) read_from(connection);
      if (!connection.unsent.empty()) send_to(connection);
      if (connection.dead || (connection.closing && connection.unsent.empty()))
        connections_.erase(waits[i].fd);
    }
    if ((waits[1].revents & POLLIN) != 0) accept_one();
  }
  connections_.clear();
}

void Server::accept_one() {
  const int fd = accept4(listen_fd_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) return;
  if (connections_.size() >= limits_.connections) {
    ++counters_.connections_refused;
    close(fd);
    return;
  }
  ++counters_.connections;
  connections_.emplace(fd, std::make_unique<Connection>(fd));
}

void Server::read_from(Connection& connection) {
  std::array<char, 65536> buffer;
  const ssize_t got = recv(connection.fd, buffer.data(), buffer.size(), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) {
    connection.dead = true;
    return;
  }
  if (connection.closing) return;
  connection.received.append(buffer.data(), static_cast<std::size_t>(got));
  serve_lines(connection);
}

void Server::serve_lines(Connection& connection) {
  std::size_t begin = 0;
  while (true) {
    const std::size_t end = connection.received.find('\n', std::max(begin, connection.scanned));
    if (end == std::string::npos) break;
    const std::string_view line(connection.received.data() + begin, end - begin);
    if (line.find_first_not_of(" \t\r") != std::string_view::npos)
      connection.unsent += dispatcher_.answer(line);
    begin = end + 1;
    if (connection.unsent.size() > limits_.unsent_bytes) {
      ++counters_.slow_clients;
      connection.dead = true;
      return;
    }
  }
  connection.received.erase(0, begin);
  connection.scanned = connection.received.size();
  if (connection.received.size() > limits_.message_bytes) {
    ++counters_.oversized;
    connection.unsent +=
        dump_json({{"jsonrpc", "2.0"},
                   {"id", nullptr},
                   {"error", {{"code", kInvalidRequest}, {"message", "the message is too long"}}}}) +
        "\n";
    connection.received.clear();
    connection.closing = true;
  }
}

void Server::send_to(Connection& connection) {
  const ssize_t sent = send(connection.fd, connection.unsent.data(), connection.unsent.size(), MSG_NOSIGNAL);
  if (sent < 0) {
    if (errno != EAGAIN && errno != EINTR) connection.dead = true;
    return;
  }
  connection.unsent.erase(0, static_cast<std::size_t>(sent));
}

}  // namespace hanok::dataplane::rpc

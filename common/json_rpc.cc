#include "common/json_rpc.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

namespace hanok {
namespace {

constexpr std::size_t kMaxReplyBytes = 256U << 20U;

}  // namespace

JsonRpcClient::~JsonRpcClient() {
  disconnect();
}

void JsonRpcClient::disconnect() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
  pending_.clear();
}

Status JsonRpcClient::connect_socket() {
  if (fd_ >= 0) return {};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_path_.size() >= sizeof(address.sun_path))
    return bad_request(socket_path_ + ": socket path is too long");
  std::memcpy(address.sun_path, socket_path_.c_str(), socket_path_.size() + 1);
  fd_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return unavailable(std::string("socket: ") + std::strerror(errno));
  if (connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    const std::string why = std::strerror(errno);
    disconnect();
    return unavailable(socket_path_ + ": " + why);
  }
  return {};
}

Result<std::string> JsonRpcClient::exchange(const std::string& line, std::int64_t timeout_ms) {
  std::size_t sent = 0;
  while (sent < line.size()) {
    const ssize_t count = send(fd_, line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return unavailable(socket_path_ + ": connection lost");
    sent += static_cast<std::size_t>(count);
  }
  using SteadyClock = std::chrono::steady_clock;
  const auto deadline = SteadyClock::now() + std::chrono::milliseconds(timeout_ms);
  std::array<char, 65536> buffer{};
  while (true) {
    if (const std::size_t end = pending_.find('\n'); end != std::string::npos) {
      std::string out = pending_.substr(0, end);
      pending_.erase(0, end + 1);
      return out;
    }
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - SteadyClock::now()).count();
    pollfd wait{fd_, POLLIN, 0};
    if (left <= 0 || poll(&wait, 1, static_cast<int>(left)) == 0) {
      return Error{ErrorCode::kTimeout, fmt::format("{}: no answer within {} ms", socket_path_, timeout_ms)};
    }
    const ssize_t got = recv(fd_, buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0 || pending_.size() > kMaxReplyBytes) return unavailable(socket_path_ + ": connection lost");
    pending_.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

Result<Json> JsonRpcClient::call(const std::string& method, const Json& params, std::int64_t timeout_ms) {
  HANOK_CHECK(connect_socket());
  const std::int64_t id = next_id_++;
  const Json request = {{"jsonrpc", "2.0"}, {"id", id}, {"method", method}, {"params", params}};
  auto line = exchange(dump_json(request) + "\n", timeout_ms);
  if (!line.ok()) {
    disconnect();  // an answer that comes late must not be taken for the next call's
    return line.take_error();
  }
  auto reply = parse_json(line.value());
  if (!reply.ok() || !reply->is_object() || reply->value("id", Json()) != Json(id)) {
    disconnect();
    return unavailable(socket_path_ + ": the answer is not JSON-RPC");
  }
  if (const auto error = reply->find("error"); error != reply->end()) {
    std::string message = error->value("message", "unnamed error");
    if (error->contains("data") && (*error)["data"].is_object() && (*error)["data"].contains("path")) {
      message += " at " + dump_json((*error)["data"]["path"]);
    }
    return bad_request(std::move(message));
  }
  return reply->value("result", Json());
}

}  // namespace hanok

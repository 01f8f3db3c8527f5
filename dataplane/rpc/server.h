#pragma once
// JSON-RPC 2.0 server (https://www.jsonrpc.org/specification) on a Unix stream socket, one message per line.
// One thread of its own serves all connections and runs the methods; a method may take as long as it needs,
// the packet workers never wait for it. Batches and notifications are served. Every bound and every bad
// message has a counter, and nothing that a client sends ends the process.

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <variant>

#include "common/json.h"
#include "common/result.h"

namespace hanok::dataplane::rpc {

// Codes of the specification, and the server's own below -32000.
inline constexpr int kParseError = -32700;
inline constexpr int kInvalidRequest = -32600;
inline constexpr int kMethodNotFound = -32601;
inline constexpr int kInvalidParams = -32602;
inline constexpr int kInternalError = -32603;
inline constexpr int kRefused = -32000;          // understood, and not possible now
inline constexpr int kWrongGeneration = -32001;  // the changes are based on another generation
inline constexpr int kNotFound = -32002;

struct RpcError {
  int code = kInternalError;
  std::string message;
  Json data{};  // null is left out
};
using RpcOutcome = std::variant<Json, RpcError>;
// Runs on the server's thread. `params` is an object or an array; an absent one comes as an empty object.
using Method = std::function<RpcOutcome(const Json& params)>;

struct ServerLimits {
  std::size_t message_bytes = 64U << 20U;
  std::size_t connections = 32;
  std::size_t unsent_bytes = 256U << 20U;  // answers that a slow client has not read
};

// Written by the server's thread, read by any.
struct ServerCounters {
  std::atomic<std::uint64_t> connections{0};
  std::atomic<std::uint64_t> connections_refused{0};  // over the limit
  std::atomic<std::uint64_t> requests{0};
  std::atomic<std::uint64_t> parse_errors{0};
  std::atomic<std::uint64_t> invalid_requests{0};
  std::atomic<std::uint64_t> unknown_methods{0};
  std::atomic<std::uint64_t> failed_requests{0};  // a method answered with an error
  std::atomic<std::uint64_t> oversized{0};
  std::atomic<std::uint64_t> slow_clients{0};  // closed: did not read its answers
};

// Answers one line (a request or a batch) with one line, or nothing for notifications. Thread: the caller's.
class Dispatcher {
 public:
  Dispatcher(std::map<std::string, Method> methods, ServerCounters& counters)
      : methods_(std::move(methods)), counters_(counters) {}
  [[nodiscard]] std::string answer(std::string_view line) const;

 private:
  [[nodiscard]] Json answer_one(const Json& request) const;

  std::map<std::string, Method> methods_;
  ServerCounters& counters_;
};

class Server {
 public:
  // Binds `socket_path` (mode 0600; a stale socket file of a dead server is replaced, a live one is
  // kConflict) and starts the thread.
  [[nodiscard]] static Result<std::unique_ptr<Server>> start(const std::string& socket_path,
                                                             std::map<std::string, Method> methods,
                                                             ServerLimits limits = {});
  ~Server();  // stops the thread, closes connections, removes the socket file
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  [[nodiscard]] const ServerCounters& counters() const { return counters_; }

 private:
  struct Connection;
  Server(std::string socket_path, std::map<std::string, Method> methods, ServerLimits limits);
  void run();
  void accept_one();
  void read_from(Connection& connection);
  void serve_lines(Connection& connection);
  void send_to(Connection& connection);

  std::string socket_path_;
  ServerLimits limits_;
  ServerCounters counters_;
  Dispatcher dispatcher_;
  int listen_fd_ = -1;
  int wake_fd_ = -1;
  std::atomic<bool> stopping_{false};
  std::map<int, std::unique_ptr<Connection>> connections_;
  std::thread thread_;
};

}  // namespace hanok::dataplane::rpc

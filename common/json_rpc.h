#pragma once
// JSON-RPC 2.0 (https://www.jsonrpc.org/specification) over a Unix stream socket, one object per line.
// Client side; the data plane's server is dataplane/rpc.

#include <cstdint>
#include <string>

#include "common/json.h"
#include "common/result.h"

namespace hanok {

// One connection; not thread-safe. Connects on the first call and again after a failure.
class JsonRpcClient {
 public:
  explicit JsonRpcClient(std::string socket_path) : socket_path_(std::move(socket_path)) {}
  ~JsonRpcClient();
  JsonRpcClient(const JsonRpcClient&) = delete;
  JsonRpcClient& operator=(const JsonRpcClient&) = delete;

  // kUnavailable: no server or connection lost; kTimeout; an error object of the server comes as kBadRequest
  // with its message (and data.path when there is one).
  [[nodiscard]] Result<Json> call(const std::string& method, const Json& params,
                                  std::int64_t timeout_ms = 10000);

 private:
  [[nodiscard]] Status connect_socket();
  [[nodiscard]] Result<std::string> exchange(const std::string& line, std::int64_t timeout_ms);
  void disconnect();

  std::string socket_path_;
  int fd_ = -1;
  std::int64_t next_id_ = 1;
  std::string pending_;
};

}  // namespace hanok

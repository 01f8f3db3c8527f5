#pragma once
// One connection to hanok-api's agent listener (docs/architecture.md, "Agent protocol").

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "common/json.h"
#include "common/result.h"

namespace hanok::agent {

class Api {
 public:
  virtual ~Api() = default;
  // `verb` is GET or POST; `body` is sent unless null. One call at a time. kUnavailable: not reachable or the
  // connection broke; kTimeout; an HTTP error comes as the code of its status.
  [[nodiscard]] virtual Result<Json> call(const std::string& verb, const std::string& target,
                                          const Json& body, std::int64_t timeout_ms) = 0;
  // From any thread: the call that runs, and all later ones, fail at once with kUnavailable.
  virtual void cancel() = 0;
};

using ApiFactory = std::function<std::unique_ptr<Api>()>;

// `address` is "unix:/path" or "http://host:port"; kBadRequest otherwise. The token goes into each request's
// Authorization header. Connections are opened when they are first needed, and again after a failure.
[[nodiscard]] Result<ApiFactory> http_api(const std::string& address, const std::string& token);

}  // namespace hanok::agent

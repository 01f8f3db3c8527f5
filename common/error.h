#pragma once
// The one error type. `code` decides the HTTP status (in control/http/envelope.cc, nowhere else), `message`
// is for people and goes to clients: no secrets, no internals. `type` is the service's own error name where
// clients look at it (Neutron's "type", e.g. "NetworkNotFound"); may be empty.

#include <string>
#include <string_view>

namespace hanok {

enum class ErrorCode {
  kBadRequest,        // 400
  kUnauthorized,      // 401
  kForbidden,         // 403
  kNotFound,          // 404
  kMethodNotAllowed,  // 405
  kNotAcceptable,     // 406
  kConflict,          // 409
  kGone,              // 410
  kTooLarge,          // 413
  kUnsupportedMedia,  // 415
  kUnprocessable,     // 422
  kOverQuota,         // 403 or 413, by service
  kTooMany,           // 429
  kInternal,          // 500
  kNotImplemented,    // 501
  kUnavailable,       // 503
  kTimeout,           // 504
};

struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
  std::string type{};
};

[[nodiscard]] std::string_view to_string(ErrorCode code);

// Short makers: return bad_request("name is too long").
[[nodiscard]] Error bad_request(std::string message, std::string type = {});
[[nodiscard]] Error unauthorized(std::string message);
[[nodiscard]] Error forbidden(std::string message, std::string type = {});
[[nodiscard]] Error not_found(std::string message, std::string type = {});
[[nodiscard]] Error conflict(std::string message, std::string type = {});
[[nodiscard]] Error over_quota(std::string message, std::string type = {});
[[nodiscard]] Error internal_error(std::string message);
[[nodiscard]] Error unavailable(std::string message);

// A bug: prints the place and aborts. Kept in release builds.
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line);

}  // namespace hanok

#define HANOK_ASSERT(condition)                        \
  (static_cast<bool>(condition) ? static_cast<void>(0) \
                                : ::hanok::assertion_failed(#condition, __FILE__, __LINE__))

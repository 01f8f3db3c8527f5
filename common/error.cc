#include "common/error.h"

#include <cstdio>
#include <cstdlib>
#include <utility>

namespace hanok {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::kBadRequest:
      return "bad_request";
    case ErrorCode::kUnauthorized:
      return "unauthorized";
    case ErrorCode::kForbidden:
      return "forbidden";
    case ErrorCode::kNotFound:
      return "not_found";
    case ErrorCode::kMethodNotAllowed:
      return "method_not_allowed";
    case ErrorCode::kNotAcceptable:
      return "not_acceptable";
    case ErrorCode::kConflict:
      return "conflict";
    case ErrorCode::kGone:
      return "gone";
    case ErrorCode::kTooLarge:
      return "too_large";
    case ErrorCode::kUnsupportedMedia:
      return "unsupported_media";
    case ErrorCode::kUnprocessable:
      return "unprocessable";
    case ErrorCode::kOverQuota:
      return "over_quota";
    case ErrorCode::kTooMany:
      return "too_many";
    case ErrorCode::kInternal:
      return "internal";
    case ErrorCode::kNotImplemented:
      return "not_implemented";
    case ErrorCode::kUnavailable:
      return "unavailable";
    case ErrorCode::kTimeout:
      return "timeout";
  }
  return "unknown";
}

Error bad_request(std::string message, std::string type) {
  return {ErrorCode::kBadRequest, std::move(message), std::move(type)};
}
Error unauthorized(std::string message) {
  return {ErrorCode::kUnauthorized, std::move(message)};
}
Error forbidden(std::string message, std::string type) {
  return {ErrorCode::kForbidden, std::move(message), std::move(type)};
}
Error not_found(std::string message, std::string type) {
  return {ErrorCode::kNotFound, std::move(message), std::move(type)};
}
Error conflict(std::string message, std::string type) {
  return {ErrorCode::kConflict, std::move(message), std::move(type)};
}
Error over_quota(std::string message, std::string type) {
  return {ErrorCode::kOverQuota, std::move(message), std::move(type)};
}
Error internal_error(std::string message) {
  return {ErrorCode::kInternal, std::move(message)};
}
Error unavailable(std::string message) {
  return {ErrorCode::kUnavailable, std::move(message)};
}

void assertion_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, condition);
  std::abort();
}

}  // namespace hanok

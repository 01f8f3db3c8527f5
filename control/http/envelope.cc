#include "control/http/envelope.h"

namespace hanok::http {
namespace {

int over_quota_status(Envelope envelope) {
  switch (envelope) {
    case Envelope::kNetwork:
      return 409;
    case Envelope::kVolume:
    case Envelope::kImage:
      return 413;
    case Envelope::kIdentity:
    case Envelope::kCompute:
      return 403;
  }
  return 403;
}

// The name that Nova and Cinder give the fault of a status.
std::string_view fault_name(int status) {
  switch (status) {
    case 400:
      return "badRequest";
    case 401:
      return "unauthorized";
    case 403:
      return "forbidden";
    case 404:
      return "itemNotFound";
    case 405:
      return "badMethod";
    case 409:
      return "conflictingRequest";
    case 413:
    case 429:
      return "overLimit";
    case 415:
      return "badMediaType";
    case 501:
      return "notImplemented";
    case 503:
      return "serviceUnavailable";
    default:
      return "computeFault";
  }
}

std::string network_type(int status) {
  std::string out = "HTTP";
  for (char c : status_phrase(status)) {
    if (c != ' ') out += c;
  }
  return out;
}

Json wrap(Envelope envelope, int status, const Error& error, const std::string& message) {
  const std::string title(status_phrase(status));
  switch (envelope) {
    case Envelope::kIdentity:
      return {{"error", {{"code", status}, {"message", message}, {"title", title}}}};
    case Envelope::kCompute:
    case Envelope::kVolume:
      return {{std::string(fault_name(status)), {{"code", status}, {"message", message}}}};
    case Envelope::kNetwork:
      return {{"NeutronError",
               {{"type", error.type.empty() ? network_type(status) : error.type},
                {"message", message},
                {"detail", ""}}}};
    case Envelope::kImage:
      return {{"message", message}, {"code", std::to_string(status) + " " + title}, {"title", title}};
  }
  return nullptr;
}

}  // namespace

int http_status(Envelope envelope, ErrorCode code) {
  switch (code) {
    case ErrorCode::kBadRequest:
      return 400;
    case ErrorCode::kUnauthorized:
      return 401;
    case ErrorCode::kForbidden:
      return 403;
    case ErrorCode::kNotFound:
      return 404;
    case ErrorCode::kMethodNotAllowed:
      return 405;
    case ErrorCode::kNotAcceptable:
      return 406;
    case ErrorCode::kConflict:
      return 409;
    case ErrorCode::kGone:
      return 410;
    case ErrorCode::kTooLarge:
      return 413;
    case ErrorCode::kUnsupportedMedia:
      return 415;
    case ErrorCode::kUnprocessable:
      return 422;
    case ErrorCode::kOverQuota:
      return over_quota_status(envelope);
    case ErrorCode::kTooMany:
      return 429;
    case ErrorCode::kInternal:
      return 500;
    case ErrorCode::kNotImplemented:
      return 501;
    case ErrorCode::kUnavailable:
      return 503;
    case ErrorCode::kTimeout:
      return 504;
  }
  return 500;
}

std::string_view status_phrase(int status) {
  switch (status) {
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 413:
      return "Request Entity Too Large";
    case 415:
      return "Unsupported Media Type";
    case 422:
      return "Unprocessable Entity";
    case 429:
      return "Too Many Requests";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    default:
      return "Error";
  }
}

Response error_response(Envelope envelope, const Error& error, const std::string& request_id) {
  const int status = http_status(envelope, error.code);
  const std::string message =
      error.code == ErrorCode::kInternal
          ? "An unexpected error prevented the server from fulfilling the request. It is logged under " +
                request_id + "."
          : error.message;
  Response out;
  out.status = status;
  out.body = wrap(envelope, status, error, message);
  if (status == 401) out.headers["WWW-Authenticate"] = "Keystone uri=\"/v3\"";
  return out;
}

}  // namespace hanok::http

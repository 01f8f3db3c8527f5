#pragma once
// Errors become HTTP here and nowhere else: the status of each code, and each service's own JSON around it.

#include "control/http/http.h"

namespace hanok::http {

[[nodiscard]] int http_status(Envelope envelope, ErrorCode code);
[[nodiscard]] std::string_view status_phrase(int status);
// The whole answer: status, body, and WWW-Authenticate on 401. kInternal never shows its message.
[[nodiscard]] Response error_response(Envelope envelope, const Error& error, const std::string& request_id);

}  // namespace hanok::http

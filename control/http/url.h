#pragma once
// The request target (RFC 3986): path and query, decoded and bounded.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/result.h"

namespace hanok::http {

struct Target {
  std::vector<std::string> segments;  // decoded; empty ones (doubled or trailing slashes) left out
  std::string path;                   // decoded
  std::vector<std::pair<std::string, std::string>> query;
};

// kBadRequest: broken percent escapes, NUL bytes, text that is not UTF-8, more than 64 segments or 256
// parameters.
[[nodiscard]] Result<Target> parse_target(std::string_view target);

// Everything but letters, digits and -._~ as %XX (RFC 3986, 2.1): for links that carry the client's own
// words.
[[nodiscard]] std::string percent_encode(std::string_view text);

}  // namespace hanok::http

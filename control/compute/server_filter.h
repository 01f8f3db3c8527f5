#pragma once
// The query of GET /servers: which servers, in which order.

#include <regex.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "control/compute/server.h"

namespace hanok::compute {

// A POSIX extended regular expression without bounds and back references, so that matching stays linear.
class Pattern {
 public:
  [[nodiscard]] static Result<Pattern> make(const std::string& text);
  [[nodiscard]] bool matches(const std::string& text) const;

 private:
  struct Free {
    void operator()(regex_t* compiled) const {
      regfree(compiled);
      delete compiled;
    }
  };
  std::shared_ptr<regex_t> compiled_;
};

struct ServerFilter {
  std::string where = "1";  // what SQL can tell
  store::Args args;
  std::vector<std::pair<std::string, Pattern>> patterns;  // "name", "ip", "ip6": looked at row by row
  std::optional<std::string> status;
  bool nothing = false;  // a filter that no server meets
  std::string order = "seq";
  bool descending = true;
};
[[nodiscard]] Result<ServerFilter> parse_filter(const http::Request& request);
[[nodiscard]] Result<bool> passes(store::Tx& tx, const ServerFilter& filter, const Server& server);

}  // namespace hanok::compute

#pragma once
// Logs: one line per event on stderr, `time level [request-id] text`. Never a secret in a line.

#include <spdlog/spdlog.h>

#include <string>

namespace hanok {

// Call once in main. Level: trace, debug, info, warn, error.
void init_log(const std::string& level);

}  // namespace hanok

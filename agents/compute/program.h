#pragma once
// Runs another program and waits for it.

#include <cstdint>
#include <string>
#include <vector>

#include "common/result.h"

namespace hanok::agent {

// argv[0] is looked up in PATH. No shell, no standard input. An exit status other than 0 is kInternal with
// the end of what it wrote to standard error; kTimeout: it was killed. No secrets in argv: any user of the
// host sees them.
[[nodiscard]] Status run_program(const std::vector<std::string>& argv, std::int64_t timeout_ms);

}  // namespace hanok::agent

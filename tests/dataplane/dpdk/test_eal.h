#pragma once
// DPDK for tests: it starts once per process.

#include <unistd.h>

#include <string>

#include "common/error.h"
#include "dataplane/dpdk/eal.h"

namespace hanok::dataplane::dpdk {

inline Eal& eal() {
  static Eal instance = [] {
    auto started = Eal::start({{0}, 64, true, "hanok-test-" + std::to_string(getpid()), {"--no-telemetry"}});
    HANOK_ASSERT(started.ok());
    return std::move(started).value();
  }();
  return instance;
}

}  // namespace hanok::dataplane::dpdk

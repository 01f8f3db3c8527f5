#pragma once
// DPDK for tests: it starts once per process. With as many workers as HANOK_TEST_WORKERS says.

#include <unistd.h>

#include <string>
#include <vector>

#include "common/error.h"
#include "dataplane/dpdk/eal.h"
#include "tests/dataplane/flow/engines.h"

namespace hanok::dataplane::dpdk {

inline unsigned workers() {
  return test::Engines::wanted();
}

inline Eal& eal() {
  static Eal instance = [] {
    std::vector<unsigned> cpus;
    for (unsigned cpu = 0; cpu < workers(); ++cpu) cpus.push_back(cpu);
    auto started = Eal::start({cpus, 64, true, "hanok-test-" + std::to_string(getpid()), {"--no-telemetry"}});
    HANOK_ASSERT(started.ok());
    return std::move(started).value();
  }();
  return instance;
}

}  // namespace hanok::dataplane::dpdk

#pragma once
// What the engines of several workers share: what is learned, limited or counted for all of them together. No
// frame that has a record comes here, but for those with a rate limit.

#include <atomic>
#include <cstdint>
#include <vector>

#include "dataplane/flow/fragment_table.h"
#include "dataplane/flow/meter_buckets.h"
#include "dataplane/flow/neighbours.h"
#include "dataplane/flow/shared_quota.h"
#include "dataplane/flow/shared_rate.h"

namespace hanok::dataplane {

struct EngineShared {
  EngineShared(unsigned the_workers, std::uint64_t the_seed)
      : workers(the_workers), seed(the_seed), fragments(the_seed) {}

  const unsigned workers;
  const std::uint64_t seed;  // of Ownership
  NeighbourTable neighbours;
  FragmentTable fragments;
  MeterBuckets meters;
  SharedQuota sessions;  // connections
  SharedQuota metadata;  // connections to the metadata service
  SharedRate icmp_errors;
};

}  // namespace hanok::dataplane

#pragma once
// What a Ceph client says of itself on its admin socket
// (https://docs.ceph.com/en/pacific/rados/operations/monitoring/, "Using the admin socket"): one command per
// connection, a JSON object ended by a zero byte; the answer is its length in four bytes, most significant
// first, and JSON.

#include <cstdint>
#include <string>

#include "common/result.h"

namespace hanok::storage::target {

struct ObjecterCounts {
  std::uint64_t in_flight = 0, answered = 0;  // operations for OSDs: sent or waiting to be; since the start
};

// Blocks for at most some 100 ms; kUnavailable when there is no answer, kBadRequest when it makes no sense.
[[nodiscard]] Result<ObjecterCounts> ask_objecter(const std::string& path);

}  // namespace hanok::storage::target

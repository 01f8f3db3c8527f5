#pragma once
// Empties the pools' trash at start and from time to time: a removal that was cut off after the image went
// there, or a parent whose last clone went by other hands, would stay for ever.

#include <functional>
#include <string>
#include <vector>

#include "agents/core/keyed_pool.h"
#include "common/result.h"

namespace hanok::agent {

class TrashSweeper {
 public:
  // Gives how many images went. Called from one thread of the sweeper's own.
  using Purge = std::function<Result<std::size_t>(const std::string& pool)>;

  TrashSweeper(Purge purge, const std::vector<std::string>& pools, std::int64_t interval_ms);

 private:
  std::int64_t sweep(const std::string& pool);

  const Purge purge_;
  const std::int64_t interval_ms_;
  KeyedPool worker_;  // last: its thread uses the rest
};

}  // namespace hanok::agent

#pragma once
// What a role is to the session: it takes fetched changes and answers questions.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/json.h"
#include "common/result.h"

namespace hanok::agent {

// What one fetch brought: objects as they are wanted now, null for gone.
struct Changes {
  std::int64_t generation = 0;
  bool whole = false;                                          // what is not named does not exist
  std::map<std::string, std::map<std::string, Json>> objects;  // by kind, by id
};

class Role {
 public:
  virtual ~Role() = default;
  // Called by the session's one fetching thread, in order of generation. Takes note and returns; the work is
  // done elsewhere.
  virtual void changed(const Changes& changes) = 0;
  // nullopt: not a method of this role. May block; any thread.
  [[nodiscard]] virtual std::optional<Result<Json>> answer(const std::string& method, const Json& params) = 0;
};

}  // namespace hanok::agent

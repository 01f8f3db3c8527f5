#pragma once
// The state document's JSON Schema (draft 7), built into the program.

#include <memory>
#include <optional>
#include <string>

#include "common/json.h"

namespace hanok::dataplane::rpc {

extern const char* const kStateSchema;  // text of state.schema.json

// What is wrong, and where: a JSON Pointer (RFC 6901) into the document.
struct Problem {
  std::string path;
  std::string message;
};

// Compiled once; check() may be called from any one thread at a time.
class StateSchema {
 public:
  StateSchema();
  ~StateSchema();
  StateSchema(const StateSchema&) = delete;
  StateSchema& operator=(const StateSchema&) = delete;

  // nullopt: the document has the right shape. Ids and addresses are not looked at here.
  [[nodiscard]] std::optional<Problem> check(const Json& document) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hanok::dataplane::rpc

#pragma once
// From the state document's JSON to StateDocument.

#include <variant>

#include "common/json.h"
#include "dataplane/rpc/schema.h"
#include "dataplane/tables/state.h"

namespace hanok::dataplane::rpc {

// `whole` false: a document of changes, in which null deletes an object.
[[nodiscard]] std::variant<StateDocument, Problem> to_state_document(const StateSchema& schema,
                                                                     const Json& document, bool whole);

}  // namespace hanok::dataplane::rpc

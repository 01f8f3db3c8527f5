#pragma once
// Networks as the other resources of this service see them.

#include <string>

#include "control/http/http.h"
#include "control/store/store.h"

namespace hanok::network {

// The network's row (all columns) if the caller may see it: its own, shared, external, or an administrator's
// view.
[[nodiscard]] Result<store::Row> visible_network(store::Tx& tx, const std::string& id,
                                                 const http::Caller& caller);
[[nodiscard]] bool owns(const http::Caller& caller,
                        const store::Row& row);  // the project's, or an administrator

}  // namespace hanok::network
